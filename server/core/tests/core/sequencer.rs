//! The sequencer: strips of bounded length, statuses, and limits that are reached exactly.

use std::time::Duration;

use tickcast_core::{
    Now,
    sequencer::{
        History, HistorySettings, Sequencer,
        liveness::{Expected, Liveness, LivenessSettings, SilenceRule},
    },
    tape::{Strip, Tape},
    work::{Ack, FeedId, NewUpdate, Submission, Work},
};
use tickcast_protocol::{
    message::Status,
    topic::{Filter, Topic},
    value::Value,
};

const FEED: FeedId = 2;

fn at(uptime: Duration) -> Now {
    Now { uptime, wall_ns: 7 }
}

fn update(topic: &str, value: Value) -> NewUpdate {
    NewUpdate::live(Topic::new(topic).unwrap(), value)
}

fn push(sequencer: &mut Sequencer, topics: &[&str]) {
    let updates = topics
        .iter()
        .map(|topic| update(topic, Value::Reading(1.0)));
    let submission = Submission {
        updates: updates.collect(),
        ack: None,
        feed: Some(FEED),
        once: None,
    };
    sequencer.push(submission, at(Duration::ZERO));
}

fn silence() -> Liveness {
    Liveness::new(LivenessSettings {
        silence: vec![SilenceRule {
            filter: Filter::all(),
            expect_every: Expected::Every(Duration::from_secs(1)),
            dead_after: Some(Duration::from_secs(10)),
        }],
        wills: vec![],
    })
}

fn statuses(strip: &Strip) -> Vec<Status> {
    strip
        .statuses()
        .iter()
        .map(|change| change.status)
        .collect()
}

#[test]
fn a_strip_is_full_at_64_kib_and_the_next_one_begins_where_it_ends() {
    let mut sequencer = Sequencer::new(10);
    let text = Value::Text("x".repeat(1_000));
    let mut updates = 0;
    while !sequencer.is_full() {
        updates += 1;
        let submission = Submission {
            updates: [update("a", text.clone())].into_iter().collect(),
            ..Submission::default()
        };
        sequencer.push(submission, at(Duration::ZERO));
        assert!(updates < 100, "never full");
    }
    let strip = sequencer.take_strip().unwrap();
    let one = strip.len_bytes() / updates;
    assert!((65_536..65_536 + one).contains(&strip.len_bytes()));
    assert!(!sequencer.is_full());
    assert_eq!((strip.first(), strip.end()), (1, updates as u64 + 1));
    assert!(!strip.is_empty() && !strip.has_news());
    push(&mut sequencer, &["a"]);
    let next = sequencer.take_strip().unwrap();
    assert_eq!(next.first(), strip.end());
    assert_eq!(sequencer.position(), updates as u64 + 1);
}

#[test]
fn a_strip_carries_4096_status_changes_at_most() {
    for (topics, is_full) in [(4_095, false), (4_096, true), (5_000, true)] {
        let mut sequencer = Sequencer::new(10_000).with_liveness(silence());
        let names: Vec<_> = (0..topics).map(|n| n.to_string()).collect();
        push(
            &mut sequencer,
            &names.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        sequencer.take_strip();
        assert!(!sequencer.is_full());
        sequencer.feed_down(FEED + 1, at(Duration::ZERO));
        assert!(!sequencer.is_full(), "another feed");
        sequencer.feed_down(FEED, at(Duration::ZERO));
        assert_eq!(sequencer.is_full(), is_full, "{topics}");
        let mut sent = Vec::new();
        while let Some(strip) = sequencer.take_strip() {
            assert_eq!(strip.updates().count(), 0);
            assert!(strip.is_empty() && strip.has_news());
            assert!(
                statuses(&strip)
                    .iter()
                    .all(|status| *status == Status::Stale)
            );
            sent.push(strip.statuses().len());
        }
        let rest = topics - topics.min(4_096);
        let expected = [topics.min(4_096), rest];
        assert_eq!(sent, expected[..if rest > 0 { 2 } else { 1 }]);
    }
}

#[test]
fn silence_is_found_when_it_is_polled_for() {
    let mut sequencer = Sequencer::new(10).with_liveness(silence());
    push(&mut sequencer, &["a"]);
    sequencer.take_strip();
    sequencer.poll(at(Duration::from_millis(2_999)));
    assert!(sequencer.take_strip().is_none());
    sequencer.poll(at(Duration::from_secs(3)));
    assert_eq!(statuses(&sequencer.take_strip().unwrap()), [Status::Stale]);
    sequencer.poll(at(Duration::from_secs(10)));
    assert_eq!(statuses(&sequencer.take_strip().unwrap()), [Status::Dead]);
    assert_eq!(sequencer.liveness().status(0), Status::Dead);
}

#[test]
fn the_maximum_number_of_topics_can_be_reached_by_a_publish() {
    let ack = Ack {
        shard: 0,
        connection: 1,
        id: Some(1),
    };
    let publish = |sequencer: &mut Sequencer, topics: &[&str]| {
        let updates = topics
            .iter()
            .map(|topic| update(topic, Value::Reading(1.0)));
        let submission = Submission {
            updates: updates.collect(),
            ack: Some(ack),
            feed: None,
            once: None,
        };
        sequencer.push(submission, at(Duration::ZERO));
        let strip = sequencer.take_strip().unwrap();
        assert!(strip.has_news());
        strip.acks()[0].result.is_ok()
    };
    let mut sequencer = Sequencer::new(3);
    assert!(publish(&mut sequencer, &["a", "b"]));
    assert!(!publish(&mut sequencer, &["a", "c", "d"]));
    assert!(publish(&mut sequencer, &["c", "a", "b"]));
    assert!(!publish(&mut sequencer, &["d"]));
    assert!(
        publish(&mut sequencer, &["a", "b", "c"]),
        "known topics are welcome"
    );
    assert_eq!((sequencer.topics(), sequencer.refused()), (3, 4));
}

#[test]
fn the_history_of_the_sequencer_is_the_one_that_it_was_given() {
    let settings = HistorySettings {
        updates: 2,
        bytes: 1 << 20,
    };
    let mut sequencer = Sequencer::new(10).with_history(History::new(settings));
    push(&mut sequencer, &["a", "a", "a"]);
    assert!(sequencer.history().is_kept());
    let stretch = sequencer.history().before(0, None, 10);
    assert_eq!((stretch.len(), stretch.is_empty()), (2, false));
    assert!(sequencer.history().before(1, None, 10).is_empty());
    assert!(sequencer.history().bytes() > 64);
    assert!(!Sequencer::new(1).history().is_kept());
}

#[test]
fn the_tape_holds_as_many_strips_as_fit_exactly() {
    let strips = |count: u64| {
        let mut sequencer = Sequencer::new(10);
        let strips = (0..count).map(|_| {
            push(&mut sequencer, &["a", "a"]);
            sequencer.take_strip().unwrap()
        });
        strips.collect::<Vec<_>>()
    };
    let cost = strips(1)[0].cost_bytes();
    // 256 bytes of overhead, and for each update its bytes and eight of an index.
    assert_eq!(cost, 256 + strips(1)[0].len_bytes() + 2 * 8);
    let mut tape = Tape::new(3 * cost);
    for strip in strips(3) {
        tape.push(strip);
    }
    assert_eq!((tape.bytes(), tape.floor(), tape.head()), (3 * cost, 0, 6));
    let mut tape = Tape::new(3 * cost - 1);
    for strip in strips(3) {
        tape.push(strip);
    }
    assert_eq!((tape.bytes(), tape.floor(), tape.head()), (2 * cost, 2, 6));
    let first = |after| tape.strips_after(after).map(|strip| strip.first()).next();
    assert_eq!((first(2), first(3), first(4)), (Some(3), Some(3), Some(5)));
    assert_eq!((first(5), first(6)), (Some(5), None));
    // One strip is kept, however long it is.
    let mut tape = Tape::new(1);
    for strip in strips(3) {
        tape.push(strip);
        assert_eq!(tape.bytes(), cost);
        assert_eq!(tape.floor() + 2, tape.head());
    }
}

#[test]
fn work_that_a_client_waits_for_knows_its_request() {
    let submission = |ack| Submission {
        ack,
        ..Submission::default()
    };
    let ack = Ack {
        shard: 0,
        connection: 1,
        id: Some(9),
    };
    assert_eq!(Work::Updates(submission(Some(ack))).request(), Some(9));
    assert_eq!(Work::Updates(submission(None)).request(), None);
    assert_eq!(Work::FeedDown(FEED).request(), None);
    assert_eq!(Work::TopicsDead(FEED, Vec::new()).request(), None);
}
