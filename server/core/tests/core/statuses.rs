//! The status of topics on its way to live, late and blocked subscribers.

use std::time::Duration;

use tickcast_core::{
    sequencer::{
        Sequencer,
        liveness::{Expected, Liveness, LivenessSettings, SilenceRule},
    },
    settings::CoreSettings,
    work::{FeedId, NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{Mode, Quality, ServerMessage, Status},
    topic::{Filter, Topic},
    value::Value,
};

use crate::bench::{Bench, Client};

const FEED: FeedId = 1;
const EVERY: (Mode, Option<f64>) = (Mode::Every, None);
const PACED: (Mode, Option<f64>) = (Mode::Latest, Some(10.0));

/// Time between two batches of a paced client.
const PACE_INTERVAL: Duration = Duration::from_millis(100);

/// A topic whose source is silent is stale after this time.
const STALE_AFTER: Duration = Duration::from_secs(3);

fn liveness() -> LivenessSettings {
    LivenessSettings {
        silence: vec![SilenceRule {
            filter: Filter::all(),
            expect_every: Expected::Every(STALE_AFTER / 3),
            dead_after: None,
        }],
        wills: vec![],
    }
}

fn bench() -> Bench {
    Bench::new(CoreSettings::default()).with_liveness(liveness())
}

impl Bench {
    fn hear(&mut self, topics: &[String]) {
        self.hear_with(topics, None);
    }

    fn hear_with(&mut self, topics: &[String], unit: Option<&str>) {
        let update = |name: &String| NewUpdate {
            quality: Quality::Live,
            unit: unit.map(Into::into),
            ..NewUpdate::live(Topic::new(name).unwrap(), Value::Reading(1.0))
        };
        let submission = Submission {
            updates: topics.iter().map(update).collect(),
            ack: None,
            feed: Some(FEED),
            once: None,
        };
        let now = self.now();
        self.sequencer.push(submission, now);
        self.turn();
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("t/{n}")).collect()
}

/// What arrived: the statuses of each message about statuses, and the number of values after it.
fn read(client: &Client) -> Vec<(Vec<(String, Status)>, usize)> {
    let mut read = vec![(Vec::new(), 0)];
    for message in client.messages() {
        match message {
            ServerMessage::Status(message) => {
                let rows = message.statuses.into_iter();
                let rows = rows.map(|row| (row.topic.as_str().to_owned(), row.status));
                read.push((rows.collect(), 0));
            }
            ServerMessage::Batch(batch) => read.last_mut().unwrap().1 += batch.updates.len(),
            _ => {}
        }
    }
    read
}

fn lens(read: &[(Vec<(String, Status)>, usize)]) -> Vec<(usize, usize)> {
    read.iter()
        .map(|(rows, values)| (rows.len(), *values))
        .collect()
}

#[test]
fn many_statuses_go_in_messages_of_1024_to_live_blocked_and_new_subscribers() {
    let mut bench = bench();
    let live = bench.reader(Encoding::Json);
    let blocked = bench.reader(Encoding::Json);
    let paced = bench.reader(Encoding::Json);
    for (client, pace) in [(&live, EVERY), (&blocked, EVERY), (&paced, PACED)] {
        bench.subscribe(client, "#", pace, None);
    }
    bench.settle();
    let topics = names(2_500);
    // In parts: the JSON of all is too much for one turn, and a paced client would get the rest
    // after its interval only.
    for part in topics.chunks(250) {
        bench.hear(part);
        bench.settle();
        bench.pass(PACE_INTERVAL);
        bench.settle();
    }
    for client in [&live, &blocked, &paced] {
        assert_eq!(lens(&read(client)), [(0, 2_500)]);
    }
    // The interval of the pace begins with this value.
    bench.hear(&topics[..1]);
    bench.settle();
    for client in [&live, &blocked, &paced] {
        assert_eq!(lens(&read(client)), [(0, 1)]);
    }
    blocked.pipe.set_room(0);
    bench.hear(&topics[..1]);
    live.messages();
    bench.pass(STALE_AFTER);
    bench.settle();
    // A turn has the steps to tell two channels of 1,280 topics.
    let frames = [(0, 0), (1_024, 0), (256, 0), (1_024, 0), (196, 0)];
    assert_eq!(lens(&read(&live)), frames);
    bench.settle();
    assert_eq!(lens(&read(&live)), [(0, 0)], "once");
    // The open batch of a pace waits longer than the statuses of its turn.
    let before_value = [(0, 0), (1_024, 0), (256, 1), (1_024, 0), (196, 0)];
    assert_eq!(lens(&read(&paced)), before_value);
    bench.unblock(&blocked);
    bench.settle();
    let with_value = [(0, 1), (1_024, 0), (1_024, 0), (452, 0)];
    assert_eq!(lens(&read(&blocked)), with_value);
    let late = bench.reader(Encoding::Json);
    bench.subscribe(&late, "#", EVERY, None);
    bench.settle();
    let read = read(&late);
    assert_eq!(lens(&read), [(0, 0), (1_024, 0), (1_024, 0), (452, 2_500)]);
    let mut rows: Vec<_> = read.into_iter().flat_map(|(rows, _)| rows).collect();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 2_500);
    assert!(rows.iter().all(|(_, status)| *status == Status::Stale));
}

/// A channel of more than 8,192 topics follows the changes of all of them in their order.
#[test]
fn of_more_topics_than_are_looked_through_a_blocked_subscriber_gets_all_changes() {
    let mut bench = bench();
    let topics = names(9_000);
    bench.sequencer = Sequencer::new(topics.len()).with_liveness(Liveness::new(liveness()));
    let blocked = bench.reader(Encoding::Bincode);
    bench.subscribe_by_id(&blocked, EVERY, None);
    bench.settle();
    for part in topics.chunks(1_000) {
        bench.hear(part);
        bench.settle();
    }
    blocked.messages_by_id();
    blocked.pipe.set_room(0);
    bench.hear(&topics[..1]);
    bench.pass(STALE_AFTER);
    bench.settle();
    bench.unblock(&blocked);
    bench.settle();
    let rows = blocked.messages_by_id().into_iter().flat_map(|message| {
        let rows = match message {
            ServerMessage::Status(message) => message.statuses,
            _ => vec![],
        };
        assert!(rows.len() <= 1_024, "{}", rows.len());
        rows.into_iter().map(|row| (row.topic, row.status))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|&(topic, _)| topic);
    let expected: Vec<_> = (0..9_000).map(|topic| (topic, Status::Stale)).collect();
    assert_eq!(rows, expected);
}

#[test]
fn a_new_subscriber_is_not_told_of_topics_that_are_live_again_but_a_blocked_one_is() {
    let mut bench = bench();
    let blocked = bench.reader(Encoding::Json);
    bench.subscribe(&blocked, "#", EVERY, None);
    bench.settle();
    let topics = names(3);
    bench.hear(&topics);
    bench.pass(STALE_AFTER);
    bench.settle();
    assert_eq!(lens(&read(&blocked)), [(0, 3), (3, 0)]);
    blocked.pipe.set_room(0);
    bench.hear(&topics[1..2]);
    let late = bench.reader(Encoding::Json);
    bench.subscribe(&late, "#", EVERY, None);
    bench.settle();
    let told = read(&late);
    let mut stale: Vec<_> = told[1].0.iter().map(|(topic, _)| topic.as_str()).collect();
    stale.sort_unstable();
    assert_eq!((stale, told[1].1), (vec!["t/0", "t/2"], 3));
    bench.unblock(&blocked);
    bench.settle();
    let told: Vec<_> = read(&blocked)
        .into_iter()
        .flat_map(|(rows, _)| rows)
        .collect();
    assert_eq!(told, [("t/1".to_owned(), Status::Live)]);
    // A change that comes after the subscription is told, also if it is back to live.
    bench.pass(STALE_AFTER);
    late.pipe.set_room(0);
    bench.settle();
    bench.hear(&topics[..1]);
    bench.unblock(&late);
    bench.settle();
    let mut told: Vec<_> = read(&late).into_iter().flat_map(|(rows, _)| rows).collect();
    told.sort();
    told.dedup_by_key(|(topic, _)| topic.clone());
    let expected = [("t/0", Status::Live), ("t/1", Status::Stale)];
    assert_eq!(
        told,
        expected.map(|(topic, status)| (topic.to_owned(), status))
    );
}

#[test]
fn a_new_subscriber_gets_units_of_before_with_the_values_and_later_ones_when_they_change() {
    let mut bench = bench();
    let topics = names(2);
    bench.hear(&topics);
    bench.hear_with(&topics[..1], Some("V"));
    let late = bench.reader(Encoding::Json);
    bench.subscribe(&late, "#", EVERY, None);
    bench.settle();
    let read = |client: &Client| {
        let messages = client.messages().into_iter().map(|message| match message {
            ServerMessage::Status(message) => ("status", message.topics),
            ServerMessage::Batch(batch) => ("batch", batch.topics),
            other => panic!("{other:?}"),
        });
        let units = messages.map(|(kind, topics)| {
            let units = topics.into_iter().filter_map(|info| info.unit);
            (kind, units.collect::<Vec<_>>())
        });
        units.collect::<Vec<_>>()
    };
    assert_eq!(read(&late), [("batch", vec!["V".to_owned()])]);
    bench.hear_with(&topics[1..], Some("A"));
    bench.settle();
    let changed = read(&late);
    assert_eq!(changed[0], ("status", vec!["A".to_owned()]), "{changed:?}");
}

#[test]
fn a_subscriber_of_other_topics_is_told_nothing() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "other/#", EVERY, None);
    bench.settle();
    bench.hear(&names(2));
    bench.pass(STALE_AFTER);
    bench.settle();
    assert_eq!(client.frames(), []);
}

#[test]
fn a_status_of_a_channel_that_ended_in_the_same_turn_goes_nowhere() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    bench.settle();
    bench.hear(&names(1));
    bench.shard.disconnect(client.key);
    let other = bench.reader(Encoding::Json);
    bench.subscribe(&other, "none", EVERY, None);
    bench.settle();
    bench.pass(STALE_AFTER);
    bench.settle();
    assert_eq!(other.frames(), []);
}
