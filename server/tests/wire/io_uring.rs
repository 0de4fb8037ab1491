//! Writes to many clients with batched system calls and with one each: clients see no difference.

use serde_json::json;
use tickcast_protocol::message::Mode;
use tickcast_server_testkit::{
    Program,
    raw::RawSocket,
    subscriber::{ENCODINGS, Publisher, Subscriber, number, reading},
    until,
};

/// More clients than fit into one system call, in both encodings.
const SUBSCRIBERS: usize = 150;

/// More than the kernel buffers for a client that does not read.
const PUBLISHES: u64 = 100;
const PER_PUBLISH: u64 = 50;

/// Runs a server with two shards and many clients. One does not read, and one leaves.
async fn check(io_uring: &str, rings_wanted: usize) {
    let arguments = ["--feed", "none", "--shards", "2", "--io-uring", io_uring];
    let server = Program::start(&arguments).await;
    until("the shards have their rings", async || {
        server.rings() == rings_wanted
    })
    .await;
    let mut subscribers = Vec::new();
    for encoding in ENCODINGS.into_iter().cycle().take(SUBSCRIBERS) {
        subscribers.push(Subscriber::start(&server.url(), encoding, "a", Mode::Every).await);
    }
    let subscribe = json!({"type": "subscribe", "id": 1, "filters": ["a"]});
    let mut deaf = RawSocket::open(server.address, "/ws?encoding=json", "").await;
    deaf.send_json(&subscribe).await;
    deaf.json("subscribed").await;
    let mut going = Subscriber::start(&server.url(), ENCODINGS[0], "a", Mode::Every).await;

    let mut publisher = Publisher::start(&server.url()).await;
    let mut next = 0;
    for publish in 0..PUBLISHES {
        if publish == PUBLISHES / 2 {
            going.updates().await;
            going = Subscriber::start(&server.url(), ENCODINGS[1], "a", Mode::Every).await;
        }
        let numbers = next..next + PER_PUBLISH;
        next = numbers.end;
        let updates = numbers.map(|number| reading("a", number as f64));
        publisher.publish(updates.collect()).await;
    }
    for subscriber in &mut subscribers {
        let updates = subscriber.take(next as usize).await;
        let numbers: Vec<_> = updates.iter().map(|update| number(update) as u64).collect();
        assert!(numbers.iter().copied().eq(0..next), "{numbers:?}");
    }
    assert!(server.metric("tickcast_blocked_total").await > 0);
    assert_eq!(server.rings(), rings_wanted);
}

#[tokio::test]
async fn many_clients_receive_everything_with_batched_system_calls() {
    check("true", 2).await;
}

#[tokio::test]
async fn many_clients_receive_everything_with_a_system_call_each() {
    check("false", 0).await;
}
