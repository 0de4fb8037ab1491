//! MQTT over TLS and WebSocket, with a real Mosquitto.
//!
//! The commands of docs/operations.md have the same settings.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use tempfile::TempDir;
use tickcast_protocol::value::Value;
use tickcast_server::testing::{
    ClientTls, Source,
    mqtt::{MqttSettings, MqttVersion},
};
use tickcast_server_testkit::{
    Program,
    broker::Broker,
    certificates::{Authority, Certificate, Validity},
    feed::RunningFeed,
    until,
};

/// A broker that listens in several ways.
struct Secure {
    broker: Broker,
    folder: TempDir,
    ours: Authority,
    theirs: Authority,
    /// The ports of the further listeners.
    ports: Vec<u16>,
}

/// How a listener is configured.
enum Listener {
    WebSocket,
    Tls(Certificate),
    WebSocketTls(Certificate),
    /// It demands a certificate of its own authority.
    Mutual(Certificate),
}

impl Secure {
    fn start(listeners: impl FnOnce(&Authority) -> Vec<Listener>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        std::fs::write(folder.path().join("ca.pem"), ours.pem()).unwrap();
        std::fs::write(folder.path().join("theirs.pem"), theirs.pem()).unwrap();
        // A broker started by root switches to another user, which could not read the keys.
        // It also drops what is beyond its queue.
        let mut configuration =
            "allow_anonymous true\nmax_queued_messages 0\nuser root\n".to_owned();
        let mut ports = Vec::new();
        for (number, listener) in listeners(&ours).into_iter().enumerate() {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = socket.local_addr().unwrap().port();
            configuration += &format!("listener {port} 127.0.0.1\n");
            let (is_websocket, is_mutual, certificate) = match listener {
                Listener::WebSocket => (true, false, None),
                Listener::Tls(certificate) => (false, false, Some(certificate)),
                Listener::WebSocketTls(certificate) => (true, false, Some(certificate)),
                Listener::Mutual(certificate) => (false, true, Some(certificate)),
            };
            if is_websocket {
                configuration += "protocol websockets\n";
            }
            if let Some(certificate) = certificate {
                let (cert, key) = certificate.write(folder.path(), &format!("server{number}"));
                let (cert, key) = (cert.display(), key.display());
                configuration += &format!("certfile {cert}\nkeyfile {key}\n");
                let ca = folder.path().join("ca.pem");
                configuration += &format!("cafile {}\n", ca.display());
            }
            if is_mutual {
                configuration += "require_certificate true\n";
            }
            ports.push(port);
        }
        let broker = Broker::start(&configuration);
        // It listens at one port after the other.
        let is_open = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        while !ports.iter().copied().all(is_open) {
            std::thread::yield_now();
        }
        Self {
            broker,
            folder,
            ours,
            theirs,
            ports,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn tls(&self) -> ClientTls {
        ClientTls {
            ca: Some(self.path("ca.pem").into()),
            ..ClientTls::default()
        }
    }
}

fn localhost(authority: &Authority) -> Certificate {
    authority.issue(&["localhost", "127.0.0.1"], Validity::Now)
}

#[tokio::test]
async fn messages_arrive_over_tls_and_websocket_in_both_versions() {
    let secure = Secure::start(|ours| {
        vec![
            Listener::Tls(localhost(ours)),
            Listener::WebSocket,
            Listener::WebSocketTls(localhost(ours)),
            Listener::Mutual(localhost(ours)),
        ]
    });
    let [tls, websocket, both, mutual] = secure.ports[..] else {
        panic!("four listeners");
    };
    let client = secure.ours.issue(&["feed"], Validity::Now);
    let (cert, key) = client.write(secure.folder.path(), "client");
    let long = "x".repeat(200_000);
    for version in [MqttVersion::V3, MqttVersion::V5] {
        for (url, has_client) in [
            (format!("mqtts://localhost:{tls}"), false),
            (format!("mqtts://127.0.0.1:{tls}"), false),
            (format!("ws://localhost:{websocket}"), false),
            (format!("wss://localhost:{both}/mqtt"), false),
            (format!("mqtts://localhost:{mutual}"), true),
        ] {
            let mut tls = match url.starts_with("ws:") {
                true => ClientTls::default(),
                false => secure.tls(),
            };
            if has_client {
                (tls.cert, tls.key) = (Some(cert.clone()), Some(key.clone()));
            }
            let mut feed = RunningFeed::start(
                Source::Mqtt(MqttSettings {
                    url: url.parse().unwrap(),
                    version,
                    tls,
                    ..MqttSettings::default()
                }),
                Vec::new(),
            );
            feed.until_up().await;
            let numbers: String = (0..2_000).map(|number| format!("{number}\n")).collect();
            secure.broker.publish("a", &numbers, &["-q", "1"]);
            for number in 0..2_000 {
                assert_eq!(
                    feed.next().await.value,
                    Value::Reading(number.into()),
                    "{url}"
                );
            }
            // Longer than any buffer of the way, and then longer than is allowed.
            secure.broker.publish("b", &long, &["-q", "2"]);
            assert_eq!(feed.next().await.value, Value::Text(long.as_str().into()));
            secure
                .broker
                .publish("c", &"y".repeat(300_000), &["-q", "1"]);
            secure.broker.publish("d", "7", &["-q", "1"]);
            assert_eq!(feed.next().await.value, Value::Reading(7.0), "{url}");
            assert_eq!(feed.metrics.reconnects.get(), 0, "{url}");
            feed.stop().await;
        }
    }
}

/// A program with this feed must say why it has no connection, and try again.
async fn check<const N: usize>(url: String, flags: &[&str], parts: [&str; N]) {
    let mut arguments = vec!["--feed", "mqtt", "--mqtt-url", &url];
    arguments.extend(flags);
    let program = Program::start(&arguments).await;
    let log = || format!("{}{}", program.first_log(), program.log());
    until(&format!("{parts:?} of {url}"), async || {
        let log = log();
        let is_told = parts.iter().all(|part| log.contains(part));
        is_told && log.matches("no connection").count() >= 2
    })
    .await;
    let log = log();
    assert!(!log.contains("geheim"), "{log}");
    let state = "tickcast_feed_state{feed=\"mqtt\",kind=\"mqtt\",state=\"up\"}";
    assert_eq!(program.metric(state).await, 0);
}

#[tokio::test]
async fn a_broker_that_is_not_accepted_or_does_not_accept_is_explained_in_the_log() {
    let secure = Secure::start(|ours| {
        vec![
            Listener::Tls(localhost(ours)),
            Listener::Tls(ours.issue(&["localhost"], Validity::Past)),
            Listener::Tls(ours.issue(&["a.example"], Validity::Now)),
            Listener::Mutual(localhost(ours)),
            Listener::WebSocket,
            Listener::WebSocketTls(localhost(ours)),
        ]
    });
    let [tls, expired, named, mutual, websocket, both] = secure.ports[..] else {
        panic!("six listeners");
    };
    let plain = secure.broker.port;
    let foreign = secure.theirs.issue(&["feed"], Validity::Now);
    foreign.write(secure.folder.path(), "foreign");
    let (ca, theirs) = (secure.path("ca.pem"), secure.path("theirs.pem"));
    let (cert, key) = (secure.path("foreign.pem"), secure.path("foreign.key"));
    let trusted = ["--mqtt-tls-ca", ca.as_str()];
    let untrusted = ["--mqtt-tls-ca", theirs.as_str()];
    let strange = [
        "--mqtt-tls-cert",
        &cert,
        "--mqtt-tls-key",
        &key,
        "--mqtt-tls-ca",
        &ca,
    ];
    let url = |scheme: &str, port: u16| format!("{scheme}://me:geheim@localhost:{port}");
    let wrong_ca = "the certificate of localhost is not signed by an authority in";
    tokio::join!(
        check(
            url("mqtts", tls),
            &untrusted,
            [wrong_ca, "theirs.pem: set tls_ca"]
        ),
        check(
            url("wss", both),
            &untrusted,
            [wrong_ca, "theirs.pem: set tls_ca"]
        ),
        check(
            url("mqtts", tls),
            &[],
            ["by an authority that the system trusts"]
        ),
        check(
            url("mqtts", expired),
            &trusted,
            ["the certificate of localhost expired at 2020-12-31T00:00:00Z: renew it"],
        ),
        check(
            url("mqtts", named),
            &trusted,
            ["the server's certificate is for a.example, not for localhost"],
        ),
        check(
            url("mqtts", mutual),
            &trusted,
            ["the server requires a client certificate: set tls_cert and tls_key"],
        ),
        check(
            url("mqtts", mutual),
            &strange,
            [
                "the server does not trust the authority of the client certificate",
                "foreign.pem"
            ],
        ),
    );
    // Mosquitto may also wait for more of what it takes for a packet.
    let without = "without WebSocket";
    tokio::join!(
        check(
            url("mqtts", plain),
            &trusted,
            ["this port may be one without TLS"]
        ),
        check(url("mqtt", tls), &[], ["TLS", "mqtts://"]),
        check(url("ws", plain), &[], [without]),
        check(url("wss", tls), &trusted, [without]),
        check(url("mqtt", websocket), &[], ["ws://"]),
        check(url("ws", both), &[], ["WebSocket"]),
    );
}

#[tokio::test]
async fn an_unverified_certificate_is_accepted_only_if_a_setting_says_so_which_is_told() {
    let secure =
        Secure::start(|ours| vec![Listener::Tls(ours.issue(&["x.example"], Validity::Past))]);
    let url = format!("mqtts://localhost:{}", secure.ports[0]);
    let flags = [
        "--feed",
        "mqtt",
        "--mqtt-url",
        &url,
        "--mqtt-tls-insecure",
        "true",
    ];
    let program = Program::start(&flags).await;
    program.until_feed_is_up("mqtt").await;
    let row = "tickcast_feed_tls_unverified{feed=\"mqtt\",kind=\"mqtt\"}";
    assert_eq!(program.metric(row).await, 1);
    let log = format!("{}{}", program.first_log(), program.log());
    assert!(
        log.contains("the broker's certificate is not verified (tls_insecure)"),
        "{log}"
    );
}
