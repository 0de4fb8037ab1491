//! A bounded queue between the broker and the sequencer.

use std::collections::VecDeque;

use tickcast_core::work::NewUpdate;

use crate::feed::handover::{BATCH_MAX_UPDATES, Batch};

/// Maximum number of updates that wait for the sequencer's queue: about a second of a busy broker.
const PENDING_MAX_UPDATES: usize = 16_384;

/// The same limit in bytes, because a payload may be a picture.
const PENDING_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Updates that wait for the sequencer's queue, each with its size in bytes.
#[derive(Debug, Default)]
pub(super) struct Pending {
    updates: VecDeque<(NewUpdate, usize)>,
    bytes: usize,
    /// If the source is gone: number of updates in the queue before its loss.
    down_after: Option<usize>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    /// Whether there is something to hand over: updates, or the loss of the source.
    pub(super) fn has_next(&self) -> bool {
        !self.updates.is_empty() || self.down_after.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.updates.len() >= PENDING_MAX_UPDATES || self.bytes >= PENDING_MAX_BYTES
    }

    /// Adds an update. May exceed the limit by what the client receives at once.
    pub(super) fn push(&mut self, update: NewUpdate, bytes: usize) {
        self.bytes += bytes;
        self.updates.push_back((update, bytes));
    }

    fn pop(&mut self) -> Option<NewUpdate> {
        let (update, bytes) = self.updates.pop_front()?;
        self.bytes -= bytes;
        self.down_after = self.down_after.map(|after| after.saturating_sub(1));
        Some(update)
    }

    /// The next updates. Empty if there are none, or if the loss of the source comes first.
    pub(super) fn take_batch(&mut self) -> Batch {
        let max = self.down_after.unwrap_or(BATCH_MAX_UPDATES);
        std::iter::from_fn(|| self.pop())
            .take(BATCH_MAX_UPDATES.min(max))
            .collect()
    }

    /// Records that the source is gone, after the updates it has sent.
    pub(super) fn push_down(&mut self) {
        self.down_after = Some(self.updates.len());
    }

    /// Whether the loss of the source must be reported now.
    pub(super) fn take_down(&mut self) -> bool {
        self.down_after.take_if(|after| *after == 0).is_some()
    }

    /// Drops the oldest updates until there is room. Returns their number.
    pub(super) fn drop_oldest(&mut self) -> usize {
        let before = self.updates.len();
        while self.is_full() {
            self.pop();
        }
        before - self.updates.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_protocol::{message::Quality, topic::Topic, value::Value};

    use super::*;

    fn update(number: usize) -> NewUpdate {
        NewUpdate {
            topic: Topic::new("t").unwrap(),
            value: Value::Reading(number as f64),
            source_time_ns: None,
            quality: Quality::Live,
            unit: None,
            facts: None,
        }
    }

    #[test]
    fn pending_drops_the_oldest_updates_and_counts_them() {
        let mut pending = Pending::default();
        for number in 0..PENDING_MAX_UPDATES + 5 {
            pending.push(update(number), 1);
        }
        assert!(pending.is_full());
        assert_eq!(pending.drop_oldest(), 6);
        assert!(!pending.is_full());
        assert_eq!(pending.take_batch()[0], update(6));
    }

    #[test]
    fn pending_is_bounded_in_bytes_as_well() {
        let mut pending = Pending::default();
        for number in 0..3 {
            pending.push(update(number), PENDING_MAX_BYTES / 2);
        }
        assert_eq!(pending.drop_oldest(), 2);
        assert_eq!(pending.take_batch().as_slice(), [update(2)]);
        assert_eq!(pending.bytes, 0);
    }

    #[test]
    fn the_loss_of_a_source_stays_between_the_updates_before_and_after_it() {
        let mut pending = Pending::default();
        pending.push(update(0), 1);
        pending.push_down();
        pending.push(update(1), 1);
        assert!(!pending.take_down());
        assert_eq!(pending.take_batch().as_slice(), [update(0)]);
        assert!(pending.take_batch().is_empty());
        assert!(pending.take_down());
        assert!(!pending.take_down());
        assert_eq!(pending.take_batch().as_slice(), [update(1)]);
    }

    proptest! {
        #[test]
        fn pending_is_a_queue(sizes in prop::collection::vec(0usize..10_000, 0..2_000)) {
            let mut pending = Pending::default();
            for (number, size) in sizes.iter().enumerate() {
                pending.push(update(number), *size);
            }
            let mut drained = Vec::new();
            while !pending.is_empty() {
                let batch = pending.take_batch();
                prop_assert!(batch.len() <= BATCH_MAX_UPDATES);
                drained.extend(batch);
            }
            let expected: Vec<_> = (0..sizes.len()).map(update).collect();
            prop_assert_eq!(drained, expected);
            prop_assert_eq!(pending.bytes, 0);
        }
    }
}
