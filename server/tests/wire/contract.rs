//! The promises of the protocol to subscribers and publishers, in both encodings.

use std::time::{Duration, Instant};

use serde_json::json;
use tickcast_protocol::{
    client::Connection,
    codec::Encoding,
    error::ErrorCode,
    message::{
        Change, ClientMessage, ErrorMessage, FilterRequest, List, Mode, Publication, Publish,
        Quality, ServerMessage, Start, Subscribe, SubscribeResult, SubscriptionInfo, TimeRequest,
        Unsubscribe,
    },
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    raw::{CLOSE, RawSocket, TEXT, masked},
    subscriber::{ENCODINGS, Publisher, Subscriber, answer, connect, number, publication, reading},
};

/// A server with one shard, so that an update acknowledged to one client is visible to all.
async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

fn subscribe(id: u32, filters: &[&str], mode: Mode) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe {
        id,
        filters: filters.iter().map(|&filter| filter.into()).collect(),
        mode,
        max_rate_hz: None,
    })
}

fn publish(id: u32, updates: Vec<Publication>) -> ClientMessage {
    ClientMessage::Publish(Publish {
        id: Some(id),
        updates,
    })
}

async fn send(connection: &mut Connection, message: ClientMessage) {
    connection.send(&message).await.unwrap();
}

async fn results(connection: &mut Connection, message: ClientMessage) -> Vec<SubscribeResult> {
    send(connection, message).await;
    answer(connection, |message| match message {
        ServerMessage::Subscribed(subscribed) => Some(subscribed.results),
        _ => None,
    })
    .await
}

async fn error(connection: &mut Connection, message: ClientMessage) -> ErrorMessage {
    send(connection, message).await;
    answer(connection, |message| match message {
        ServerMessage::Error(error) => Some(error),
        ServerMessage::Published(published) => panic!("{published:?}"),
        _ => None,
    })
    .await
}

async fn list(connection: &mut Connection) -> Vec<SubscriptionInfo> {
    send(connection, ClientMessage::List(List { id: 9 })).await;
    answer(connection, |message| match message {
        ServerMessage::Subscriptions(list) => Some(list.subscriptions),
        _ => None,
    })
    .await
}

/// The next number of a topic.
async fn next_number(connection: &mut Connection) -> f64 {
    answer(connection, |message| match message {
        ServerMessage::Batch(batch) => batch.updates.first().map(number),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_published_update_is_acknowledged_with_its_position_and_arrives_unchanged() {
    let server = server(&[]).await;
    for encoding in ENCODINGS {
        let topic = format!("door/{encoding:?}");
        let mut subscriber = Subscriber::start(&server.url(), encoding, &topic, Mode::Every).await;
        let mut publisher = connect(&server.url(), encoding).await;
        let sent = Publication {
            source_time_ns: Some(1_234_567_890_123_456_789),
            ..publication(&topic, Value::Bytes(vec![0, 255, 10]))
        };
        let updates = vec![reading("other", 1.0), sent.clone()];
        send(&mut publisher, publish(5, updates)).await;
        let (id, position) = answer(&mut publisher, |message| match message {
            ServerMessage::Published(published) => Some((published.id, published.position)),
            _ => None,
        })
        .await;
        assert_eq!(id, 5);
        let update = subscriber.take(1).await.remove(0);
        assert_eq!(update.position, position);
        assert_eq!(update.topic.as_str(), topic);
        assert_eq!(update.value, sent.value);
        assert_eq!(update.source_time_ns, sent.source_time_ns);
        assert_eq!(update.quality, Quality::Live);
    }
}

#[tokio::test]
async fn a_publish_is_refused_as_a_whole_if_one_of_its_topics_is_forbidden_or_invalid() {
    let server = server(&["--publish-allow", "open/#"]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let updates = vec![reading("open/a", 1.0), reading("closed", 1.0)];
        let refused = error(&mut client, publish(1, updates)).await;
        assert_eq!(refused.code, ErrorCode::PublishForbidden);
        assert_eq!((refused.id, refused.temporary), (Some(1), false));
        let updates = vec![reading("open/a", 1.0), reading("open/+", 1.0)];
        let refused = error(&mut client, publish(2, updates)).await;
        assert_eq!((refused.id, refused.code), (Some(2), ErrorCode::BadTopic));
    }
    assert_eq!(server.metric("tickcast_updates_total").await, 0);
    assert_eq!(server.metric("tickcast_errors_total").await, 4);
}

#[tokio::test]
async fn publishes_in_one_segment_keep_their_order_and_do_not_wait_for_an_incomplete_one() {
    let server = server(&[]).await;
    let mut subscriber = Subscriber::start(&server.url(), ENCODINGS[0], "a", Mode::Every).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let frame = |id: Option<u32>, value: u32| {
        let update = json!({"topic": "a", "value": {"reading": value}});
        let mut message = json!({"type": "publish", "updates": [update]});
        if let Some(id) = id {
            message["id"] = id.into();
        }
        masked(TEXT, message.to_string().as_bytes())
    };

    let mut begun = frame(None, 5);
    let rest = begun.split_off(9);
    let piece = [
        frame(None, 1),
        frame(None, 2),
        frame(Some(7), 3),
        frame(None, 4),
        begun,
    ];
    socket.send_bytes(&piece.concat()).await;
    let updates = subscriber.take(4).await;
    let numbers: Vec<_> = updates.iter().map(number).collect();
    assert_eq!(numbers, [1.0, 2.0, 3.0, 4.0]);
    let published = socket.json("published").await;
    assert_eq!(
        (&published["id"], &published["position"]),
        (&json!(7), &json!(3))
    );

    let close = masked(CLOSE, &1000u16.to_be_bytes());
    let piece = [rest, frame(None, 6), close];
    socket.send_bytes(&piece.concat()).await;
    let updates = subscriber.take(2).await;
    assert_eq!(updates.iter().map(number).collect::<Vec<_>>(), [5.0, 6.0]);
    assert_eq!(socket.closed().await, 1000);
}

#[tokio::test]
async fn a_server_that_allows_no_publisher_refuses_every_publish() {
    let server = server(&["--publish-from", "nobody"]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let refused = error(&mut client, publish(1, vec![reading("a", 1.0)])).await;
        assert_eq!(refused.code, ErrorCode::PublishForbidden);
    }
}

#[tokio::test]
async fn each_filter_of_a_request_has_its_own_result_and_repeating_one_is_harmless() {
    let server = server(&["--subscribe-allow", "open/#"]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let filters = ["open/#", "open/#/b", "closed", "open/#", "open/+"];
        let results = results(&mut client, subscribe(1, &filters, Mode::Every)).await;
        use SubscribeResult::{Accepted, Refused};
        let [
            Accepted(first),
            Refused(bad),
            Refused(closed),
            Accepted(again),
            Accepted(other),
        ] = &results[..]
        else {
            panic!("{results:?}");
        };
        assert_eq!(
            (first.filter.as_str(), first.start),
            ("open/#", Start::Fresh)
        );
        assert_eq!(
            (bad.filter.as_str(), bad.code),
            ("open/#/b", ErrorCode::BadFilter)
        );
        assert_eq!(closed.code, ErrorCode::SubscribeForbidden);
        assert_eq!(
            (again.start, again.channel),
            (Start::Existing, first.channel)
        );
        assert_ne!(other.channel, first.channel);
        assert_eq!(list(&mut client).await.len(), 2);
    }
}

#[tokio::test]
async fn a_subscription_can_be_listed_changed_and_ended() {
    let server = server(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for encoding in ENCODINGS {
        let topic = format!("list/{encoding:?}");
        let mut client = connect(&server.url(), encoding).await;
        let request = subscribe(1, &[&topic], Mode::Latest);
        let SubscribeResult::Accepted(accepted) = results(&mut client, request).await.remove(0)
        else {
            panic!("refused");
        };
        publisher.readings(&topic, [1]).await;
        assert_eq!(next_number(&mut client).await, 1.0);
        let [info] = &list(&mut client).await[..] else {
            panic!("one subscription");
        };
        assert_eq!((info.channel, info.mode), (accepted.channel, Mode::Latest));
        assert_eq!((info.filter.as_str(), info.topics), (topic.as_str(), 1));

        let change = |channel| {
            ClientMessage::Change(Change {
                id: 2,
                channel,
                mode: Mode::Every,
                max_rate_hz: None,
            })
        };
        send(&mut client, change(accepted.channel)).await;
        let changed = answer(&mut client, |message| match message {
            ServerMessage::Changed(changed) => Some(changed),
            _ => None,
        })
        .await;
        assert_eq!(
            (changed.previous, changed.mode),
            (accepted.channel, Mode::Every)
        );
        // In one publish: mode `latest` would send only the last of them.
        publisher.readings(&topic, 2..=4).await;
        let batch = answer(&mut client, |message| match message {
            ServerMessage::Batch(batch) if !batch.updates.is_empty() => Some(batch),
            _ => None,
        })
        .await;
        assert_eq!(batch.channel, changed.channel);
        assert!(batch.updates.iter().map(number).eq([2.0, 3.0, 4.0]));
        let refused = error(&mut client, change(accepted.channel + 1000)).await;
        assert_eq!(
            (refused.id, refused.code),
            (Some(2), ErrorCode::UnknownChannel)
        );

        let channels = vec![changed.channel, changed.channel + 1000];
        send(
            &mut client,
            ClientMessage::Unsubscribe(Unsubscribe { id: 3, channels }),
        )
        .await;
        let ended = answer(&mut client, |message| match message {
            ServerMessage::Unsubscribed(unsubscribed) => Some(unsubscribed.channels),
            _ => None,
        })
        .await;
        assert_eq!(ended, [changed.channel]);
        publisher.readings(&topic, [5]).await;
        // The update would come before the answer to a later request.
        send(&mut client, ClientMessage::List(List { id: 4 })).await;
        let left = answer(&mut client, |message| match message {
            ServerMessage::Batch(batch) => panic!("{batch:?}"),
            ServerMessage::Subscriptions(list) => Some(list.subscriptions),
            _ => None,
        })
        .await;
        assert_eq!(left, []);
    }
}

#[tokio::test]
async fn a_maximum_rate_is_kept_and_the_last_value_arrives() {
    const RATE_HZ: f64 = 10.0;
    /// About half a second: several batches.
    const NUMBERS: u32 = 150;
    let server = server(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for encoding in ENCODINGS {
        let topic = format!("fast/{encoding:?}");
        let request = Subscribe {
            id: 1,
            filters: vec![FilterRequest::from(topic.as_str())],
            mode: Mode::Latest,
            max_rate_hz: Some(RATE_HZ),
        };
        let mut subscriber = Subscriber::request(&server.url(), encoding, request).await;
        assert_eq!(subscriber.accepted.max_rate_hz, Some(RATE_HZ));
        let start = Instant::now();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let receiving = tokio::spawn(async move {
            let mut batches = 0;
            let mut last = 0.0;
            while last < f64::from(NUMBERS) {
                let updates = subscriber.updates().await;
                batches += 1;
                last = number(updates.last().unwrap());
            }
            let _ = sender.send(());
            (batches, start.elapsed())
        });
        for number in 1..=NUMBERS {
            publisher.readings(&topic, [number]).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        receiver.await.unwrap();
        let (batches, elapsed) = receiving.await.unwrap();
        // On any machine, at most this many fit between the first and the last.
        let allowed = elapsed.as_secs_f64() * RATE_HZ + 1.0;
        assert!(f64::from(batches) <= allowed, "{batches} in {elapsed:?}");
        assert!(batches >= 2);
    }
}

#[tokio::test]
async fn requests_above_the_limit_are_refused_with_a_time_to_retry() {
    let server = server(&["--request-burst", "10", "--requests-per-s", "1"]).await;
    let mut client = connect(&server.url(), Encoding::Json).await;
    for _ in 0..30 {
        client.queue(&ClientMessage::List(List { id: 1 })).unwrap();
    }
    let refused = answer(&mut client, |message| match message {
        ServerMessage::Error(error) => Some(error),
        _ => None,
    })
    .await;
    assert_eq!(
        (refused.id, refused.code),
        (Some(1), ErrorCode::TooManyRequests)
    );
    assert!(
        refused.temporary && refused.retry_after_ms > Some(0),
        "{refused:?}"
    );
    // Publishes are not counted.
    let mut publisher = Publisher::start(&server.url()).await;
    for number in 0..30 {
        publisher.readings("a", [number]).await;
    }
}

#[tokio::test]
async fn a_client_receives_heartbeats_and_the_time() {
    let server = server(&["--heartbeat", "50ms"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for encoding in ENCODINGS {
        let mut subscriber = Subscriber::start(&server.url(), encoding, "b", Mode::Every).await;
        let position = publisher.readings("a", [1]).await;
        let client = &mut subscriber.connection;
        let heartbeat = answer(client, |message| match message {
            ServerMessage::Heartbeat(heartbeat) if heartbeat.position >= position => {
                Some(heartbeat)
            }
            _ => None,
        })
        .await;
        let [channel] = heartbeat.channels[..] else {
            panic!("{heartbeat:?}");
        };
        assert_eq!(channel.channel, subscriber.accepted.channel);
        assert_eq!(channel.position, subscriber.accepted.position);
        let request = TimeRequest {
            id: 3,
            client_time_ns: 42,
        };
        send(client, ClientMessage::Time(request)).await;
        let time = answer(client, |message| match message {
            ServerMessage::Time(time) => Some(time),
            _ => None,
        })
        .await;
        assert_eq!((time.id, time.client_time_ns), (3, 42));
        assert!(heartbeat.server_time_ns <= time.receive_time_ns);
        assert!(time.receive_time_ns <= time.send_time_ns);
    }
}
