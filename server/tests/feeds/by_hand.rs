//! What people try by hand, through the real Mosquitto, as clients see it.

use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, HistoryRequest, ServerMessage},
    value::Value,
};
use tickcast_server_testkit::{Program, broker::Broker, raw::get, subscriber, until};

/// A server with the feed `mqtt` and no other setting than the broker's address.
async fn start() -> (Broker, Program) {
    let broker = Broker::start("allow_anonymous true");
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let server = Program::start(&["--feed", "mqtt", "--mqtt-url", &url]).await;
    server.until_feed_is_up("mqtt").await;
    (broker, server)
}

/// Waits until `/v1/latest` of a topic has a text.
async fn until_latest(server: &Program, topic: &str, text: &str) {
    until(text, async || {
        let path = format!("/v1/latest?filter={topic}");
        get(server.address, &path).await.body.contains(text)
    })
    .await;
}

/// The values of a topic's history, the oldest first.
async fn history(server: &Program, topic: &str) -> Vec<Value> {
    let mut client = subscriber::connect(&server.url(), Encoding::Bincode).await;
    let request = HistoryRequest {
        id: 7,
        topic: topic.into(),
        limit: None,
        before: None,
    };
    client.send(&ClientMessage::History(request)).await.unwrap();
    let history = subscriber::answer(&mut client, |message| match message {
        ServerMessage::History(history) => Some(history),
        _ => None,
    });
    let updates = history.await.updates.into_iter();
    updates.map(|update| update.value).collect()
}

#[tokio::test]
async fn a_stretch_of_unavailable_is_a_gap_of_the_series_and_the_newest_value_says_so() {
    let (broker, server) = start().await;
    broker.publish("ha/temp", "21.5\n21.6\n", &[]);
    until_latest(&server, "ha/temp", r#""reading":21.6"#).await;
    broker.publish("ha/temp", "unavailable\nnan\nunavailable\n", &[]);
    until_latest(&server, "ha/temp", r#""value":{"absent":"unavailable"}"#).await;
    broker.publish("ha/temp", "22\n", &[]);
    until_latest(&server, "ha/temp", r#""reading":22.0"#).await;
    let absent = |word: &str| Value::Absent(word.to_owned());
    let expected = [
        Value::Reading(21.5),
        Value::Reading(21.6),
        absent("unavailable"),
        absent("nan"),
        absent("unavailable"),
        Value::Reading(22.0),
    ];
    assert_eq!(history(&server, "ha/temp").await, expected);
    assert_eq!(server.metric("tickcast_feed_undecodable_total").await, 0);
}

#[tokio::test]
async fn small_numbers_and_a_bid_above_the_ask_arrive_as_they_were_sent() {
    let (broker, server) = start().await;
    broker.publish("tiny", "1e-12\n2.5e-12\n-0.000000000003\n", &[]);
    until_latest(&server, "tiny", r#""reading":-3e-12"#).await;
    let expected = [1e-12, 2.5e-12, -3e-12].map(Value::Reading);
    assert_eq!(history(&server, "tiny").await, expected);
    broker.publish("crossed", r#"{"bid":10.1,"ask":10.0}"#, &[]);
    let quote = r#""quote":{"bid":"10.1","ask":"10.0"}"#;
    until_latest(&server, "crossed", quote).await;
}
