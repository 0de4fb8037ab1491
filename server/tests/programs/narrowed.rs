//! A role that is narrowed while 20,000 updates a second flow: clients of both encodings, an event
//! stream, one that is far behind, and answers with history and candles, in several shards.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::Value;
use tickcast_protocol::{
    client::{ConnectOptions, Connection},
    codec::Encoding,
    message::{
        BearerToken, CandlesRequest, ClientMessage, HistoryRequest, Interval, Mode, Position,
        ServerMessage, Subscribe, SubscribeResult,
    },
};
use tickcast_server_testkit::{soon, until};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    audit::lines,
    identities::{Identities, bearer, metric},
};

const ALL: &str = "#";
const REMAINS: &str = "market/BTC-USDT/trade";
const FORBIDDEN: &str = "market/SOL-USDT/trade";

/// Live batches that each client has to see before the change.
const BEFORE: usize = 20;

/// Questions that a client has always sent ahead. The server carries them out one after the other,
/// so one of them is under way when the role is narrowed.
const AHEAD: u32 = 16;

/// Batches and refusals that each has to see after its subscription has ended.
const AFTER: usize = 20;

fn is_allowed(topic: &str) -> bool {
    topic.starts_with("market/BTC-USDT/")
}

/// What a test and its clients tell each other.
#[derive(Clone)]
struct Stage {
    /// Clients that have seen enough.
    ready: Arc<AtomicUsize>,
    /// Whether the role was narrowed.
    narrowed: watch::Receiver<bool>,
}

/// The next request for something of a topic that becomes forbidden.
fn request(id: u32) -> ClientMessage {
    let topic = FORBIDDEN.to_owned();
    match id % 2 {
        0 => ClientMessage::History(HistoryRequest {
            id,
            topic,
            limit: Some(200),
            before: None,
        }),
        _ => ClientMessage::Candles(CandlesRequest {
            id,
            topic,
            interval: Interval::Second,
            limit: Some(100),
            from_ns: None,
            before_ns: None,
        }),
    }
}

/// Follows a WebSocket until everything forbidden is refused. Returns the position at which the
/// forbidden subscription has ended.
async fn follow(mut connection: Connection, stage: Stage, pauses: bool) -> Position {
    let subscribe = ClientMessage::Subscribe(Subscribe {
        id: 1,
        filters: vec![ALL.into(), REMAINS.into()],
        mode: Mode::Every,
        max_rate_hz: None,
    });
    connection.send(&subscribe).await.unwrap();
    let mut next_request = 2;
    for _ in 0..AHEAD {
        connection.send(&request(next_request)).await.unwrap();
        next_request += 1;
    }
    let mut channels = BTreeMap::new();
    let (mut is_told, mut is_ready, mut ended) = (false, false, None);
    let (mut last, mut before, mut answered) = (0, 0, 0);
    let (mut after, mut refused) = (0, 0);
    while ended.is_none() || after < AFTER || refused < AFTER {
        match soon("a message", connection.next()).await.unwrap() {
            ServerMessage::Authenticated(told) => {
                is_told = !told.subscribe.iter().any(|filter| filter == ALL);
            }
            ServerMessage::Subscribed(subscribed) => {
                for result in subscribed.results {
                    let SubscribeResult::Accepted(accepted) = result else {
                        panic!("{result:?}");
                    };
                    if accepted.filter == ALL {
                        last = accepted.position;
                    }
                    channels.insert(accepted.channel, accepted.filter);
                }
            }
            ServerMessage::Batch(batch) => {
                let is_all = channels[&batch.channel] == ALL;
                assert!(ended.is_none() || !is_all, "a batch after the end");
                for update in &batch.updates {
                    let topic = update.topic.as_str();
                    assert!(!is_told || is_allowed(topic), "{topic}");
                    assert!(!is_all || update.position <= batch.to, "{topic}");
                }
                after += usize::from(ended.is_some());
                if is_all && !batch.snapshot {
                    assert_eq!(batch.from, last, "nothing before the position is missing");
                    last = batch.to;
                    before += 1;
                    // History and candles are allowed; on a busy machine an answer takes longer.
                    if !is_ready && before >= BEFORE && answered > 0 {
                        is_ready = true;
                        stage.ready.fetch_add(1, Relaxed);
                        if pauses {
                            let mut narrowed = stage.narrowed.clone();
                            narrowed.wait_for(|narrowed| *narrowed).await.unwrap();
                        }
                    }
                }
            }
            ServerMessage::Unsubscribed(told) => {
                assert!(is_told);
                let [channel] = told.channels[..] else {
                    panic!("{told:?}");
                };
                assert_eq!(channels[&channel], ALL);
                assert_eq!(told.position, Some(last));
                ended = Some(last);
            }
            ServerMessage::History(history) => {
                answered += 1;
                for update in &history.updates {
                    assert!(!is_told || is_allowed(update.topic.as_str()), "history");
                }
                connection.send(&request(next_request)).await.unwrap();
                next_request += 1;
            }
            ServerMessage::Candles(candles) => {
                answered += 1;
                for info in &candles.topics {
                    assert!(!is_told || is_allowed(info.topic.as_str()), "candles");
                }
                connection.send(&request(next_request)).await.unwrap();
                next_request += 1;
            }
            ServerMessage::Error(error) => {
                assert!(is_told, "{error:?}");
                refused += usize::from(ended.is_some());
                connection.send(&request(next_request)).await.unwrap();
                next_request += 1;
            }
            ServerMessage::Gap(gap) => panic!("the tape is large enough: {gap:?}"),
            _ => {}
        }
    }
    ended.unwrap()
}

/// The next line of an event stream, without the chunks of HTTP.
struct Lines {
    stream: BufReader<TcpStream>,
    text: Vec<u8>,
}

impl Lines {
    async fn open(address: SocketAddr, token: &str) -> Self {
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let head = format!(
            "GET /v1/stream?filter=%23&mode=every HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
            bearer(token)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            soon("a header", stream.read_line(&mut line)).await.unwrap();
            assert!(!line.starts_with("HTTP/1.1 4"), "{line}");
        }
        let text = Vec::new();
        Self { stream, text }
    }

    /// `None` if the stream has ended.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let rest = self.text.split_off(end + 1);
                return Some(std::mem::replace(&mut self.text, rest));
            }
            let mut size = String::new();
            self.stream.read_line(&mut size).await.ok()?;
            let size = usize::from_str_radix(size.trim_end(), 16).ok()?;
            if size == 0 {
                return None;
            }
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.ok()?;
            self.text.extend_from_slice(&chunk[..size]);
        }
    }
}

/// Follows an event stream until its subscription has ended. Returns where.
async fn follow_events(address: SocketAddr, token: String, stage: Stage) -> Position {
    /// Nothing must come for this long after the end.
    const SILENCE: Duration = Duration::from_secs(2);

    let mut lines = Lines::open(address, &token).await;
    let (mut is_told, mut ended, mut last, mut before) = (false, None, 0, 0);
    loop {
        let line = match (ended, timeout(SILENCE, lines.next()).await) {
            (Some(position), Err(_) | Ok(None)) => return position,
            (_, Ok(Some(line))) => line,
            (None, other) => panic!("the stream has ended too early: {other:?}"),
        };
        let Some(data) = line.strip_prefix(b"data: ") else {
            continue;
        };
        let message: Value = serde_json::from_slice(data).unwrap();
        match message["type"].as_str().unwrap() {
            "authenticated" => {
                let filters = message["subscribe"].as_array().unwrap();
                is_told = !filters.contains(&ALL.into());
            }
            "subscribed" => last = message["results"][0]["position"].as_u64().unwrap(),
            "batch" => {
                assert!(!is_told && ended.is_none(), "{message}");
                if message["snapshot"] == false {
                    assert_eq!(message["from"], last);
                    last = message["to"].as_u64().unwrap();
                    before += 1;
                    if before == BEFORE {
                        stage.ready.fetch_add(1, Relaxed);
                    }
                }
            }
            "unsubscribed" => {
                assert!(is_told);
                assert_eq!(message["position"], last);
                ended = Some(last);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn not_one_update_comes_after_the_position_in_any_encoding_also_while_catching_up() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write("[roles.reader]\nsubscribe = [\"#\"]\n");
    let path = identities.path().with_file_name("audit.jsonl");
    let audit = path.display().to_string();
    let more = [
        "--audit",
        &audit,
        "--sim-rate",
        "20000",
        "--requests-per-s",
        "1000000",
        "--request-burst",
        "1000000",
        "--tape",
        "512MiB",
        "--write-timeout",
        "2m",
    ];
    let (server, admin) = identities.start(&more).await;
    let (narrow, narrowed) = watch::channel(false);
    let ready = Arc::new(AtomicUsize::new(0));
    let stage = Stage {
        ready: Arc::clone(&ready),
        narrowed,
    };
    let mut clients = JoinSet::new();
    for (encoding, pauses) in [
        (Encoding::Json, false),
        (Encoding::Bincode, false),
        (Encoding::Bincode, false),
        (Encoding::Json, true),
        (Encoding::Bincode, true),
    ] {
        let options = ConnectOptions {
            token: Some(BearerToken::new(token.clone())),
            ..ConnectOptions::new(server.url(), encoding)
        };
        let connection = Connection::connect(&options).await.unwrap();
        clients.spawn(follow(connection, stage.clone(), pauses));
    }
    for _ in 0..2 {
        clients.spawn(follow_events(server.address, token.clone(), stage.clone()));
    }
    let number = clients.len();
    until("all clients receive updates", async || {
        let failed = clients.try_join_next();
        assert!(failed.is_none(), "{failed:?}");
        ready.load(Relaxed) == number
    })
    .await;
    until("the two that pause are behind", async || {
        metric(admin, "tickcast_behind").await >= 2
    })
    .await;
    identities.write("[roles.reader]\nsubscribe = [\"market/BTC-USDT/#\"]\n");
    server.signal("HUP").await;
    let forbidden = "tickcast_subscriptions_forbidden_total";
    until("all have lost the right", async || {
        metric(admin, forbidden).await == number as u64
    })
    .await;
    narrow.send(true).unwrap();
    let mut positions = clients.join_all().await;
    positions.sort_unstable();
    // The audit says the same, exactly.
    let ended = lines(&path, "ended").into_iter();
    let of_all = ended.filter(|line| line["filter"] == ALL);
    let mut audited: Vec<_> = of_all.map(|line| line["to"].as_u64().unwrap()).collect();
    audited.truncate(number);
    audited.sort_unstable();
    assert_eq!(audited, positions);
    assert_eq!(metric(admin, forbidden).await, number as u64);
}
