//! The open batch of a channel with newest values, and how it is built when it is closed.
//!
//! A batch may have all topics of the server. So it is sent in parts, each with a range of
//! positions of its own, and a part is built in as many calls as the steps of a turn allow. Until
//! all of it is sent no update is applied, so nothing changes meanwhile.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use bytes::Bytes;
use fixedbitset::FixedBitSet;
use tickcast_protocol::{
    codec::BatchHead,
    message::{Position, TopicId, TopicInfo},
};

use super::{
    steps::{Steps, copy_steps, json_steps, name_steps, release_steps},
    topics::Topics,
};
use crate::{
    tape::TapeUpdate,
    wire::{BatchWriter, Place, Wire},
};

/// Topics that are sorted at once: about 50 µs of work. The sorted parts are merged.
const SORTED_TOGETHER: usize = 1_024;

/// Steps of sorting one topic.
const SORT_STEPS: usize = 2;

/// Steps of finding the next topic and its value, which are anywhere in memory.
const MERGE_STEPS: usize = 3;

/// Steps of introducing one topic with a short name in a batch.
const INTRODUCE_STEPS: usize = 12;

/// Steps of introducing a topic in a batch.
pub(super) fn introduce_steps(info: &TopicInfo) -> usize {
    INTRODUCE_STEPS + name_steps(info.topic.as_str())
}

/// The open batch; see the module.
#[derive(Debug)]
pub(super) struct LatestBatch {
    changed: Vec<TopicId>,
    is_changed: FixedBitSet,
    /// The changed topics whose first update is in the batch.
    is_new: FixedBitSet,
    /// The part that is being built.
    part: BatchWriter,
    building: Option<Box<Building>>,
}

/// How far a batch is built.
#[derive(Debug, Default)]
struct Building {
    /// Number of the changed topics that are sorted by position, in pieces.
    sorted: usize,
    /// The next topic of each sorted piece, as an index, with its position.
    next: BinaryHeap<Reverse<(Position, usize)>>,
    /// Position of the last value.
    reached: Position,
}

/// What a call has built.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Built {
    /// No step is left. The caller goes on before anything changes.
    Unfinished,
    /// A part up to a position; others follow.
    Part(Position),
    /// The last part.
    Last,
}

impl LatestBatch {
    /// An empty batch.
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            changed: Vec::new(),
            is_changed: FixedBitSet::new(),
            is_new: FixedBitSet::new(),
            part: BatchWriter::new(wire),
            building: None,
        }
    }

    /// Introduces a topic, whose first update is to be added.
    pub(super) fn introduce(&mut self, id: TopicId) {
        self.is_new.grow_and_insert(id as usize);
    }

    /// Adds an update.
    #[inline]
    pub(super) fn add(&mut self, update: &TapeUpdate<'_>) {
        let topic = update.topic as usize;
        self.is_changed.grow(topic + 1);
        if !self.is_changed.put(topic) {
            self.changed.push(update.topic);
        }
    }

    /// Goes on to build the next part of the batch, which is closed at `max_bytes`.
    pub(super) fn build(
        &mut self,
        wire: Wire,
        max_bytes: usize,
        topics: &mut Topics,
        steps: &mut Steps,
    ) -> Built {
        let count = self.changed.len();
        let Building {
            sorted,
            next,
            reached,
        } = &mut **self.building.get_or_insert_default();
        while *sorted < count {
            if steps.are_spent() {
                return Built::Unfinished;
            }
            let end = count.min(*sorted + SORTED_TOGETHER);
            let piece = &mut self.changed[*sorted..end];
            piece.sort_unstable_by_key(|&id| topics.position(id));
            next.push(Reverse((topics.position(piece[0]), *sorted)));
            steps.take(SORT_STEPS * piece.len());
            *sorted = end;
        }
        let mut left = steps.left();
        let begun_with = left;
        while self.part.len_bytes() < max_bytes
            && let Some(mut first) = next.peek_mut()
        {
            if left == 0 {
                steps.take(begun_with);
                return Built::Unfinished;
            }
            let Reverse((position, index)) = *first;
            *reached = position;
            let id = self.changed[index];
            let after = index + 1;
            if after.is_multiple_of(SORTED_TOGETHER) || after == count {
                PeekMut::pop(first);
            } else {
                *first = Reverse((topics.position(self.changed[after]), after));
            }
            let mut taken = MERGE_STEPS;
            if self.is_new.contains(id as usize) {
                let info = &topics[id].info;
                self.part.introduce(info);
                taken += introduce_steps(info);
            }
            let latest = topics[id].latest_made(wire.encoding());
            self.part.push(latest.bytes);
            taken += copy_steps(latest.bytes.len()) + json_steps(latest.new_bytes);
            left = left.saturating_sub(taken);
        }
        steps.take(begun_with - left);
        // The clients may take the part at once, and its memory is given back in this turn. A turn
        // that has done something may not have the time for it.
        let bytes = self.part.len_bytes();
        let mut finish = release_steps(bytes);
        if self.part.introduced() > 0 {
            // The topics come in front of the updates.
            finish += copy_steps(bytes);
        }
        if steps.taken() > 0 && steps.left() < finish {
            return Built::Unfinished;
        }
        steps.take(finish);
        match next.is_empty() {
            true => Built::Last,
            false => Built::Part(*reached),
        }
    }

    /// Finishes the part that is [built](Self::build). A client that has received it resumes at
    /// `place`. Also returns the number of its updates.
    pub(super) fn finish(&mut self, head: &BatchHead<'_>, place: &Place) -> (Bytes, u64) {
        let updates = self.part.updates() as u64;
        (self.part.finish(head, place), updates)
    }

    /// Begins the next batch, after the last part of this one.
    pub(super) fn begin_next(&mut self) {
        self.building = None;
        // The sets are cleared by whole blocks where that is less work.
        if self.changed.len() < self.is_changed.as_slice().len() {
            for &id in &self.changed {
                self.is_changed.set(id as usize, false);
            }
        } else {
            self.is_changed.clear();
        }
        self.is_new.clear();
        self.changed.clear();
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::codec::Encoding;

    use super::*;
    use crate::shard::topics;

    #[test]
    fn each_topic_of_a_batch_counts_as_sorted_and_as_merged() {
        let count = 500;
        let (mut topics, strip) = topics::with_values(count);
        let wire = Encoding::Bincode.into();
        let mut batch = LatestBatch::new(wire);
        strip.updates().for_each(|update| batch.add(&update));
        let mut steps = Steps::unlimited();
        let built = batch.build(wire, usize::MAX, &mut topics, &mut steps);
        assert_eq!(built, Built::Last);
        let each = steps.taken() / count as usize;
        assert_eq!(each, SORT_STEPS + MERGE_STEPS);
    }
}
