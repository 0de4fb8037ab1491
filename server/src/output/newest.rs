//! The newest values of an output's topics, and which of them is to be sent next. It has no I/O and
//! no clock: the owner passes the time.
//!
//! Of newest values nothing queues here: a topic is in each of two lists once at most, and a value
//! that comes before the last one was sent replaces it. So a target that takes nothing costs no
//! memory. Where each update is to be sent, they wait in a queue with bounds instead.

use std::{collections::VecDeque, time::Duration};

use tickcast_core::{restored::RestoredTopic, tape::Strip};
use tickcast_protocol::{
    message::{Status, TopicId, TopicInfo},
    topic::Filter,
};

use super::{
    queue::{Queue, Queued},
    settings::Updates,
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
    /// Where each update waits, if each is to be sent. Then slots have those that were sent last.
    queue: Option<Queue>,
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

/// What was not sent, since the start or yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Values replaced by newer ones.
    pub(super) conflated: u64,
    /// Values that are too long.
    pub(super) dropped: u64,
    /// Topics above the limit.
    pub(super) left_out: u64,
    /// Updates that wait in the queue.
    pub(super) waiting: u64,
    /// Updates that found no room in the queue.
    pub(super) lost: u64,
}

/// A topic of the output.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) info: TopicInfo,
    pub(super) status: Status,
    /// The newest value as it is on the tape, or the one that is sent; empty if there is none.
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
    /// Whether the value is older than one that was sent before.
    pub(super) is_historical: bool,
    pub(super) status: bool,
    pub(super) info: bool,
}

impl Newest {
    pub(super) fn new(filters: Vec<Filter>, updates: Updates, topics_max: usize) -> Self {
        let (every, queue) = match updates {
            Updates::Latest { every } => (every, None),
            Updates::Every { queue_max } => (Duration::ZERO, Some(Queue::new(queue_max))),
        };
        Self {
            filters,
            every,
            queue,
            topics_max,
            slot_of: Vec::new(),
            slots: Vec::new(),
            ready: VecDeque::new(),
            resting: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let queue = self.queue.as_ref();
        let (waiting, lost) = queue.map_or((0, 0), |queue| (queue.len() as u64, queue.lost()));
        Counts {
            waiting,
            lost,
            ..self.counts
        }
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
            // The last server was to send each update, and this one sends those that come.
            if self.queue.is_some() {
                return;
            }
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
        if self.queue.is_none() && is_historical && !slot.newest.is_empty() {
            return;
        }
        if bincode.len() > VALUE_MAX_BYTES {
            self.counts.dropped += 1;
            return;
        }
        if let Some(queue) = &mut self.queue {
            return queue.push(Queued {
                slot: index,
                bincode: bincode.to_vec(),
                is_historical,
            });
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

    /// The target is a new one, or has forgotten everything: all is to be sent. An update that was
    /// sent is not sent again where each is.
    pub(super) fn begin(&mut self) {
        self.resting.clear();
        for index in 0..self.slots.len() as u32 {
            let slot = &mut self.slots[index as usize];
            slot.is_resting = false;
            slot.has_value = self.queue.is_none() && !slot.newest.is_empty();
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

    /// Nothing more will be sent: updates that wait are lost.
    pub(super) fn give_up(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.give_up();
        }
    }

    /// When [`next`](Self::next) has something, if nothing comes before.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let has_updates = self.queue.as_ref().is_some_and(|queue| queue.len() > 0);
        match self.ready.is_empty() && !has_updates {
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
        let Some(index) = self.ready.pop_front() else {
            return self.next_update();
        };
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
            is_historical: false,
            status,
            info,
        })
    }

    /// The next update of the queue.
    fn next_update(&mut self) -> Option<Next<'_>> {
        let update = self.queue.as_mut()?.pop()?;
        let slot = &mut self.slots[update.slot as usize];
        slot.newest = update.bincode;
        let (status, info) = (slot.has_status, slot.has_info);
        (slot.has_status, slot.has_info) = (false, false);
        Some(Next {
            slot,
            value: true,
            is_historical: update.is_historical,
            status,
            info,
        })
    }
}

#[cfg(test)]
mod tests;
