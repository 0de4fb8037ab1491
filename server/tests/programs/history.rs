//! History requests in both encodings.

use tickcast_protocol::{
    client::Connection,
    error::ErrorCode,
    message::{
        ClientMessage, ErrorMessage, History, HistoryRequest, Mode, Position, ServerMessage,
    },
    topic::Topic,
};
use tickcast_server_testkit::{
    Program,
    subscriber::{ENCODINGS, Publisher, Subscriber, answer, connect, number},
};

async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "2"], arguments].concat()).await
}

fn request(topic: &str, limit: Option<u32>, before: Option<Position>) -> ClientMessage {
    ClientMessage::History(HistoryRequest {
        id: 7,
        topic: topic.into(),
        limit,
        before,
    })
}

async fn ask(connection: &mut Connection, message: ClientMessage) -> History<Topic> {
    connection.send(&message).await.unwrap();
    answer(connection, |message| match message {
        ServerMessage::History(history) => Some(history),
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => None,
    })
    .await
}

async fn refused(connection: &mut Connection, message: ClientMessage) -> ErrorMessage {
    connection.send(&message).await.unwrap();
    answer(connection, |message| match message {
        ServerMessage::Error(error) => Some(error),
        ServerMessage::History(history) => panic!("{history:?}"),
        _ => None,
    })
    .await
}

fn numbers(history: &History<Topic>) -> Vec<f64> {
    history.updates.iter().map(number).collect()
}

#[tokio::test]
async fn history_comes_in_pages_from_newest_to_oldest_without_a_hole() {
    let server = server(&["--history-updates", "50"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 1..=80).await;
    publisher.readings("b", 1..=3).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let mut before = None;
        let mut all = Vec::new();
        for expected_more in [true, true, false] {
            let page = ask(&mut client, request("a", Some(20), before)).await;
            assert_eq!((page.id, page.more), (7, expected_more));
            assert_eq!(page.topics[0].topic.as_str(), "a");
            assert!(page.updates.is_sorted_by_key(|update| update.position));
            before = page.updates.first().map(|update| update.position);
            all.splice(0..0, page.updates);
        }
        let seqs: Vec<_> = all.iter().map(|update| update.seq).collect();
        assert_eq!(seqs, (31..=80).collect::<Vec<_>>());
        assert!(all.iter().all(|update| number(update) == update.seq as f64));

        let other = ask(&mut client, request("b", None, None)).await;
        assert_eq!((numbers(&other), other.more), (vec![1.0, 2.0, 3.0], false));
    }
}

#[tokio::test]
async fn history_ends_at_or_after_the_position_of_the_live_stream() {
    let server = server(&["--requests-per-s", "100000", "--request-burst", "100000"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for encoding in ENCODINGS {
        let topic = format!("live/{encoding:?}");
        let (topic_of_task, url) = (topic.clone(), server.url());
        publisher.readings(&topic, 1..=5).await;
        let mut subscriber = Subscriber::start(&url, encoding, &topic, Mode::Every).await;
        // A snapshot leaves out values that were replaced meanwhile.
        let mut live = subscriber.take(1).await;
        let publishing = tokio::spawn(async move {
            let mut publisher = Publisher::start(&url).await;
            for n in 6..=200 {
                publisher.readings(&topic_of_task, [n]).await;
            }
        });
        let mut client = connect(&server.url(), encoding).await;
        let mut newest = 0;
        while newest < 200 {
            let history = ask(&mut client, request(&topic, None, None)).await;
            let seqs: Vec<_> = history.updates.iter().map(|update| update.seq).collect();
            let last = *seqs.last().unwrap();
            assert_eq!(seqs, (1..=last).collect::<Vec<_>>());
            assert!(last >= newest, "the past does not shrink");
            newest = last;
        }
        publishing.await.unwrap();
        live.extend(subscriber.take(195).await);
        let past = ask(&mut subscriber.connection, request(&topic, None, None)).await;
        assert_eq!(past.updates[4..], live[..]);
    }
}

#[tokio::test]
async fn an_unknown_topic_has_empty_history_and_a_forbidden_one_is_refused() {
    let server = server(&["--subscribe-allow", "open/#"]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let unknown = ask(&mut client, request("open/none", None, None)).await;
        assert_eq!(
            (unknown.topics.len(), unknown.updates.len(), unknown.more),
            (0, 0, false)
        );
        for (topic, code) in [
            ("secret", ErrorCode::SubscribeForbidden),
            ("open/#", ErrorCode::BadTopic),
        ] {
            let error = refused(&mut client, request(topic, None, None)).await;
            assert_eq!((error.id, error.code), (Some(7), code));
        }
    }
}

#[tokio::test]
async fn a_server_without_history_refuses_each_request() {
    let server = server(&["--history-updates", "0"]).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let error = refused(&mut client, request("a", None, None)).await;
        assert_eq!((error.code, error.temporary), (ErrorCode::NoHistory, false));
    }
}

#[tokio::test]
async fn history_stays_within_its_memory_and_counts_the_forgotten_updates() {
    let server = server(&["--history", "64KiB"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for start in (0..5_000).step_by(500) {
        publisher.readings("a", start..start + 500).await;
    }
    let mut client = connect(&server.url(), ENCODINGS[0]).await;
    let history = ask(&mut client, request("a", None, None)).await;
    let held = history.updates.len() as u64;
    assert!((100..2_000).contains(&held), "{held}");
    assert_eq!(history.updates.last().map(|update| update.seq), Some(5_000));
    assert!(server.metric("tickcast_history_bytes").await <= 64 * 1024);
    assert!(server.metric("tickcast_history_forgotten_total").await > 0);
}
