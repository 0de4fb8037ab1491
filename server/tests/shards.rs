//! Several shards: how the kernel spreads connections over them.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod server_support;

use server_support::{Program, raw::RawSocket, subscriber::Subscriber, until};
use tickcast_protocol::{
    codec::Encoding,
    message::{Mode, Start},
};

/// The kernel chooses a listening socket by a hash of the addresses (SO_REUSEPORT), so the numbers
/// are binomial: each of two shards gets 500 with a standard deviation of 16. A fifth off is more
/// than six of them, which happens once in some 10^9 runs.
#[tokio::test]
async fn a_thousand_connections_are_spread_evenly_within_a_fifth() {
    let server = Program::start(&["--feed", "none", "--shards", "2"]).await;
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        sockets.push(RawSocket::open(server.address, "/ws", "").await);
    }
    until("all are connected", async || {
        server.metric("tickcast_connections").await == 1000
    })
    .await;
    for shard in 0..2 {
        let row = format!("tickcast_connections{{shard=\"{shard}\"}}");
        let connections = server.metric(&row).await;
        assert!((400..=600).contains(&connections), "{connections}");
    }
}

/// A shard without clients dozes, and may then be behind the one where the client was before.
#[tokio::test]
async fn who_comes_back_to_a_shard_that_dozes_goes_on_where_it_was() {
    let server = Program::start(&["--sim-rate", "2000", "--shards", "4"]).await;
    let mut token = None;
    for time in 0..40 {
        let mut subscriber =
            Subscriber::resume(&server.url(), Encoding::Json, "#", Mode::Every, token).await;
        if time > 0 {
            assert_eq!(subscriber.accepted.start, Start::Resumed, "time {time}");
        }
        let begin = subscriber.position();
        while subscriber.position() < begin + 50 {
            subscriber.updates().await;
        }
        token = Some(subscriber.token());
    }
}
