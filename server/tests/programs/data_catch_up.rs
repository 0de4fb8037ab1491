//! Clients that were away for longer than the tape reaches back read on from the log on disk.

use std::ops::RangeInclusive;

use tickcast_protocol::{
    codec::Encoding,
    message::{Mode, Position, Resume, Start},
};
use tickcast_server_testkit::{
    Program,
    subscriber::{ENCODINGS, News, Publisher, Subscriber, number},
    until,
};

use crate::data::{limit_writes, start, start_limited};

/// About a thousand updates.
const TAPE: [&str; 2] = ["--tape", "64KiB"];

/// Updates of one publish.
const CHUNK: u32 = 500;

/// Publishes numbers, of two topics in turn, so that the number of an update is its position.
async fn publish(publisher: &mut Publisher, numbers: RangeInclusive<u32>) -> Position {
    let (mut last, mut topic) = (0, 0);
    for first in numbers.clone().step_by(CHUNK as usize) {
        let until = (first + CHUNK - 1).min(*numbers.end());
        let name = ["a", "b"][topic % 2];
        last = publisher.readings(name, first..=until).await;
        topic += 1;
    }
    assert_eq!(last, Position::from(*numbers.end()));
    last
}

/// Reads on, and checks that every update up to a position comes, and no other.
async fn gets_all(client: &mut Subscriber, last: Position) {
    let mut expected = client.position();
    while client.position() < last {
        for update in client.updates().await {
            expected += 1;
            assert_eq!(
                (update.position, number(&update)),
                (expected, expected as f64)
            );
        }
    }
    assert_eq!(expected, last);
}

/// A client that has got everything up to a position.
async fn subscriber(url: &str, encoding: Encoding, position: Position) -> Subscriber {
    let mut client = Subscriber::start(url, encoding, "#", Mode::Every).await;
    while client.position() < position || client.has_snapshot() {
        client.next().await;
    }
    client
}

/// The token of a client that has got everything up to a position.
async fn leave(url: &str, encoding: Encoding, position: Position) -> Resume {
    subscriber(url, encoding, position).await.token()
}

async fn come_back(server: &Program, encoding: Encoding, token: Resume) -> Subscriber {
    let url = server.url();
    let client = Subscriber::resume(&url, encoding, "#", Mode::Every, Some(token)).await;
    assert_eq!(client.accepted.start, Start::Resumed);
    assert_eq!(client.accepted.position, token.position);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_away_for_longer_than_the_tape_get_everything_and_others_go_on() {
    const AWAY: u32 = 30_000;
    const LAST: u32 = AWAY + 10_000;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &TAPE).await;
    let url = server.url();
    let mut publisher = Publisher::start(&url).await;
    let first = publish(&mut publisher, 1..=100).await;
    let mut tokens = Vec::new();
    for encoding in ENCODINGS.into_iter().cycle().take(4) {
        tokens.push((encoding, leave(&url, encoding, first).await));
    }
    let mut live = subscriber(&url, Encoding::Json, first).await;
    let follows = tokio::spawn(async move { gets_all(&mut live, LAST.into()).await });
    publish(&mut publisher, 101..=AWAY).await;
    // They come back while updates go on.
    let publishes = tokio::spawn(async move {
        publish(&mut publisher, AWAY + 1..=LAST).await;
        publisher
    });
    let mut clients = Vec::new();
    for (encoding, token) in tokens {
        let mut client = come_back(&server, encoding, token).await;
        clients.push(tokio::spawn(async move {
            gets_all(&mut client, LAST.into()).await;
            client
        }));
    }
    let mut publisher = publishes.await.unwrap();
    follows.await.unwrap();
    let mut back = Vec::new();
    for client in clients {
        back.push(client.await.unwrap());
    }
    assert_eq!(server.metric("tickcast_gaps_total").await, 0);
    assert!(server.metric("tickcast_data_reads_total").await > 1);
    assert!(server.metric("tickcast_data_read_bytes_total").await > 500_000);
    // They are live.
    publish(&mut publisher, LAST + 1..=LAST + 10).await;
    for client in &mut back {
        gets_all(client, Position::from(LAST) + 10).await;
    }
    until("no client reads the log", async || {
        server.metric("tickcast_data_readers").await == 0
            && server.metric("tickcast_data_window_bytes").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_a_server_that_was_killed_get_everything_from_the_log() {
    const LAST: u32 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &TAPE).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let first = publish(&mut publisher, 1..=100).await;
    let mut tokens = Vec::new();
    for encoding in ENCODINGS {
        tokens.push((encoding, leave(&server.url(), encoding, first).await));
    }
    publish(&mut publisher, 101..=LAST).await;
    server.kill().await;
    let server = start(folder.path(), &TAPE).await;
    for (encoding, token) in tokens {
        let mut client = come_back(&server, encoding, token).await;
        gets_all(&mut client, LAST.into()).await;
    }
    assert_eq!(server.metric("tickcast_gaps_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_log_a_client_beyond_the_tape_is_told_what_it_has_lost() {
    const LAST: u32 = 10_000;
    let server = Program::start(&[&["--feed", "none"][..], &TAPE].concat()).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let first = publish(&mut publisher, 1..=100).await;
    let token = leave(&server.url(), Encoding::Json, first).await;
    publish(&mut publisher, 101..=LAST).await;
    let mut client = come_back(&server, Encoding::Json, token).await;
    let News::Gap(gap) = client.next().await else {
        panic!("the tape has not dropped it");
    };
    assert_eq!((gap.from, gap.lost), (100, Some(gap.to - gap.from)));
    assert_eq!(server.metric("tickcast_data_reads_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_lacks_is_a_gap_with_its_count() {
    const LAST: u32 = 10_000;
    let folder = tempfile::tempdir().unwrap();
    let server = start_limited(folder.path(), "go-on", &TAPE).await;
    let url = format!("ws://{}/ws", server.address);
    let mut publisher = Publisher::start(&url).await;
    publish(&mut publisher, 1..=100).await;
    let token = leave(&url, Encoding::Bincode, 100).await;
    // These are in the log, and the client has not got them.
    publish(&mut publisher, 101..=200).await;
    limit_writes(&server, Some(100)).await;
    publish(&mut publisher, 201..=LAST).await;
    assert_eq!(
        server.metric("tickcast_data_unwritten").await,
        u64::from(LAST) - 200
    );
    let resume = Some(token);
    let mut client = Subscriber::resume(&url, Encoding::Bincode, "#", Mode::Every, resume).await;
    gets_all(&mut client, 200).await;
    let News::Gap(gap) = client.next().await else {
        panic!("these updates are nowhere");
    };
    assert_eq!((gap.from, gap.lost), (200, Some(gap.to - 200)));
    while client.has_snapshot() {
        client.next().await;
    }
    gets_all(&mut client, LAST.into()).await;
}
