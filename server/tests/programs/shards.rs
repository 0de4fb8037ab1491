//! Several shards: how connections are spread over them, and how clients move between them.

use tickcast_protocol::{
    client::TopicTable,
    message::{Mode, Start},
};
use tickcast_server_testkit::{
    Program,
    raw::RawSocket,
    subscriber::{ENCODINGS, News, Subscriber},
    until,
};

/// The kernel chooses a listening socket by a hash of the addresses (SO_REUSEPORT), so the numbers
/// are binomial: each of two shards gets 500 with a standard deviation of 16. A fifth off is more
/// than six standard deviations, which happens once in about 10^9 runs.
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

/// Each shard applies the tape by itself, and a shard without clients does so late. A client that
/// comes from another shard, with a later position, must not notice.
#[tokio::test]
async fn a_client_that_returns_to_another_shard_resumes_at_its_position() {
    const VISITS: usize = 40;
    let server = Program::start(&["--sim-rate", "2000", "--shards", "4"]).await;
    for encoding in ENCODINGS {
        let mut token = None;
        let mut topics = TopicTable::default();
        for visit in 0..VISITS {
            let mut subscriber =
                Subscriber::resume(&server.url(), encoding, "#", Mode::Every, token).await;
            if visit > 0 {
                assert_eq!(subscriber.accepted.start, Start::Resumed, "visit {visit}");
            }
            subscriber.connection.set_topics(topics);
            let mut live = 0;
            while live < 30 {
                match subscriber.next().await {
                    News::Batch(batch) if batch.snapshot => {}
                    News::Batch(batch) => live += batch.updates.len(),
                    News::Gap(gap) => panic!("{gap:?}"),
                }
            }
            token = Some(subscriber.token());
            topics = subscriber.connection.take_topics();
        }
    }
}
