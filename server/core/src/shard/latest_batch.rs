//! The open batch of a channel with newest values, and how it is built when it is closed.
//!
//! A batch may have all topics of the server. So it is built in parts, as many as the steps of a
//! turn allow. Until it is finished no update is applied, so nothing changes meanwhile.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use bytes::Bytes;
use fixedbitset::FixedBitSet;
use tickcast_protocol::{
    codec::{BatchHead, Encoding},
    message::{Position, TopicId, TopicInfo},
};

use super::{
    steps::{Steps, copy_steps, json_steps, name_steps, release_steps},
    topics::Topics,
};
use crate::{
    tape::{JSON_SIZE_FACTOR, TapeUpdate},
    wire::{BatchInParts, Place, Wire},
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

/// What a topic that is introduced usually needs besides its name.
const INTRODUCED_BYTES: usize = 48;

/// The number of topics from which the length of a large batch is estimated.
const SAMPLED: usize = 64;

/// The open batch; see the module.
#[derive(Debug, Default)]
pub(super) struct LatestBatch {
    changed: Vec<TopicId>,
    is_changed: FixedBitSet,
    /// Bytes of the first values of the changed topics, in bincode. The newest are often as long.
    bytes: usize,
    building: Option<Box<Building>>,
}

/// A batch that is being built.
#[derive(Debug)]
struct Building {
    batch: BatchInParts,
    /// Number of the changed topics that are sorted by position, in parts.
    sorted: usize,
    /// The next topic of each sorted part, as an index, with its position.
    next: BinaryHeap<Reverse<(Position, usize)>>,
}

impl LatestBatch {
    /// Adds an update.
    #[inline]
    pub(super) fn add(&mut self, update: &TapeUpdate<'_>) {
        let topic = update.topic as usize;
        self.is_changed.grow(topic + 1);
        if !self.is_changed.put(topic) {
            self.changed.push(update.topic);
            self.bytes += update.bincode.len();
        }
    }

    /// About as many bytes as the batch will have. A large buffer that has to grow is copied, which
    /// takes milliseconds: so the length of a large one is estimated from some of its topics.
    fn bytes_expected(&self, wire: Wire, introduced: &[TopicId], topics: &mut Topics) -> usize {
        let encoding = wire.encoding();
        let updates = match encoding {
            _ if self.changed.len() > SORTED_TOGETHER => sum_of_sampled(&self.changed, |id| {
                topics[id].latest_made(encoding).bytes.len() + 1
            }),
            Encoding::Bincode => self.bytes + self.bytes / 8,
            Encoding::Json => self.bytes * JSON_SIZE_FACTOR,
        };
        let name_bytes = |id| INTRODUCED_BYTES + topics[id].info.topic.as_str().len();
        updates + sum_of_sampled(introduced, name_bytes)
    }

    /// Goes on to build the batch with this head, which introduces topics (those of the head do not
    /// count). Both are the same in each call until the batch is finished. Returns whether all of
    /// it is built.
    pub(super) fn build(
        &mut self,
        wire: Wire,
        head: &BatchHead<'_>,
        introduced: &[TopicId],
        topics: &mut Topics,
        steps: &mut Steps,
    ) -> bool {
        let count = self.changed.len();
        let building = self.building.take().unwrap_or_else(|| {
            let bytes = self.bytes_expected(wire, introduced, topics);
            Box::new(Building {
                batch: BatchInParts::begin(wire, head, introduced.len(), count, bytes),
                sorted: 0,
                next: BinaryHeap::new(),
            })
        });
        let Building {
            batch,
            sorted,
            next,
        } = &mut **self.building.insert(building);
        for &id in &introduced[batch.introduced()..] {
            if steps.are_spent() {
                return false;
            }
            let info = &topics[id].info;
            steps.take(introduce_steps(info));
            batch.introduce(info);
        }
        while *sorted < count {
            if steps.are_spent() {
                return false;
            }
            let end = count.min(*sorted + SORTED_TOGETHER);
            let part = &mut self.changed[*sorted..end];
            part.sort_unstable_by_key(|&id| topics.position(id));
            next.push(Reverse((topics.position(part[0]), *sorted)));
            steps.take(SORT_STEPS * part.len());
            *sorted = end;
        }
        let mut left = steps.left();
        let begun_with = left;
        while let Some(mut first) = next.peek_mut() {
            if left == 0 {
                steps.take(begun_with);
                return false;
            }
            let Reverse((_, index)) = *first;
            let id = self.changed[index];
            let after = index + 1;
            if after.is_multiple_of(SORTED_TOGETHER) || after == count {
                PeekMut::pop(first);
            } else {
                *first = Reverse((topics.position(self.changed[after]), after));
            }
            let latest = topics[id].latest_made(wire.encoding());
            batch.push(latest.bytes);
            let taken = MERGE_STEPS + copy_steps(latest.bytes.len()) + json_steps(latest.new_bytes);
            left = left.saturating_sub(taken);
        }
        steps.take(begun_with - left);
        // The clients may take the whole batch at once, and its memory is given back in this turn.
        // A turn that has done something may not have the time for it.
        let release = release_steps(batch.len_bytes());
        if steps.taken() > 0 && steps.left() < release {
            return false;
        }
        steps.take(release);
        true
    }

    /// Finishes a batch that is [built](Self::build). Also returns the number of its updates. A
    /// client that has received it resumes at `place`.
    pub(super) fn finish(&mut self, place: &Place) -> Option<(Bytes, u64)> {
        let frame = self.building.take()?.batch.finish(place);
        self.bytes = 0;
        let updates = self.changed.len() as u64;
        // The set is cleared by whole blocks where that is less work.
        if self.changed.len() < self.is_changed.as_slice().len() {
            for &id in &self.changed {
                self.is_changed.set(id as usize, false);
            }
        } else {
            self.is_changed.clear();
        }
        self.changed.clear();
        Some((frame, updates))
    }
}

/// About the sum of the lengths of all, and an eighth more, from those of [`SAMPLED`] of them.
fn sum_of_sampled(ids: &[TopicId], mut len: impl FnMut(TopicId) -> usize) -> usize {
    let sampled = ids.iter().step_by(ids.len().div_ceil(SAMPLED).max(1));
    let (count, sum) = sampled.fold((0, 0), |(count, sum), &id| (count + 1, sum + len(id)));
    let bytes = (sum * ids.len()).checked_div(count).unwrap_or(0);
    bytes + bytes / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::topics;

    #[test]
    fn each_topic_of_a_batch_counts_as_sorted_and_as_merged() {
        let count = 500;
        let (mut topics, strip) = topics::with_values(count);
        let mut batch = LatestBatch::default();
        strip.updates().for_each(|update| batch.add(&update));
        let head = BatchHead {
            channel: 1,
            from: 0,
            to: count.into(),
            snapshot: false,
            topics: &[],
        };
        let mut steps = Steps::unlimited();
        assert!(batch.build(
            Encoding::Bincode.into(),
            &head,
            &[],
            &mut topics,
            &mut steps
        ));
        let each = steps.taken() / count as usize;
        assert_eq!(each, SORT_STEPS + MERGE_STEPS);
    }
}
