//! Clients whose connection is reset, and clients whose server is replaced by another one.

use std::sync::{Arc, Mutex};

use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::{Mode, Start},
    topic::Filter,
};
use tickcast_server_testkit::{
    Program,
    gate::Gate,
    soon,
    subscriber::{ENCODINGS, MODES, Publisher, number},
    until,
};
use tokio::task::JoinHandle;

const TOPIC: &str = "count";

/// One of the events that a client reports, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Accepted(Start),
    Reset(Start),
    Snapshot(u32),
    Live(u32),
    Disconnected,
}

type Story = Arc<Mutex<Vec<Told>>>;

/// Follows a topic through all reconnects until the number `last` arrives.
async fn follow(url: String, encoding: Encoding, mode: Mode, last: u32, story: Story) {
    let options = ClientOptions::new(ConnectOptions::new(url, encoding));
    let (mut client, handle) = Client::new(options);
    let filter = Filter::new(TOPIC).unwrap();
    handle.subscribe([filter], mode, None).unwrap();
    while story.lock().unwrap().last() != Some(&Told::Live(last)) {
        let event = soon("an event", client.next()).await;
        let mut told = story.lock().unwrap();
        match event {
            Event::Accepted { accepted, .. } => told.push(Told::Accepted(accepted.start)),
            Event::Reset { start, .. } => told.push(Told::Reset(start)),
            Event::Batch(batch) => told.extend(batch.updates.iter().map(|update| {
                let number = number(update) as u32;
                match batch.snapshot {
                    true => Told::Snapshot(number),
                    false => Told::Live(number),
                }
            })),
            Event::Disconnected(end) => {
                assert!(end.retry_in.is_some(), "{}", end.why);
                told.push(Told::Disconnected);
            }
            Event::Connecting { .. } | Event::Connected(_) | Event::Clock(_) => {}
            Event::Heartbeat(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A client that follows a topic.
struct Follower {
    mode: Mode,
    story: Story,
    task: JoinHandle<()>,
}

impl Follower {
    /// All events until the last number.
    async fn end(self) -> Vec<Told> {
        self.task.await.unwrap();
        std::mem::take(&mut *self.story.lock().unwrap())
    }
}

/// One in each encoding and mode.
fn followers(gate: &Gate, last: u32) -> Vec<Follower> {
    let mut followers = Vec::new();
    for encoding in ENCODINGS {
        for mode in MODES {
            let story = Story::default();
            let following = follow(gate.url(), encoding, mode, last, Arc::clone(&story));
            followers.push(Follower {
                mode,
                story,
                task: tokio::spawn(following),
            });
        }
    }
    followers
}

const CLIENTS: u64 = 4;

async fn until_subscribed(server: &Program, connections: u64) {
    until("the clients are subscribed again", async || {
        server.metric("tickcast_connected_total").await == connections
            && server.metric("tickcast_subscriptions").await == CLIENTS
    })
    .await;
}

#[tokio::test]
async fn a_client_whose_connection_is_reset_continues_without_losses_or_repeats() {
    const CUTS: u32 = 3;
    const NUMBERS: u32 = 400;
    const LAST: u32 = (CUTS + 1) * NUMBERS;
    let server = Program::start(&["--feed", "none"]).await;
    let gate = Gate::open(server.address).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let followers = followers(&gate, LAST);
    until_subscribed(&server, 1 + CLIENTS).await;
    for cut in 0..=CUTS {
        let first = cut * NUMBERS + 1;
        for tenth in 0..10 {
            if tenth == 5 && cut < CUTS {
                gate.cut(Some(server.address));
            }
            let start = first + tenth * NUMBERS / 10;
            publisher.readings(TOPIC, start..start + NUMBERS / 10).await;
        }
        // The clients leave after the last number.
        if cut < CUTS {
            until_subscribed(&server, 1 + CLIENTS * u64::from(cut + 2)).await;
        }
    }
    for follower in followers {
        let mode = follower.mode;
        let told = follower.end().await;
        let starts = told.iter().filter(|told| matches!(told, Told::Accepted(_)));
        let expected = [Start::Fresh, Start::Resumed, Start::Resumed, Start::Resumed];
        assert!(starts.eq(&expected.map(Told::Accepted)), "{told:?}");
        let resets = told.iter().filter(|told| matches!(told, Told::Reset(_)));
        assert_eq!(resets.count(), 0);
        let live = told.iter().filter_map(|told| match told {
            Told::Live(number) | Told::Snapshot(number) => Some(*number),
            _ => None,
        });
        match mode {
            Mode::Every => assert!(live.eq(1..=LAST)),
            Mode::Latest => assert!(live.is_sorted_by(|one, next| one < next)),
        }
    }
    assert_eq!(server.metric("tickcast_gaps_total").await, 0);
}

#[tokio::test]
async fn a_client_of_a_new_server_is_told_so_and_gets_its_snapshot() {
    const LAST: u32 = 106;
    let first = Program::start(&["--feed", "none"]).await;
    let gate = Gate::open(first.address).await;
    let followers = followers(&gate, LAST);
    until_subscribed(&first, CLIENTS).await;
    let mut publisher = Publisher::start(&first.url()).await;
    publisher.readings(TOPIC, [1]).await;
    until("the first value has come", async || {
        let has_come =
            |follower: &Follower| follower.story.lock().unwrap().last() == Some(&Told::Live(1));
        followers.iter().all(has_come)
    })
    .await;
    gate.cut(None);
    first.kill().await;

    let second = Program::start(&["--feed", "none"]).await;
    let mut publisher = Publisher::start(&second.url()).await;
    publisher.readings(TOPIC, 101..=105).await;
    gate.cut(Some(second.address));
    until("the snapshot has come", async || {
        second.metric("tickcast_deliveries_total").await == CLIENTS
    })
    .await;
    publisher.readings(TOPIC, [LAST]).await;
    for follower in followers {
        let mut told = follower.end().await;
        // One lost connection, and any number of failed attempts while the second server starts.
        assert!(told.contains(&Told::Disconnected));
        told.retain(|told| *told != Told::Disconnected);
        assert_eq!(
            told,
            [
                Told::Accepted(Start::Fresh),
                Told::Live(1),
                Told::Reset(Start::EpochChanged),
                Told::Accepted(Start::EpochChanged),
                Told::Snapshot(105),
                Told::Live(LAST),
            ]
        );
    }
}
