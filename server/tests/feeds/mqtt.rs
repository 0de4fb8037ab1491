//! The MQTT feed with a real Mosquitto, and with a fake broker where Mosquitto is too lenient.
//!
//! The commands of docs/operations.md have the same settings.

use std::{fs, process::Command, sync::Arc, time::Duration};

use tickcast_protocol::{message::Quality, topic::Filter, value::Value};
use tickcast_server::testing::{
    FeedState, Source,
    decode::{Conditions, DecodeRule, Format, Numerals},
    mqtt::{MqttSettings, MqttVersion, Secret},
};
use tickcast_server_testkit::{
    broker::{Broker, recording},
    feed::RunningFeed,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::spawn_blocking,
};

const OPEN: &str = "allow_anonymous true";

pub(crate) const VERSIONS: [MqttVersion; 2] = [MqttVersion::V3, MqttVersion::V5];

pub(crate) fn settings(port: u16, version: MqttVersion) -> MqttSettings {
    MqttSettings {
        url: format!("mqtt://127.0.0.1:{port}").parse().unwrap(),
        version,
        ..MqttSettings::default()
    }
}

fn feed(settings: MqttSettings) -> RunningFeed {
    let numbers = DecodeRule {
        when: Conditions::default(),
        filter: Filter::new("plant/#").unwrap(),
        format: Format::Number(Numerals::Usual),
        unit: Some("bar".into()),
        name: None,
    };
    RunningFeed::start(Source::Mqtt(settings), vec![numbers])
}

#[tokio::test]
async fn live_and_retained_messages_arrive_as_such_in_both_versions() {
    let broker = Broker::start(OPEN);
    broker.publish("plant/old", "1", &["-r", "-q", "1"]);
    for version in VERSIONS {
        let mut feed = feed(settings(broker.port, version));
        let old = feed.next().await;
        assert_eq!(
            (old.topic.as_str(), old.value, old.quality),
            ("plant/old", Value::Reading(1.0), Quality::Retained)
        );
        assert_eq!(old.unit.as_deref(), Some("bar"));
        broker.publish("door", "open", &[]);
        let live = feed.next().await;
        assert_eq!(
            (live.topic.as_str(), live.value, live.quality),
            ("door", Value::Text("open".into()), Quality::Live)
        );
        assert!(feed.stop().await.is_empty());
    }
}

#[tokio::test]
async fn an_undecodable_message_is_counted_and_stops_nothing() {
    let broker = Broker::start(OPEN);
    for version in VERSIONS {
        let mut feed = feed(settings(broker.port, version));
        feed.until_up().await;
        broker.publish("plant/a", "1\nbroken\n\n2\n", &[]);
        let long_topic = "x/".repeat(200);
        broker.publish(&long_topic, "1", &[]);
        broker.publish("plant/a", "3\n", &[]);
        let values: Vec<_> = feed
            .take(3)
            .await
            .into_iter()
            .map(|update| update.value)
            .collect();
        assert_eq!(values, [1.0, 2.0, 3.0].map(Value::Reading));
        let metrics = feed.metrics.clone();
        assert!(feed.stop().await.is_empty());
        assert_eq!(
            (
                metrics.received.get(),
                metrics.submitted.get(),
                metrics.undecodable.get()
            ),
            (6, 3, 3)
        );
    }
}

async fn check_recovery(version: MqttVersion) {
    let mut broker = Broker::start(OPEN);
    let mut feed = feed(settings(broker.port, version));
    for round in 0..3u32 {
        feed.until_up().await;
        broker.publish("plant/a", &format!("{round}\n"), &["-q", "1"]);
        assert_eq!(feed.next().await.value, Value::Reading(round.into()));
        broker.stop();
        feed.until("the loss is seen", |metrics| {
            metrics.state() == FeedState::Down
        })
        .await;
        broker.start_again();
    }
    feed.until_up().await;
    assert_eq!(feed.metrics.reconnects.get(), 3);
    feed.stop().await;
}

#[tokio::test]
async fn the_feed_recovers_when_the_broker_is_stopped_and_started_in_mid_stream() {
    let [v3, v5] = VERSIONS;
    tokio::join!(check_recovery(v3), check_recovery(v5));
}

#[tokio::test]
async fn a_broker_that_starts_later_is_found() {
    let mut broker = Broker::start(OPEN);
    broker.stop();
    let mut feed = feed(settings(broker.port, MqttVersion::V3));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(feed.metrics.state(), FeedState::Connecting);
    broker.start_again();
    feed.until_up().await;
    broker.publish("plant/a", "1", &[]);
    assert_eq!(feed.next().await.value, Value::Reading(1.0));
    assert_eq!(feed.metrics.reconnects.get(), 0);
    feed.stop().await;
}

#[tokio::test]
async fn a_session_delivers_messages_published_while_the_feed_was_away() {
    let broker = Broker::start(OPEN);
    for (version, id) in [(MqttVersion::V3, "away3"), (MqttVersion::V5, "away5")] {
        let with_session = || MqttSettings {
            client_id: Some(id.into()),
            session_expiry: Duration::from_secs(600),
            ..settings(broker.port, version)
        };
        let first = feed(with_session());
        first.until_up().await;
        first.stop().await;
        broker.publish("plant/a", "1\n2\n", &["-q", "1"]);
        let mut second = feed(with_session());
        let values: Vec<_> = second
            .take(2)
            .await
            .into_iter()
            .map(|update| update.value)
            .collect();
        assert_eq!(values, [1.0, 2.0].map(Value::Reading));
        second.stop().await;
    }
}

#[tokio::test]
async fn user_and_password_are_needed_if_the_broker_requires_them() {
    let mut broker = Broker::start(OPEN);
    broker.stop();
    let passwords = broker.path("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .args([passwords.to_str().unwrap(), "me", "p@ss word"])
        .status()
        .expect("mosquitto_passwd is installed");
    assert!(made.success());
    let configuration = fs::read_to_string(broker.path("mosquitto.conf")).unwrap();
    let configuration = configuration.replace(
        OPEN,
        &format!(
            "allow_anonymous false\npassword_file {}",
            passwords.display()
        ),
    );
    // A broker started by root switches to another user, which could not read the passwords.
    let configuration = format!("{configuration}\nuser root\n");
    fs::write(broker.path("mosquitto.conf"), configuration).unwrap();
    broker.start_again();
    for version in VERSIONS {
        let refused = feed(settings(broker.port, version));
        let accepted = feed(MqttSettings {
            url: format!("mqtt://me:p%40ss%20word@127.0.0.1:{}", broker.port)
                .parse()
                .unwrap(),
            ..settings(broker.port, version)
        });
        accepted.until_up().await;
        assert_eq!(refused.metrics.state(), FeedState::Connecting);
        // The settings take precedence over the URL.
        let overridden = feed(MqttSettings {
            url: format!("mqtt://me:wrong@127.0.0.1:{}", broker.port)
                .parse()
                .unwrap(),
            password: Some(Secret("p@ss word".into())),
            ..settings(broker.port, version)
        });
        overridden.until_up().await;
        for feed in [refused, accepted, overridden] {
            feed.stop().await;
        }
    }
}

#[tokio::test]
async fn a_recorded_day_arrives_in_order_with_exact_prices() {
    // By default Mosquitto queues at most a thousand messages for a client, and drops the rest.
    let broker = Arc::new(Broker::start(&format!("{OPEN}\nmax_queued_messages 0")));
    let text = fs::read_to_string(recording("eurusd-quotes.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    let payloads: String = rows
        .iter()
        .map(|row| format!("{{\"bid\":{},\"ask\":{}}}\n", row[1], row[2]))
        .collect();
    for version in VERSIONS {
        let mut feed = feed(settings(broker.port, version));
        feed.until_up().await;
        let publish = {
            let (broker, payloads) = (Arc::clone(&broker), payloads.clone());
            move || broker.publish("market/EUR-USD/quote", &payloads, &["-q", "1"])
        };
        let publisher = spawn_blocking(publish);
        for row in &rows {
            let Value::Quote(quote) = feed.next().await.value else {
                panic!("no quote");
            };
            let (bid, ask) = quote.bid.zip(quote.ask).expect("both sides");
            let (bid, ask) = (bid.to_string(), ask.to_string());
            assert_eq!((bid.as_str(), ask.as_str()), (row[1], row[2]));
        }
        publisher.await.unwrap();
        feed.stop().await;
    }
}

/// Reads an MQTT packet. Returns its first byte and its body.
pub(crate) async fn read_packet(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = socket.read_u8().await.unwrap();
    let mut length = 0usize;
    for shift in [0, 7, 14, 21] {
        let byte = socket.read_u8().await.unwrap();
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.unwrap();
    (first, body)
}

#[tokio::test]
async fn one_refused_filter_does_not_stop_the_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut feed = feed(MqttSettings {
        filters: vec![
            Filter::new("secret/#").unwrap(),
            Filter::new("plant/#").unwrap(),
        ],
        ..settings(port, MqttVersion::V3)
    });
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(read_packet(&mut socket).await.0, 0x10);
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    // It refuses the first filter, grants the second, and then sends a message.
    for code in [0x80, 0x01] {
        let (kind, body) = read_packet(&mut socket).await;
        assert_eq!(kind, 0x82);
        let answer = [0x90, 3, body[0], body[1], code];
        socket.write_all(&answer).await.unwrap();
    }
    socket.write_all(b"\x30\x0a\x00\x07plant/a7").await.unwrap();
    assert_eq!(feed.next().await.value, Value::Reading(7.0));
    assert_eq!(feed.metrics.state(), FeedState::Up);
    feed.stop().await;
}

#[tokio::test]
async fn a_feed_whose_filters_are_all_refused_is_not_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let feed = feed(settings(port, MqttVersion::V3));
    let (mut socket, _) = listener.accept().await.unwrap();
    read_packet(&mut socket).await;
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    let (_, body) = read_packet(&mut socket).await;
    socket
        .write_all(&[0x90, 3, body[0], body[1], 0x80])
        .await
        .unwrap();
    feed.until("the refusal is seen", |metrics| {
        metrics.state() == FeedState::Down
    })
    .await;
    feed.stop().await;
}

/// The sequencer takes nothing for longer than the broker waits for a ping. The feed must keep its
/// connection, must not grow, and must count the updates that it drops.
#[tokio::test]
async fn a_stuck_sequencer_drops_the_oldest_updates_and_keeps_the_connection() {
    const MESSAGES: usize = 150_000;
    let broker = Broker::start(&format!("{OPEN}\nmax_queued_messages 0"));
    let source = Source::Mqtt(settings(broker.port, MqttVersion::V3));
    let mut feed = RunningFeed::start_stuck(source).await;
    feed.until_up().await;
    let numbers: String = (0..MESSAGES).map(|number| format!("{number}\n")).collect();
    let publisher = spawn_blocking(move || {
        broker.publish("plant/a", &numbers, &[]);
        broker
    });
    feed.until("the feed waits for the sequencer", |metrics| {
        metrics.pushed_back.get() > 0
    })
    .await;
    feed.until("the feed drops updates", |metrics| metrics.lost.get() > 0)
        .await;
    // Without pings the broker would end the connection by now: it waits one and a half times the
    // keep-alive of 15 s.
    tokio::time::sleep(Duration::from_secs(25)).await;

    let mut last = -1.0;
    while last < MESSAGES as f64 - 1.0 {
        let Value::Reading(number) = feed.next().await.value else {
            panic!("no reading");
        };
        assert!(number > last, "{number} after {last}");
        last = number;
    }
    assert_eq!(feed.metrics.reconnects.get(), 0);
    let broker = publisher.await.unwrap();
    broker.publish("plant/a", "-5", &[]);
    assert_eq!(feed.next().await.value, Value::Reading(-5.0));
    let metrics = feed.metrics.clone();
    feed.stop().await;
    assert_eq!(metrics.received.get(), MESSAGES as u64 + 1);
    assert_eq!(
        metrics.received.get(),
        metrics.submitted.get() + metrics.lost.get()
    );
}
