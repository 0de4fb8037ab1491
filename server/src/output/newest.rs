//! The newest values of an output's topics, and which of them is to be sent next. It has no I/O and
//! no clock: the owner passes the time.
//!
//! Nothing queues here: a topic is in each of two lists once at most, and a value that comes before
//! the last one was sent replaces it. So a target that takes nothing costs no memory.

use std::{collections::VecDeque, time::Duration};

use tickcast_core::{restored::RestoredTopic, tape::Strip};
use tickcast_protocol::{
    message::{Status, TopicId, TopicInfo},
    topic::Filter,
};

/// Longest value that is sent, as it is on the tape. A sensor's has some bytes, and all of an
/// output are kept.
pub(super) const VALUE_MAX_BYTES: usize = 64 * 1024;

/// No slot: the output does not have the topic.
const NONE: u32 = u32::MAX;

/// The topics of an output.
#[derive(Debug)]
pub(super) struct Newest {
    filters: Vec<Filter>,
    every: Duration,
    topics_max: usize,
    /// The slot of each topic, by its id.
    slot_of: Vec<u32>,
    slots: Vec<Slot>,
    /// Slots that something is to be sent of now, in the order in which it came.
    ready: VecDeque<u32>,
    /// Slots whose value was sent, and when the next may be: in order, since all wait equally long.
    resting: VecDeque<(Duration, u32)>,
    counts: Counts,
}

/// What was not sent, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Values replaced by newer ones.
    pub(super) conflated: u64,
    /// Values that are too long.
    pub(super) dropped: u64,
    /// Topics above the limit.
    pub(super) left_out: u64,
}

/// A topic of the output.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) info: TopicInfo,
    pub(super) status: Status,
    /// The newest value as it is on the tape; empty if there is none.
    pub(super) newest: Vec<u8>,
    /// Whether the value, the status or the info is to be sent.
    has_value: bool,
    /// Whether this value was sent before, to a target that may have lost it.
    is_repeated: bool,
    has_status: bool,
    has_info: bool,
    is_ready: bool,
    is_resting: bool,
}

/// What is to be sent of a topic.
#[derive(Debug)]
pub(super) struct Next<'a> {
    pub(super) slot: &'a Slot,
    pub(super) value: bool,
    pub(super) status: bool,
    pub(super) info: bool,
}

impl Newest {
    pub(super) fn new(filters: Vec<Filter>, every: Duration, topics_max: usize) -> Self {
        Self {
            filters,
            every,
            topics_max,
            slot_of: Vec::new(),
            slots: Vec::new(),
            ready: VecDeque::new(),
            resting: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Number of topics.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes what the last server knew.
    pub(super) fn restore(&mut self, restored: &RestoredTopic) {
        self.introduce(&restored.info);
        if let Some(slot) = self.slot(restored.info.id) {
            let slot = &mut self.slots[slot as usize];
            slot.status = restored.status;
            if !restored.newest.is_empty() && restored.newest.len() <= VALUE_MAX_BYTES {
                slot.newest.extend_from_slice(&restored.newest);
                slot.has_value = true;
            }
        }
    }

    /// Takes in a strip.
    pub(super) fn apply(&mut self, strip: &Strip) {
        for info in strip.topics() {
            self.introduce(info);
        }
        for (index, update) in strip.updates_from(0).enumerate() {
            if let Some(slot) = self.slot(update.topic) {
                self.update(slot, update.bincode, strip.is_historical(index));
            }
        }
        for change in strip.statuses() {
            if let Some(index) = self.slot(change.topic) {
                let slot = &mut self.slots[index as usize];
                slot.status = change.status;
                slot.has_status = true;
                self.make_ready(index);
            }
        }
    }

    fn slot(&self, topic: TopicId) -> Option<u32> {
        let slot = self.slot_of.get(topic as usize).copied();
        slot.filter(|slot| *slot != NONE)
    }

    fn introduce(&mut self, info: &TopicInfo) {
        let id = info.id as usize;
        if let Some(index) = self.slot(info.id) {
            let slot = &mut self.slots[index as usize];
            slot.info = info.clone();
            slot.has_info = true;
            return self.make_ready(index);
        }
        if id < self.slot_of.len() {
            return;
        }
        self.slot_of.resize(id + 1, NONE);
        let mut filters = self.filters.iter();
        if !filters.any(|filter| filter.matches(info.topic.as_str())) {
            return;
        }
        if self.slots.len() == self.topics_max {
            self.counts.left_out += 1;
            return;
        }
        self.slot_of[id] = self.slots.len() as u32;
        self.slots.push(Slot {
            info: info.clone(),
            status: Status::Live,
            newest: Vec::new(),
            has_value: false,
            is_repeated: false,
            has_status: true,
            has_info: true,
            is_ready: false,
            is_resting: false,
        });
    }

    fn update(&mut self, index: u32, bincode: &[u8], is_historical: bool) {
        let slot = &mut self.slots[index as usize];
        if is_historical && !slot.newest.is_empty() {
            return;
        }
        if bincode.len() > VALUE_MAX_BYTES {
            self.counts.dropped += 1;
            return;
        }
        self.counts.conflated += u64::from(slot.has_value && !slot.is_repeated);
        slot.is_repeated = false;
        slot.newest.clear();
        slot.newest.extend_from_slice(bincode);
        slot.has_value = true;
        if !slot.is_resting {
            self.make_ready(index);
        }
    }

    /// A topic without a value has nothing to send.
    fn make_ready(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.is_ready && !slot.newest.is_empty() {
            slot.is_ready = true;
            self.ready.push_back(index);
        }
    }

    /// The target is a new one, or has forgotten everything: all is to be sent.
    pub(super) fn begin(&mut self) {
        self.resting.clear();
        for index in 0..self.slots.len() as u32 {
            let slot = &mut self.slots[index as usize];
            slot.is_resting = false;
            slot.has_value = !slot.newest.is_empty();
            (slot.has_status, slot.has_info) = (true, true);
            self.make_ready(index);
        }
    }

    /// Nothing will follow: what waits for its interval is to be sent now.
    pub(super) fn finish(&mut self) {
        while let Some((_, index)) = self.resting.pop_front() {
            let slot = &mut self.slots[index as usize];
            slot.is_resting = false;
            if slot.has_value {
                self.make_ready(index);
            }
        }
    }

    /// When [`next`](Self::next) has something, if nothing comes before.
    pub(super) fn next_due(&self) -> Option<Duration> {
        match self.ready.is_empty() {
            false => Some(Duration::ZERO),
            true => self.resting.front().map(|(due, _)| *due),
        }
    }

    /// The next topic of which something is to be sent. It counts as sent.
    pub(super) fn next(&mut self, now: Duration) -> Option<Next<'_>> {
        while let Some((_, index)) = self.resting.pop_front_if(|(due, _)| *due <= now) {
            let slot = &mut self.slots[index as usize];
            slot.is_resting = false;
            if slot.has_value {
                self.make_ready(index);
            }
        }
        let index = self.ready.pop_front()?;
        let slot = &mut self.slots[index as usize];
        slot.is_ready = false;
        let value = slot.has_value && !slot.is_resting;
        let (status, info) = (slot.has_status, slot.has_info);
        (slot.has_status, slot.has_info) = (false, false);
        if value {
            slot.has_value = false;
            slot.is_repeated = true;
            if !self.every.is_zero() {
                slot.is_resting = true;
                self.resting.push_back((now + self.every, index));
            }
        }
        Some(Next {
            slot,
            value,
            status,
            info,
        })
    }
}

#[cfg(test)]
mod tests {
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
            let filters = vec![Filter::new("a/+").unwrap()];
            let newest = Newest::new(filters, Duration::from_millis(every_ms), topics_max);
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
}
