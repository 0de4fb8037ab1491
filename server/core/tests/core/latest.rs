//! Mode `latest`: what is conflated is counted, and no client gets a value of a topic that was not
//! introduced to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tickcast_core::{settings::CoreSettings, shard::CATCH_UP_FRAME_MAX_BYTES};
use tickcast_protocol::{
    codec::Encoding,
    message::{Mode, Position, Resume, ServerMessage, TopicId},
    value::Value,
};

use crate::bench::{Bench, Client, EPOCH};

const INTERVAL: Duration = Duration::from_millis(100);

/// The pace of [`INTERVAL`].
const PACED: (Mode, Option<f64>) = (Mode::Latest, Some(10.0));

const AT_ONCE: (Mode, Option<f64>) = (Mode::Latest, None);

/// Longer than any frame of catching up.
const LONG: usize = 2 * CATCH_UP_FRAME_MAX_BYTES;

/// What a client of the bincode encoding knows.
#[derive(Debug, Default)]
struct Known {
    names: BTreeMap<TopicId, String>,
    /// The newest position of each topic, by name.
    newest: BTreeMap<String, Position>,
    position: Position,
}

impl Known {
    /// Reads all messages that have arrived. Panics at a topic that was not introduced.
    fn read(&mut self, client: &Client) {
        for message in client.messages_by_id() {
            match message {
                ServerMessage::Batch(batch) => {
                    for info in batch.topics {
                        self.names.insert(info.id, info.topic.as_str().to_owned());
                    }
                    for update in batch.updates {
                        let name = self.names.get(&update.topic);
                        let name = name.expect("the topic was introduced").clone();
                        self.newest.insert(name, update.position);
                    }
                    if !batch.snapshot {
                        assert_eq!(batch.from, self.position);
                        self.position = batch.to;
                    }
                }
                ServerMessage::Subscribed(subscribed) => {
                    let results = format!("{:?}", subscribed.results);
                    assert!(results.contains("Accepted"), "{results}");
                }
                message => panic!("{message:?}"),
            }
        }
    }

    fn newest(&self) -> Vec<(&str, Position)> {
        let newest = self.newest.iter();
        newest
            .map(|(name, &position)| (name.as_str(), position))
            .collect()
    }
}

impl Bench {
    /// A reader of the bincode encoding that subscribes to everything. Nothing is sent yet.
    fn paced(&mut self, resume: Option<Resume>) -> Client {
        let client = self.reader(Encoding::Bincode);
        self.subscribe_by_id(&client, PACED, resume);
        client
    }

    /// Serves those that catch up, and nothing else.
    fn catch_up(&mut self) {
        let now = self.now();
        while self.shard.catch_up(now) {}
    }
}

#[test]
fn values_replaced_before_a_batch_are_counted_for_every_live_subscriber() {
    for (pace, waits) in [(PACED, INTERVAL), (AT_ONCE, Duration::ZERO)] {
        let mut bench = Bench::new(CoreSettings::default());
        let clients = [(); 3].map(|()| bench.reader(Encoding::Json));
        for client in &clients {
            bench.subscribe(client, "#", pace, None);
        }
        bench.settle();
        bench.publish(&[("a", 1.0)]);
        bench.settle();
        let sent = (bench.stats.deliveries.get(), bench.stats.batches.get());
        assert_eq!((sent, bench.stats.conflated.get()), ((3, 3), 0));
        bench.publish(&[("a", 2.0), ("b", 2.0), ("a", 3.0), ("a", 4.0), ("b", 3.0)]);
        bench.pass(waits);
        bench.settle();
        // Of five updates each got two.
        let sent = (bench.stats.deliveries.get(), bench.stats.batches.get());
        assert_eq!((sent, bench.stats.conflated.get()), ((9, 6), 9), "{pace:?}");
        let positions: Vec<_> = clients[0].updates().iter().map(|u| u.1).collect();
        assert_eq!(positions, [1, 5, 6]);
        bench.publish(&[("a", 5.0)]);
        bench.pass(waits);
        bench.settle();
        assert_eq!(bench.stats.conflated.get(), 9, "nothing was replaced");
    }
}

#[test]
fn the_first_change_is_sent_at_once_also_if_a_batch_was_closed_before_the_subscription_is_live() {
    let mut bench = Bench::new(CoreSettings::default());
    let first = bench.reader(Encoding::Json);
    bench.subscribe(&first, "#", PACED, None);
    // This turn closes the channel's first batch. The subscription has not caught up yet.
    bench.publish(&[("a", 1.0)]);
    bench.settle();
    let position = |update: &(String, Position, bool)| update.1;
    assert_eq!(
        first.updates().iter().map(position).collect::<Vec<_>>(),
        [1]
    );
    // The next change waits for the interval.
    bench.publish(&[("a", 2.0)]);
    bench.settle();
    assert_eq!(first.updates().len(), 0);
    // The same with a second subscription, for which the batch was closed after its snapshot.
    let second = bench.reader(Encoding::Json);
    bench.subscribe(&second, "#", PACED, None);
    bench.pass(INTERVAL);
    bench.publish(&[("a", 3.0)]);
    bench.settle();
    for client in [&first, &second] {
        let last = client.updates().last().map(position);
        assert_eq!(last, Some(3));
    }
}

#[test]
fn values_replaced_while_a_client_was_blocked_are_counted_when_it_has_caught_up() {
    let mut bench = Bench::new(CoreSettings::default());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", AT_ONCE, None);
    bench.settle();
    client.pipe.set_room(1);
    bench.publish(&[("a", 1.0)]);
    for value in 0..5 {
        bench.publish(&[("a", f64::from(value)), ("b", 0.0)]);
    }
    bench.settle();
    assert_eq!(bench.stats.conflated.get(), 0);
    bench.unblock(&client);
    bench.settle();
    let positions: Vec<_> = client.updates().iter().map(|u| u.1).collect();
    assert_eq!(positions, [1, 10, 11]);
    assert_eq!(bench.stats.conflated.get(), 8, "10 updates, 2 of them sent");
    bench.publish(&[("a", 1.0)]);
    assert_eq!(bench.stats.conflated.get(), 8);
}

#[test]
fn a_subscriber_of_every_update_has_nothing_conflated() {
    let mut bench = Bench::new(CoreSettings::default());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", (Mode::Every, None), None);
    bench.settle();
    client.pipe.set_room(1);
    bench.publish(&[("a", 1.0)]);
    bench.publish(&[("a", 2.0), ("a", 3.0)]);
    bench.unblock(&client);
    bench.settle();
    assert_eq!(client.updates().len(), 3);
    assert_eq!(bench.stats.deliveries.get(), 3);
    assert_eq!(bench.stats.conflated.get(), 0);
}

/// A channel that has known `x` for long, and a second client that subscribes to it just before the
/// next value of `x` opens a batch.
fn late_into_an_open_batch() -> (Bench, Client) {
    let mut bench = Bench::new(CoreSettings::default());
    let _first = bench.paced(None);
    bench.settle();
    bench.publish(&[("x", 1.0)]);
    bench.settle();
    bench.pass(INTERVAL / 10);
    let late = bench.paced(None);
    bench.publish(&[("x", 2.0)]);
    (bench, late)
}

/// A snapshot that ends while a batch is open leaves out the topics of that batch. The batch does
/// not introduce them, because its channel has known them for long. A new subscription gets them at
/// once.
#[test]
fn a_topic_that_a_snapshot_left_out_is_introduced_before_its_next_value() {
    let (mut bench, late) = late_into_an_open_batch();
    let mut known = Known {
        position: 1,
        ..Known::default()
    };
    bench.catch_up();
    known.read(&late);
    assert_eq!(known.newest(), [("x", 2)]);
    bench.publish(&[("x", 3.0)]);
    bench.catch_up();
    known.read(&late);
    assert_eq!(known.newest(), [("x", 2)], "the next value waits");
    bench.pass(INTERVAL);
    bench.settle();
    known.read(&late);
    assert_eq!(known.newest(), [("x", 3)]);
}

#[test]
fn a_client_that_resumes_into_an_open_batch_gets_its_topics_introduced() {
    let (mut bench, late) = late_into_an_open_batch();
    bench.catch_up();
    let mut known = Known {
        position: 1,
        ..Known::default()
    };
    known.read(&late);
    bench.shard.disconnect(late.key);
    let resumed = bench.paced(Some(Resume {
        epoch: EPOCH,
        position: known.position,
        count: None,
        snapshot: None,
    }));
    bench.catch_up();
    known.read(&resumed);
    bench.pass(INTERVAL);
    bench.settle();
    known.read(&resumed);
    assert_eq!(known.newest(), [("x", 2)]);
}

/// The first of two frames ends exactly where the channel's last batch does. The topic of the
/// second frame is in the open batch, which does not introduce it, and has no value in the first.
#[test]
fn latest_values_in_several_frames_are_complete_before_the_next_batch() {
    let mut bench = Bench::new(CoreSettings::default());
    let _first = bench.paced(None);
    bench.settle();
    bench.publish(&[("x", 1.0)]);
    bench.settle();
    let late = bench.paced(Some(Resume {
        epoch: EPOCH,
        position: 1,
        count: None,
        snapshot: None,
    }));
    bench.settle();
    let mut known = Known {
        position: 1,
        ..Known::default()
    };
    bench.pass(INTERVAL);
    late.pipe.set_room(1);
    bench.publish(&[("c", 1.0)]);
    bench.pass(INTERVAL);
    let long = Value::Text("x".repeat(LONG));
    bench.publish_values(vec![("a", long)]);
    bench.pass(INTERVAL / 10);
    bench.unblock(&late);
    bench.settle();
    known.read(&late);
    assert_eq!((known.newest(), known.position), (vec![("c", 2)], 2));
    bench.pass(INTERVAL);
    bench.turn();
    bench.publish(&[("x", 2.0)]);
    bench.catch_up();
    known.read(&late);
    bench.pass(INTERVAL);
    bench.settle();
    known.read(&late);
    assert_eq!(known.newest(), [("a", 3), ("c", 2), ("x", 4)]);
    assert_eq!(known.position, 4);
}

#[test]
fn a_paced_client_gets_a_batch_per_interval_and_the_first_at_once() {
    let mut bench = Bench::new(CoreSettings::default());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", PACED, None);
    bench.settle();
    let mut sent_at = BTreeSet::new();
    for ms in 0..350 {
        bench.publish(&[("a", f64::from(ms))]);
        if !client.updates().is_empty() {
            sent_at.insert(ms);
        }
        bench.pass(Duration::from_millis(1));
    }
    assert_eq!(sent_at.into_iter().collect::<Vec<_>>(), [0, 100, 200, 300]);
}
