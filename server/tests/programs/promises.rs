//! Promises of the protocol that the other tests do not cover, in both encodings.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tickcast_protocol::{
    client::{Connection, ConnectionError},
    codec::Encoding,
    error::ErrorCode,
    message::{
        Change, ClientMessage, ErrorMessage, FilterRequest, Limits, List, Mode, Publish, Quality,
        Resume, ServerMessage, Start, Subscribe, TimeNs, TimeRequest, Update,
    },
    topic::Topic,
};
use tickcast_server_testkit::{
    Program,
    broker::Broker,
    soon,
    subscriber::{ENCODINGS, MODES, Publisher, Subscriber, answer, connect, number, reading},
    until,
};
use tokio::task::JoinSet;

/// A server with one shard, so that an update acknowledged to one client is visible to all.
async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

fn subscribe(filter: &str, mode: Mode, max_rate_hz: Option<f64>) -> Subscribe {
    Subscribe {
        id: 1,
        filters: vec![FilterRequest::from(filter)],
        mode,
        max_rate_hz,
    }
}

async fn refused(connection: &mut Connection, message: ClientMessage) -> ErrorMessage {
    connection.send(&message).await.unwrap();
    answer(connection, |message| match message {
        ServerMessage::Error(error) => Some(error),
        _ => None,
    })
    .await
}

fn publish(topic: &str) -> ClientMessage {
    ClientMessage::Publish(Publish {
        id: Some(1),
        updates: vec![reading(topic, 1.0)],
    })
}

#[tokio::test]
async fn the_welcome_has_the_limits_of_the_settings() {
    let server = server(&[
        "--subscriptions-max",
        "7",
        "--requests-per-s",
        "8",
        "--request-burst",
        "9",
        "--write-timeout",
        "10s",
        "--tape",
        "1MiB",
        "--heartbeat",
        "11s",
        "--publish-updates-per-s",
        "10",
        "--publish-bytes-per-s",
        "2KiB",
        "--new-topics-per-s",
        "0",
        "--new-topics-burst",
        "12",
    ])
    .await;
    let mut publisher = Publisher::start(&server.url()).await;
    let position = publisher.readings("a", [1, 2]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let ServerMessage::Welcome(welcome) = soon("a welcome", client.next()).await.unwrap()
        else {
            panic!("the first message is another one");
        };
        assert_eq!(
            welcome.server,
            concat!("tickcast-server ", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!((welcome.position, welcome.heartbeat_ms), (position, 11_000));
        let limits = Limits {
            message_bytes: 64 * 1024,
            topic_bytes: 256,
            subscriptions: 7,
            requests_per_s: 8,
            request_burst: 9,
            write_timeout_ms: 10_000,
            tape_bytes: 1024 * 1024,
            rate_min_hz: 0.01,
            rate_max_hz: 1000.0,
            publish_updates_per_s: 10,
            publish_bytes_per_s: 2048,
            new_topics_per_s: 0,
            new_topics_burst: 12,
        };
        assert_eq!(welcome.limits, limits);
    }
}

#[tokio::test]
async fn a_new_topic_joins_a_subscription_and_is_announced_with_its_first_value() {
    let server = server(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for encoding in ENCODINGS {
        for mode in MODES {
            let mut client = connect(&server.url(), encoding).await;
            let filter = format!("{encoding:?}/{mode:?}/#");
            let request = ClientMessage::Subscribe(subscribe(&filter, mode, None));
            client.send(&request).await.unwrap();
            answer(&mut client, |message| match message {
                ServerMessage::Subscribed(subscribed) => Some(subscribed),
                _ => None,
            })
            .await;
            for name in ["a", "b/c"] {
                let topic = format!("{encoding:?}/{mode:?}/{name}");
                publisher.readings(&topic, [1]).await;
                let batch = answer(&mut client, |message| match message {
                    ServerMessage::Batch(batch) if !batch.updates.is_empty() => Some(batch),
                    _ => None,
                })
                .await;
                let announced: Vec<_> = batch
                    .topics
                    .iter()
                    .map(|info| info.topic.as_str())
                    .collect();
                assert_eq!(announced, [topic.as_str()], "{batch:?}");
                assert_eq!(batch.updates[0].topic.as_str(), topic);
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_subscribed_before_the_first_update_resumes_there() {
    for encoding in ENCODINGS {
        for mode in MODES {
            let server = server(&[]).await;
            let url = server.url();
            let subscriber = Subscriber::start(&url, encoding, "#", mode).await;
            let token = subscriber.token();
            assert_eq!(token.position, 0);
            drop(subscriber);
            let mut publisher = Publisher::start(&url).await;
            publisher.readings("a", [1]).await;
            publisher.readings("b", [2]).await;
            // In bincode a client learns the names while it catches up, so none is missing.
            let mut subscriber = Subscriber::resume(&url, encoding, "#", mode, Some(token)).await;
            assert_eq!(subscriber.accepted.start, Start::Resumed);
            let updates = subscriber.take(2).await;
            assert!(updates.iter().map(number).eq([1.0, 2.0]), "{updates:?}");
        }
    }
}

#[tokio::test]
async fn resuming_beyond_the_newest_position_starts_afresh() {
    let server = server(&[]).await;
    let url = server.url();
    let mut publisher = Publisher::start(&url).await;
    publisher.readings("a", 1..=3).await;
    for encoding in ENCODINGS {
        for mode in MODES {
            let known = Subscriber::start(&url, encoding, "#", mode).await;
            let token = Resume {
                position: 4_000_000,
                ..known.token()
            };
            let mut subscriber = Subscriber::resume(&url, encoding, "#", mode, Some(token)).await;
            assert_eq!(subscriber.accepted.start, Start::PositionAhead);
            assert_eq!(subscriber.accepted.snapshot, Some(0));
            assert_eq!(number(&subscriber.take(1).await[0]), 3.0);
        }
    }
}

#[tokio::test]
async fn the_first_change_is_sent_at_once_at_any_maximum_rate() {
    let server = server(&[]).await;
    let url = server.url();
    let mut publisher = Publisher::start(&url).await;
    for encoding in ENCODINGS {
        let topic = format!("{encoding:?}");
        // The second change would come after 100 seconds, later than the test waits.
        let request = subscribe(&topic, Mode::Latest, Some(0.01));
        let mut subscriber = Subscriber::request(&url, encoding, request).await;
        assert_eq!(subscriber.accepted.max_rate_hz, Some(0.01));
        publisher.readings(&topic, [1]).await;
        assert_eq!(number(&subscriber.take(1).await[0]), 1.0);
    }
}

#[tokio::test]
async fn a_change_of_mode_and_rate_is_confirmed_and_listed() {
    let server = server(&[]).await;
    for encoding in ENCODINGS {
        let request = subscribe("a/#", Mode::Every, None);
        let mut subscriber = Subscriber::request(&server.url(), encoding, request).await;
        let client = &mut subscriber.connection;
        let channel = subscriber.accepted.channel;
        let change = |channel, max_rate_hz| {
            ClientMessage::Change(Change {
                id: 2,
                channel,
                mode: Mode::Latest,
                max_rate_hz,
            })
        };
        client.send(&change(channel, Some(8.0))).await.unwrap();
        let changed = answer(client, |message| match message {
            ServerMessage::Changed(changed) => Some(changed),
            _ => None,
        })
        .await;
        assert_eq!((changed.id, changed.previous), (2, channel));
        let granted = (changed.mode, changed.max_rate_hz);
        assert_eq!(granted, (Mode::Latest, Some(8.0)));
        client
            .send(&ClientMessage::List(List { id: 3 }))
            .await
            .unwrap();
        let list = answer(client, |message| match message {
            ServerMessage::Subscriptions(list) => Some(list.subscriptions),
            _ => None,
        })
        .await;
        let [info] = &list[..] else {
            panic!("{list:?}");
        };
        assert_eq!(info.channel, changed.channel);
        assert_eq!((info.mode, info.max_rate_hz), granted);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            // JSON has no such numbers.
            if encoding == Encoding::Json && !bad.is_finite() {
                continue;
            }
            let error = refused(client, change(changed.channel, Some(bad))).await;
            assert_eq!(
                (error.id, error.code),
                (Some(2), ErrorCode::BadRate),
                "{bad}"
            );
        }
    }
}

#[tokio::test]
async fn a_topic_above_the_limit_is_refused_with_its_error_code() {
    let server = server(&["--topics-max", "2"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", [1]).await;
    publisher.readings("b", [1]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let error = refused(&mut client, publish("c")).await;
        assert_eq!((error.id, error.code), (Some(1), ErrorCode::TooManyTopics));
    }
    // The existing topics still take updates.
    publisher.readings("a", [2]).await;
}

fn wall_clock_ns() -> TimeNs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_nanos() as TimeNs
}

#[tokio::test]
async fn four_timestamps_give_the_offset_of_two_clocks() {
    /// The clock may be set while the test runs, but hardly by more.
    const MAX_NS: TimeNs = 5_000_000_000;
    let server = server(&[]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let client_time_ns = wall_clock_ns();
        let request = TimeRequest {
            id: 1,
            client_time_ns,
        };
        client.send(&ClientMessage::Time(request)).await.unwrap();
        let time = answer(&mut client, |message| match message {
            ServerMessage::Time(time) => Some(time),
            _ => None,
        })
        .await;
        let came_ns = wall_clock_ns();
        assert_eq!((time.id, time.client_time_ns), (1, client_time_ns));
        assert!(time.receive_time_ns <= time.send_time_ns, "{time:?}");
        // The formula of docs/protocol.md. Both sides read the same clock.
        let offset_ns =
            ((time.receive_time_ns - client_time_ns) + (time.send_time_ns - came_ns)) / 2;
        assert!(offset_ns.abs() < MAX_NS, "{offset_ns}");
        let server_ns = time.send_time_ns - time.receive_time_ns;
        assert!(server_ns <= came_ns - client_time_ns + MAX_NS, "{time:?}");
    }
}

/// The topic and quality of each update.
fn qualities(updates: &[Update<Topic>]) -> Vec<(&str, Quality)> {
    updates
        .iter()
        .map(|update| (update.topic.as_str(), update.quality))
        .collect()
}

#[tokio::test]
async fn a_retained_value_is_never_marked_as_live() {
    let broker = Broker::start("allow_anonymous true");
    broker.publish("old", "1", &["-r", "-q", "1"]);
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let server = Program::start(&["--feed", "mqtt", "--mqtt-url", &url, "--shards", "1"]).await;
    until("it has come", async || {
        server.metric("tickcast_updates_total").await == 1
    })
    .await;
    let start = async |encoding, mode| {
        let mut subscriber = Subscriber::start(&server.url(), encoding, "#", mode).await;
        (subscriber.take(1).await, subscriber)
    };
    let mut subscribers = Vec::new();
    for encoding in ENCODINGS {
        for mode in MODES {
            let (snapshot, subscriber) = start(encoding, mode).await;
            assert_eq!(qualities(&snapshot), [("old", Quality::Retained)]);
            subscribers.push(subscriber);
        }
    }
    broker.publish("old", "2", &["-q", "1"]);
    for subscriber in &mut subscribers {
        let updates = subscriber.take(1).await;
        assert_eq!(qualities(&updates), [("old", Quality::Live)]);
    }
    for encoding in ENCODINGS {
        for mode in MODES {
            let (snapshot, _) = start(encoding, mode).await;
            assert_eq!(qualities(&snapshot), [("old", Quality::Live)]);
        }
    }
}

/// Reads until the server closes. Returns the time of the close.
async fn closed_at(mut client: Connection) -> Instant {
    loop {
        match soon("a message", client.next()).await {
            Ok(_) => {}
            Err(ConnectionError::Closed(reason)) => {
                assert_eq!(reason.code, 1012);
                return Instant::now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_drain_closes_clients_one_by_one_and_refuses_publishes() {
    const CLIENTS: usize = 40;
    /// Half of the drain. On a busy machine some clients are closed late, but none too early.
    const SPREAD_MIN: Duration = Duration::from_secs(1);
    let server = server(&["--drain", "2s"]).await;
    let mut clients = JoinSet::new();
    for nth in 0..CLIENTS {
        let client = connect(&server.url(), ENCODINGS[nth % 2]).await;
        clients.spawn(closed_at(client));
    }
    // The last clients to connect are the last ones to be closed.
    let mut late = Vec::new();
    for encoding in ENCODINGS {
        late.push(connect(&server.url(), encoding).await);
    }
    server.terminate().await;
    for client in &mut late {
        answer(client, |message| match message {
            ServerMessage::Draining(draining) => Some(draining),
            _ => None,
        })
        .await;
        let error = refused(client, publish("a")).await;
        assert_eq!((error.id, error.code), (Some(1), ErrorCode::Draining));
        assert!(error.temporary, "{error:?}");
    }
    for client in late {
        clients.spawn(closed_at(client));
    }
    let mut times = clients.join_all().await;
    times.sort();
    let spread = *times.last().unwrap() - times[0];
    assert!(spread > SPREAD_MIN, "all within {spread:?}");
    assert_eq!(server.end().await.code(), Some(0));
}
