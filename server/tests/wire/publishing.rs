//! The limits of a client that publishes, and of what it asks for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tickcast_protocol::{
    codec::{self, Encoding, SUBPROTOCOL_BINCODE},
    message::{Change, ClientMessage, Mode, ServerMessage},
};
use tickcast_server_testkit::{
    Program,
    raw::{BINARY, RawSocket},
};

async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

fn publish(id: Option<u32>, topics: &[&str]) -> Value {
    let update = |topic: &&str| json!({"topic": topic, "value": {"reading": 1}});
    let updates: Vec<_> = topics.iter().map(update).collect();
    json!({"type": "publish", "id": id, "updates": updates})
}

/// Publishes messages at once, and returns the time until all of them are acknowledged.
async fn publish_all(socket: &mut RawSocket, messages: u32, updates: usize) -> Duration {
    let begin = Instant::now();
    for id in 1..=messages {
        socket
            .send_json(&publish(Some(id), &vec!["a"; updates]))
            .await;
    }
    for id in 1..=messages {
        let published = socket.json("published").await;
        assert_eq!(published["id"], id);
        assert_eq!(published["position"], u64::from(id) * updates as u64);
    }
    begin.elapsed()
}

#[tokio::test]
async fn a_client_that_publishes_above_its_limit_is_read_later_and_loses_nothing() {
    // 30 messages of 100 updates: a second's worth at once, the rest at the rate, and the last
    // message need not wait for what it costs itself.
    const MESSAGES: u32 = 30;
    let bytes = publish(Some(1), &["a"; 100]).to_string().len();
    let by_bytes = (10 * bytes).to_string();
    for limit in [
        ["--publish-updates-per-s", "1000"],
        ["--publish-bytes-per-s", &by_bytes],
    ] {
        let server = server(&limit).await;
        let mut other = RawSocket::open(server.address, "/ws", "").await;
        let mut socket = RawSocket::open(server.address, "/ws", "").await;
        let elapsed = publish_all(&mut socket, MESSAGES, 100).await;
        let (least, most) = (Duration::from_millis(1_700), Duration::from_secs(6));
        assert!((least..most).contains(&elapsed), "{limit:?}: {elapsed:?}");
        let pauses = server.metric("tickcast_publish_pauses_total").await;
        // At most one after each message beyond the first second's worth; fewer on a busy machine.
        assert!((5..=20).contains(&pauses), "{limit:?}: {pauses}");
        other.send_json(&json!({"type": "list", "id": 5})).await;
        assert_eq!(other.json("subscriptions").await["id"], 5);
        assert_eq!(server.metric("tickcast_updates_total").await, 3_000);
    }
}

#[tokio::test]
async fn a_client_whose_pongs_wait_unread_is_not_taken_for_silent() {
    // One message that costs three seconds' worth: the next one waits for two seconds, which is
    // much longer than a pong may take.
    let timing = ["--ping", "300ms", "--pong-timeout", "300ms"];
    let limit = ["--publish-updates-per-s", "100"];
    let server = server(&[&limit[..], &timing[..]].concat()).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let begin = Instant::now();
    socket.send_json(&publish(Some(1), &["a"; 300])).await;
    socket.send_json(&publish(Some(2), &["a"])).await;
    assert_eq!(socket.json("published").await["position"], 300);
    assert_eq!(socket.json("published").await["position"], 301);
    assert!(begin.elapsed() > Duration::from_millis(1_900));
}

#[tokio::test]
async fn without_a_limit_and_below_it_a_publisher_is_never_paused() {
    for limit in ["0", "3000"] {
        let server = server(&["--publish-updates-per-s", limit]).await;
        let mut socket = RawSocket::open(server.address, "/ws", "").await;
        publish_all(&mut socket, 30, 100).await;
        let pauses = server.metric("tickcast_publish_pauses_total").await;
        assert_eq!(pauses, 0);
    }
}

#[tokio::test]
async fn a_client_that_introduces_topics_too_fast_is_refused_and_told_when_to_try_again() {
    let server = server(&["--new-topics-per-s", "2", "--new-topics-burst", "3"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let reason = "too many new topics: 3 at once (new_topics_burst) and 2 per second \
                  (new_topics_per_s) are allowed";
    socket
        .send_json(&publish(Some(1), &["a", "b", "c", "a"]))
        .await;
    assert_eq!(socket.json("published").await["position"], 4);
    socket.send_json(&publish(Some(2), &["a", "d"])).await;
    let error = socket.json("error").await;
    assert_eq!((&error["id"], &error["code"]), (&json!(2), &json!(102)));
    assert_eq!(error["reason"], reason);
    assert_eq!(error["temporary"], true);
    let retry_after = error["retry_after_ms"].as_u64().unwrap();
    assert!((1..=500).contains(&retry_after), "{error}");
    // A publish without an id is answered only if it is refused.
    socket.send_json(&publish(None, &["d"])).await;
    let error = socket.json("error").await;
    assert_eq!((error.get("id"), &error["code"]), (None, &json!(102)));
    // Known topics and other clients are not affected.
    socket.send_json(&publish(Some(3), &["a", "b"])).await;
    assert_eq!(socket.json("published").await["position"], 6);
    let mut other = RawSocket::open(server.address, "/ws", "").await;
    other.send_json(&publish(Some(4), &["e"])).await;
    assert_eq!(other.json("published").await["position"], 7);
    assert_eq!(
        server
            .metric("tickcast_updates_refused_new_topics_total")
            .await,
        3
    );
    assert_eq!(server.metric("tickcast_updates_refused_total").await, 0);
    tokio::time::sleep(Duration::from_millis(retry_after)).await;
    socket.send_json(&publish(Some(5), &["a", "d"])).await;
    assert_eq!(socket.json("published").await["position"], 9);
}

#[tokio::test]
async fn a_publish_without_an_id_above_the_number_of_topics_is_answered_and_refused_as_a_whole() {
    let server = server(&["--topics-max", "1"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.send_json(&publish(None, &["a", "b"])).await;
    let error = socket.json("error").await;
    assert_eq!((error.get("id"), &error["code"]), (None, &json!(302)));
    assert_eq!(server.metric("tickcast_updates_total").await, 0);
    assert_eq!(server.metric("tickcast_updates_refused_total").await, 2);
}

#[tokio::test]
async fn rates_are_granted_within_the_bounds_of_the_welcome() {
    let server = server(&[]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let limits = socket.json("welcome").await["limits"].clone();
    assert_eq!(limits["rate_min_hz"], 0.01);
    assert_eq!(limits["rate_max_hz"], 1000.0);
    for (id, (rate, granted)) in (1..).zip([
        (json!(1e-9), None),
        (json!(0), None),
        (json!(-1), None),
        (json!(0.01), Some(0.01)),
        (json!(3), Some(1000.0 / 333.0)),
        (json!(2000), Some(1000.0)),
        (json!(1e12), Some(1000.0)),
    ]) {
        let request = json!({"type": "subscribe", "id": id, "filters": ["a"], "max_rate_hz": rate});
        socket.send_json(&request).await;
        let subscribed = socket.json("subscribed").await;
        let result = &subscribed["results"][0];
        match granted {
            Some(granted) => assert_eq!(result["max_rate_hz"], granted, "{rate}: {result}"),
            None => assert_eq!(result["code"], 204, "{rate}: {result}"),
        }
    }
    // JSON has no such numbers.
    let protocol = format!("Sec-WebSocket-Protocol: {SUBPROTOCOL_BINCODE}\r\n");
    let mut socket = RawSocket::open(server.address, "/ws", &protocol).await;
    assert_eq!(socket.frame().await.0, BINARY, "the welcome");
    for rate in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        let subscribe =
            codec::decode_client(br#"{"type":"subscribe","filters":["a"]}"#, Encoding::Json);
        let Ok(ClientMessage::Subscribe(mut subscribe)) = subscribe else {
            panic!("{subscribe:?}");
        };
        subscribe.max_rate_hz = Some(rate);
        let message = ClientMessage::Subscribe(subscribe);
        socket
            .send(BINARY, &codec::encode_client(&message, Encoding::Bincode))
            .await;
        let answer = codec::decode_server_bincode(&socket.frame().await.1).unwrap();
        let ServerMessage::Subscribed(subscribed) = answer else {
            panic!("{answer:?}");
        };
        let result = format!("{:?}", subscribed.results[0]);
        assert!(result.contains("BadRate"), "{rate}: {result}");
    }
    let change = Change {
        id: 7,
        channel: 1,
        mode: Mode::Latest,
        max_rate_hz: None,
    };
    let change = codec::encode_client(&ClientMessage::Change(change), Encoding::Bincode);
    socket.send(BINARY, &change).await;
    let answer = codec::decode_server_bincode(&socket.frame().await.1).unwrap();
    assert!(matches!(answer, ServerMessage::Error(error) if error.id == Some(7)));
}

#[tokio::test]
async fn a_history_of_no_updates_is_refused() {
    let server = server(&[]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket
        .send_json(&json!({"type": "history", "id": 6, "topic": "a", "limit": 0}))
        .await;
    let error = socket.json("error").await;
    assert_eq!((&error["id"], &error["code"]), (&json!(6), &json!(100)));
    assert_eq!(
        error["reason"],
        "limit is 0: it must be at least 1, or missing"
    );
}

#[tokio::test]
async fn heartbeats_come_in_time_also_after_activity() {
    const HEARTBEAT: Duration = Duration::from_millis(500);
    // Beyond this the machine is to blame.
    const SLACK: Duration = Duration::from_millis(150);
    let server = server(&["--heartbeat", "500ms"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.json("welcome").await;
    for wait_ms in [0, 130, 260, 390, 470] {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        socket.send_json(&json!({"type": "list", "id": 1})).await;
        socket.json("subscriptions").await;
        let begin = Instant::now();
        socket.json("heartbeat").await;
        let elapsed = begin.elapsed();
        assert!(elapsed <= HEARTBEAT + SLACK, "{elapsed:?}");
    }
}
