//! Requests that cost the server much: their answers keep their order, and a client that does not
//! read them costs little memory. `server/core/tests/core/cost.rs` counts the work of each.

use std::time::Duration;

use tickcast_protocol::{
    codec::{Encoding, encode_client},
    message::{
        ClientMessage, FilterRequest, HistoryRequest, Mode, Publish, ServerMessage, Subscribe,
    },
};
use tickcast_server_testkit::{
    Program,
    raw::{RawSocket, TEXT, masked},
    subscriber::{ENCODINGS, Publisher, answer, connect, reading},
    until,
};
use tokio::time::sleep;

async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

#[tokio::test]
async fn clients_that_do_not_read_their_history_cost_about_one_answer_each() {
    const CLIENTS: usize = 40;
    const QUESTIONS: usize = 90;
    /// The longest answer in JSON, what the output held before it, and buffers of the allocator.
    const CLIENT_MAX_BYTES: usize = 3 * 512 * 1024;
    let server = server(&["--history-updates", "5000"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for start in (0..4_500).step_by(500) {
        publisher.readings("past", start..start + 500).await;
    }
    let before = server.memory_bytes();
    let question = ClientMessage::History(HistoryRequest {
        id: 1,
        topic: "past".into(),
        limit: None,
        before: None,
    });
    let frame = masked(TEXT, &encode_client(&question, Encoding::Json));
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = RawSocket::open(server.address, "/ws", "").await;
        client.send_bytes(&frame.repeat(QUESTIONS)).await;
        clients.push(client);
    }
    until("no client takes more bytes", async || {
        server.metric("tickcast_blocked_total").await >= CLIENTS as u64
    })
    .await;
    // More answers would come now.
    sleep(Duration::from_millis(500)).await;
    let each = server.memory_bytes().saturating_sub(before) / CLIENTS;
    assert!(each < CLIENT_MAX_BYTES, "{each} bytes each");
}

#[tokio::test]
async fn a_request_waits_until_an_expensive_one_before_it_is_answered() {
    // Each filter costs several times what the client may spend at once.
    let server = server(&["--requests-per-s", "20", "--request-burst", "1"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for part in 0..10 {
        let topics = (0..500).map(|n| reading(&format!("a/b/{part}/{n}"), 1.0));
        publisher.publish(topics.collect()).await;
    }
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let filters = [
            "#", "a/#", "+/#", "+/b/#", "a/+/#", "+/+/#", "+/+/+/+", "a/+/+/+",
        ];
        let subscribe = ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: filters.map(FilterRequest::from).into(),
            mode: Mode::Latest,
            max_rate_hz: None,
        });
        let publish = ClientMessage::Publish(Publish {
            id: Some(2),
            updates: vec![reading("c", 1.0)],
        });
        client.send(&subscribe).await.unwrap();
        client.send(&publish).await.unwrap();
        let mut order = Vec::new();
        while order.len() < 2 {
            let id = answer(&mut client, |message| match message {
                ServerMessage::Subscribed(subscribed) => {
                    assert_eq!(subscribed.results.len(), filters.len());
                    Some(subscribed.id)
                }
                ServerMessage::Published(published) => Some(published.id),
                ServerMessage::Error(error) => panic!("{error:?}"),
                _ => None,
            });
            order.push(id.await);
        }
        assert_eq!(order, [1, 2]);
    }
    assert!(server.metric("tickcast_steps_total").await > 100_000);
}
