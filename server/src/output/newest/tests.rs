use tickcast_core::tape::{StatusChange, StripBuilder};
use tickcast_protocol::{
    codec::decode_update_bincode,
    message::{Quality, Update},
    topic::Topic,
    value::Value,
};

use super::*;

/// Topics 0 to 3 are a/0 to a/3, and the output has those of `a/+`; 4 is b.
struct Case {
    newest: Newest,
    position: u64,
}

impl Case {
    fn new(every_ms: u64, topics_max: usize) -> Self {
        let every = Duration::from_millis(every_ms);
        Self::with(Updates::Latest { every }, topics_max)
    }

    fn with(updates: Updates, topics_max: usize) -> Self {
        let filters = vec![Filter::new("a/+").unwrap()];
        let newest = Newest::new(filters, updates, topics_max);
        let mut case = Self {
            newest,
            position: 1,
        };
        case.apply(|strip| {
            for id in 0..4 {
                let topic = Topic::new(&format!("a/{id}")).unwrap();
                strip.introduce(TopicInfo::new(id, topic));
            }
            strip.introduce(TopicInfo::new(4, Topic::new("b").unwrap()));
        });
        case
    }

    fn apply(&mut self, build: impl FnOnce(&mut StripBuilder)) {
        let mut strip = StripBuilder::new(self.position);
        build(&mut strip);
        self.position = strip.next();
        self.newest.apply(&strip.build());
    }

    fn put(&mut self, topic: TopicId, value: f64) {
        self.put_with(topic, Value::Reading(value), Quality::Live);
    }

    fn put_with(&mut self, topic: TopicId, value: Value, quality: Quality) {
        let position = self.position;
        self.apply(|strip| {
            strip.push(&Update {
                topic,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 5,
                quality,
                value,
            });
        });
    }

    /// All that is sent at a time: the topic, its value if it is sent, and whether its status.
    fn sent(&mut self, at_ms: u64) -> Vec<(TopicId, Option<f64>, bool)> {
        let mut sent = Vec::new();
        while let Some(next) = self.newest.next(Duration::from_millis(at_ms)) {
            let update = decode_update_bincode(&next.slot.newest).unwrap();
            let value = next.value.then(|| update.value.as_f64().unwrap());
            sent.push((next.slot.info.id, value, next.status));
        }
        sent
    }
}

#[test]
fn a_topic_is_sent_at_once_and_then_its_newest_value_after_the_interval() {
    let mut case = Case::new(1_000, 10);
    case.put(4, 0.0);
    case.put(1, 1.0);
    assert_eq!(case.sent(0), [(1, Some(1.0), true)]);
    case.put(1, 2.0);
    case.put(1, 3.0);
    case.put(0, 4.0);
    assert_eq!(case.sent(999), [(0, Some(4.0), true)]);
    assert_eq!(case.newest.next_due(), Some(Duration::from_millis(1_000)));
    assert_eq!(case.sent(1_000), [(1, Some(3.0), false)]);
    assert_eq!(case.sent(5_000), []);
    assert_eq!(case.newest.next_due(), None);
    case.put(1, 5.0);
    assert_eq!(case.sent(5_000), [(1, Some(5.0), false)]);
    assert_eq!(case.newest.counts().conflated, 1);
}

#[test]
fn every_value_is_sent_or_counted_whatever_the_target_takes() {
    let mut case = Case::new(0, 10);
    let mut sent = 0;
    for number in 0..1_000 {
        case.put(number % 4, f64::from(number));
        if number % 7 == 0 {
            sent += case.sent(u64::from(number)).len() as u64;
        }
        assert!(case.newest.ready.len() <= 4);
    }
    sent += case.sent(1_000).len() as u64;
    assert_eq!(sent + case.newest.counts().conflated, 1_000);
}

#[test]
fn a_new_target_gets_the_newest_values_and_statuses_of_all_topics() {
    let mut case = Case::new(60_000, 10);
    for topic in 0..3 {
        case.put(topic, 1.0);
    }
    assert_eq!(case.sent(0).len(), 3);
    case.put(0, 2.0);
    case.newest.begin();
    let all = [
        (0, Some(2.0), true),
        (1, Some(1.0), true),
        (2, Some(1.0), true),
    ];
    assert_eq!(case.sent(1), all);
    assert_eq!(case.sent(60_001), []);
    // What was sent before is not lost when a newer value takes its place.
    case.newest.begin();
    case.put(0, 3.0);
    assert_eq!(case.newest.counts().conflated, 0);
    case.put(0, 4.0);
    assert_eq!(case.newest.counts().conflated, 1);
}

#[test]
fn a_status_does_not_wait_for_the_next_value() {
    let mut case = Case::new(60_000, 10);
    case.put(2, 1.0);
    case.sent(0);
    case.put(2, 2.0);
    case.apply(|strip| {
        strip.change_statuses([StatusChange {
            topic: 2,
            status: Status::Dead,
            since_ns: 1,
        }]);
    });
    assert_eq!(case.sent(1), [(2, None, true)]);
    case.put(2, 3.0);
    case.newest.finish();
    assert_eq!(case.sent(2), [(2, Some(3.0), false)]);
}

#[test]
fn topics_above_the_limit_and_long_values_are_counted_and_old_values_are_passed_over() {
    let mut case = Case::new(0, 2);
    assert_eq!((case.newest.len(), case.newest.counts().left_out), (2, 2));
    case.put(3, 1.0);
    case.put(0, 1.0);
    let long = Value::Bytes(vec![0; VALUE_MAX_BYTES]);
    case.put_with(0, long, Quality::Live);
    assert_eq!(case.newest.counts().dropped, 1);
    case.put_with(0, Value::Reading(9.0), Quality::Historical);
    assert_eq!(case.sent(0), [(0, Some(1.0), true)]);
}

#[test]
fn each_update_waits_in_order_and_what_has_no_room_is_counted() {
    let mut case = Case::with(Updates::Every { queue_max: 4 }, 10);
    case.put(4, 0.0);
    for number in 1..=6 {
        case.put(number % 2, f64::from(number));
    }
    assert_eq!(case.newest.next_due(), Some(Duration::ZERO));
    let counts = case.newest.counts();
    assert_eq!((counts.waiting, counts.lost, counts.conflated), (4, 2, 0));
    let all = [
        (1, Some(3.0), true),
        (0, Some(4.0), true),
        (1, Some(5.0), false),
        (0, Some(6.0), false),
    ];
    assert_eq!(case.sent(0), all);
    assert_eq!(case.newest.next_due(), None);
    // A new target is told statuses again, and no update twice.
    case.newest.begin();
    assert_eq!(case.sent(0), [(0, None, true), (1, None, true)]);
}

#[test]
fn each_update_is_a_historical_one_too_and_the_last_ones_may_be_given_up() {
    let mut case = Case::with(Updates::Every { queue_max: 4 }, 10);
    case.put(0, 1.0);
    case.put_with(0, Value::Reading(0.5), Quality::Historical);
    assert!(!case.newest.next(Duration::ZERO).unwrap().is_historical);
    assert!(case.newest.next(Duration::ZERO).unwrap().is_historical);
    case.put(0, 2.0);
    case.newest.give_up();
    assert_eq!(case.newest.counts().lost, 1);
    assert_eq!(case.sent(0), []);
}
