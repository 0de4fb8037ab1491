//! What happens in each row of the table.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use tickcast_server_testkit::raw::{BINARY, CLOSE, PING, TEXT, masked};
use tokio::time::sleep;

use super::{
    client::{Client, End, HttpClient, Seen, gone},
    clusters::clusters,
    identities::identities,
    stage::Stage,
    table::{Target, Term},
};

/// First byte of a fragment that is neither the first nor the last one.
const MORE: u8 = 0x00;
/// First byte of the last fragment.
const LAST: u8 = 0x80;

const MIB: usize = 1024 * 1024;

/// What happens in a row.
pub(super) struct Scenario {
    pub what: &'static str,
    /// Settings, in pairs of flag and value.
    settings: &'static [(&'static str, &'static str)],
    act: Act,
    /// Whether the server ends, and its metrics with it.
    pub ends_server: bool,
    /// Whether its server has identities.
    pub has_identities: bool,
    /// Whether its server is a node of a cluster.
    pub is_node: bool,
    /// Ends of other clients, which the metrics count as well.
    pub also_counted: Option<(&'static str, u64)>,
}

type Act = for<'a> fn(&'a Stage, Target) -> Pin<Box<dyn Future<Output = Seen> + 'a>>;

impl Scenario {
    pub(super) const fn new(what: &'static str, act: Act) -> Self {
        Self {
            what,
            settings: &[],
            act,
            ends_server: false,
            has_identities: false,
            is_node: false,
            also_counted: None,
        }
    }

    pub(super) const fn with(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    pub(super) const fn with_identities(self) -> Self {
        Self {
            has_identities: true,
            ..self
        }
    }

    pub(super) const fn of_node(self) -> Self {
        Self {
            is_node: true,
            ..self
        }
    }

    const fn ends_server(self) -> Self {
        Self {
            ends_server: true,
            ..self
        }
    }

    const fn also_counts(self, label: &'static str, count: u64) -> Self {
        Self {
            also_counted: Some((label, count)),
            ..self
        }
    }

    /// The arguments of its server.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let own = self
            .settings
            .iter()
            .flat_map(|&(flag, value)| [flag, value]);
        let feed = match self.settings {
            [("--feed", _), ..] => &[][..],
            _ => &["--feed", "none"],
        };
        feed.iter()
            .copied()
            .chain(["--shards", "1"])
            .chain(own)
            .collect()
    }

    /// The sum of some terms, with the values of its settings.
    pub(super) fn sum(&self, terms: &[Term]) -> Duration {
        let settings: BTreeMap<String, &str> = self
            .settings
            .iter()
            .map(|&(flag, value)| (flag.trim_start_matches('-').replace('-', "_"), value))
            .collect();
        let time = |term: &Term| match term {
            Term::Fixed(time) => *time,
            Term::Setting(name) => {
                let value = settings[name].strip_suffix("ms").unwrap();
                Duration::from_millis(value.parse().unwrap())
            }
        };
        terms.iter().map(time).sum()
    }

    pub(super) async fn run(&self, server: &Stage, target: Target) -> Seen {
        (self.act)(server, target).await
    }
}

/// A scenario in which a client does something and then reads to the end.
macro_rules! acts {
    ($what:literal, $client:ident => $act:expr) => {
        Scenario::new($what, |server, target| {
            Box::pin(async move {
                let mut $client = Client::open(server, target).await;
                $act;
                $client.read_to_end().await
            })
        })
    };
}

/// A scenario in which a client sends bytes.
macro_rules! sends {
    ($what:literal, $client:ident => $bytes:expr) => {
        acts!($what, $client => {
            let bytes: Vec<u8> = $bytes;
            $client.send(&bytes).await;
        })
    };
}

/// A scenario in which the server gets a signal.
macro_rules! signals {
    ($what:literal, $signal:literal, $answers:literal) => {
        Scenario::new($what, |server, target| {
            Box::pin(async move {
                let mut client = Client::open(server, target).await;
                if !$answers {
                    client.does_not_answer();
                }
                client.cause_is_now();
                server.signal($signal).await;
                client.read_to_end().await
            })
        })
        .ends_server()
    };
}

/// A header that announces `len` bytes, with a mask of zeros.
fn header(first: u8, len: usize) -> Vec<u8> {
    [&[first, 0xff][..], &(len as u64).to_be_bytes(), &[0; 4]].concat()
}

/// A fragment's first byte: the message goes on.
fn first_of(message: u8) -> u8 {
    message & 0x0f
}

const SOON: &[(&str, &str)] = &[("--ping", "300ms"), ("--pong-timeout", "400ms")];
const WRITE_TIMEOUT: &[(&str, &str)] = &[("--write-timeout", "2000ms")];

/// All scenarios.
pub(super) fn all() -> Vec<Scenario> {
    [
        closed_by_client(),
        violations(),
        bounds(),
        timeouts(),
        others(),
        http(),
        identities(),
        clusters(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn closed_by_client() -> Vec<Scenario> {
    vec![
        acts!("the client closes with a code, with or without a reason", client => {
            client.close(Some(1000), "done").await;
        }),
        acts!("the client closes with a code of its own, 3000 to 4999", client => {
            client.close(Some(4321), "").await;
        }),
        acts!("the client closes without a code", client => client.close(None, "").await),
        acts!("the client sends more after its close frame", client => {
            client.close(Some(1001), "").await;
            client.send(&masked(BINARY, &[0; 60_000]).repeat(20)).await;
            // The server has closed by the time at which the client looks.
            sleep(Duration::from_millis(200)).await;
        }),
        acts!("the client sends a second close frame", client => {
            client.send(&masked(PING, b"x")).await;
            client.close(Some(1000), "").await;
            client.send(&masked(CLOSE, &1001_u16.to_be_bytes())).await;
        }),
    ]
}

fn violations() -> Vec<Scenario> {
    vec![
        sends!("a close code that must not be sent", client => masked(CLOSE, &[3, 0xed])),
        sends!("a close frame with one byte", client => masked(CLOSE, &[3])),
        sends!("a close reason that is not UTF-8", client => masked(CLOSE, &[3, 0xe8, 0xff])),
        sends!("a frame without a mask", client => vec![client.message(), 1, b'x']),
        sends!("a reserved bit is set", client => masked(client.message() | 0x40, b"x")),
        sends!("an unknown opcode", client => masked(0x83, b"x")),
        sends!("a control frame in fragments", client => masked(PING & 0x0f, b"x")),
        sends!("a control frame of more than 125 bytes", client => masked(PING, &[0; 126])),
        sends!("a continuation of nothing", client => masked(LAST, b"x")),
        sends!("a message inside another one", client => {
            let message = client.message();
            [masked(first_of(message), b"x"), masked(message, b"y")].concat()
        }),
        // The rest of the frame never comes.
        sends!("a text that is not UTF-8, at its first wrong byte", client => {
            [&header(TEXT, 100)[..], b"\xf4\x90"].concat()
        }),
        sends!("a message of the other kind", client => match client.target {
            Target::Bincode => masked(TEXT, b"x"),
            _ => masked(BINARY, b"x"),
        }),
        acts!("a violation, and the client keeps sending", client => {
            client.send(&masked(0x83, b"x")).await;
            client.send(&vec![0; 4 * MIB]).await;
            sleep(Duration::from_millis(200)).await;
        }),
    ]
}

fn bounds() -> Vec<Scenario> {
    vec![
        sends!("a message that is longer than `message_bytes`", client => {
            header(client.message(), 64 * 1024 + 1)
        }),
        sends!("a message of more than 16 MiB", client => header(BINARY, 16 * MIB + 1)),
        sends!("more than 1,024 empty fragments, and one for each with bytes", client => {
            let mut bytes = masked(first_of(client.message()), b"x");
            bytes.extend(masked(MORE, b"").repeat(1_026));
            bytes
        }),
        Scenario::new(
            "long messages of other clients use the memory for them",
            |server, target| {
                Box::pin(async move {
                    let mut others = Vec::new();
                    for _ in 0..4 {
                        let mut other = Client::open(server, target).await;
                        other.send(&header(BINARY & 0x0f, 16 * MIB - 1)).await;
                        other.send(&vec![0; 16 * MIB - 1]).await;
                        others.push(other);
                    }
                    // A short message has its own memory.
                    let mut client = Client::open(server, target).await;
                    client.send(&masked(BINARY, &[0; 60_000])).await;
                    assert_eq!(client.message_bytes().await, 60_000);
                    client.send(&header(BINARY, 2 * MIB)).await;
                    client.send(&vec![0; MIB]).await;
                    let seen = client.read_to_end().await;
                    for mut other in others {
                        other.close(Some(1000), "").await;
                        other.read_to_end().await;
                    }
                    seen
                })
            },
        )
        .also_counts("1000", 4),
        sends!("more requests than the limits allow", client => match client.target {
            Target::Bincode => masked(BINARY, &[4, 1]).repeat(100),
            _ => masked(TEXT, br#"{"type":"list","id":1}"#).repeat(100),
        })
        .with(&[("--requests-per-s", "1"), ("--request-burst", "2")]),
    ]
}

fn timeouts() -> Vec<Scenario> {
    vec![
        sends!("a message that is not complete in time", client => {
            masked(first_of(client.message()), b"[")
        })
        .with(&[("--message-timeout", "700ms")]),
        acts!("the client is silent and answers no ping", client => client.cause_is_now())
            .with(SOON),
        acts!("the client does not answer the server's close frame", client => {
            client.does_not_answer();
            client.cause_is_now();
        })
        .with(SOON),
        acts!("the client does not read, and reads on after `write_timeout`", client => {
            client.flood(&masked(PING, &[b'x'; 125])).await;
            sleep(Duration::from_millis(2_000 + 1_500)).await;
            client.cause_is_now();
        })
        .with(WRITE_TIMEOUT),
        Scenario::new("the client does not read for longer", |server, target| {
            Box::pin(async move {
                let mut client = Client::open(server, target).await;
                client.flood(&masked(PING, &[b'x'; 125])).await;
                let after = client.gone(server).await;
                Seen {
                    after,
                    ..client.read_to_end().await
                }
            })
        })
        .with(WRITE_TIMEOUT),
        Scenario::new("the client does not read", |server, target| {
            Box::pin(async move {
                let mut client = Client::open(server, target).await;
                client.flood(&masked(BINARY, &vec![b'x'; MIB])).await;
                let after = client.gone(server).await;
                Seen {
                    after,
                    ..client.read_to_end().await
                }
            })
        })
        .with(WRITE_TIMEOUT),
        Scenario::new(
            "the client takes a message back too slowly",
            |server, target| {
                Box::pin(async move {
                    let mut client = Client::open(server, target).await;
                    client.send(&masked(BINARY, &vec![b'x'; 16 * MIB])).await;
                    client.read_slowly(server).await
                })
            },
        )
        .with(&[("--message-timeout", "1000ms")]),
    ]
}

fn others() -> Vec<Scenario> {
    vec![
        signals!("the server drains", "TERM", true).with(&[("--drain", "500ms")]),
        signals!(
            "the server drains, and the client does not answer",
            "TERM",
            false
        )
        .with(&[("--drain", "500ms")]),
        signals!("the server is killed", "KILL", true),
        acts!("the client ends its side without a close frame (FIN)", client => {
            client.end_writing().await;
        }),
        acts!("the client ends its side in the middle of a frame", client => {
            client.send(&masked(client.message(), b"hello")[..7]).await;
            client.end_writing().await;
        }),
        Scenario::new("the client resets the connection", |server, target| {
            Box::pin(async move {
                let client = Client::open(server, target).await;
                let after = gone(server, client.reset()).await;
                Seen {
                    close: None,
                    end: End::Unseen,
                    after,
                    sent_code: None,
                }
            })
        }),
    ]
}

fn http() -> Vec<Scenario> {
    vec![
        Scenario::new("the header of a request is not complete", |server, _| {
            Box::pin(async move {
                let client = HttpClient::open(server, "GET /ws HTTP/1.1\r\nHost: ").await;
                client.read_to_end().await.1
            })
        })
        .with(&[("--handshake-timeout", "1000ms")]),
        Scenario::new("no further request comes", |server, _| {
            Box::pin(async move {
                let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let (answer, seen) = HttpClient::open(server, request).await.read_to_end().await;
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                seen
            })
        })
        .with(&[("--handshake-timeout", "1000ms")]),
        Scenario::new(
            "the client of an event stream ends its side",
            |server, _| {
                Box::pin(async move {
                    let mut client = HttpClient::open_stream(server).await;
                    client.end_writing().await;
                    client.read_to_end().await.1
                })
            },
        ),
        Scenario::new(
            "the client of an event stream does not read, and reads on after `write_timeout`",
            |server, _| {
                Box::pin(async move {
                    let mut client = HttpClient::open_stream(server).await;
                    client.gone(server).await;
                    client.cause_is_now();
                    client.read_to_end().await.1
                })
            },
        )
        .with(&[
            ("--feed", "simulated"),
            ("--sim-rate", "50000"),
            ("--write-timeout", "1000ms"),
        ]),
        Scenario::new("the server drains, and ends event streams", |server, _| {
            Box::pin(async move {
                let mut client = HttpClient::open_stream(server).await;
                client.cause_is_now();
                server.terminate().await;
                let (events, seen) = client.read_to_end().await;
                assert!(events.contains("{\"type\":\"draining\""), "{events}");
                seen
            })
        })
        .with(&[("--drain", "500ms")])
        .ends_server(),
    ]
}
