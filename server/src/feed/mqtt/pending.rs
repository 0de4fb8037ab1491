//! A bounded queue between the broker and the sequencer.

use std::collections::VecDeque;

use tickcast_core::work::NewUpdate;
use tickcast_protocol::topic::Topic;

use super::reports::{Report, Reports};
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
    /// Number of updates that have left the queue.
    popped: u64,
    reports: Reports,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    /// Whether there is something to hand over: updates, or a report.
    pub(super) fn has_next(&self) -> bool {
        !self.updates.is_empty() || !self.reports.is_empty()
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
        self.popped += 1;
        Some(update)
    }

    /// The next updates. Empty if there are none, or if a report comes first.
    pub(super) fn take_batch(&mut self) -> Batch {
        let until = self
            .reports
            .next_at()
            .map(|at| at.saturating_sub(self.popped));
        let until = until.and_then(|until| usize::try_from(until).ok());
        let count = until.unwrap_or(BATCH_MAX_UPDATES);
        let count = count.min(BATCH_MAX_UPDATES).min(self.updates.len());
        // Otherwise it would grow by doubling, and be copied each time.
        let mut batch = Batch::with_capacity(count);
        batch.extend(std::iter::from_fn(|| self.pop()).take(count));
        batch
    }

    /// Records that the source is gone, after the updates it has sent.
    pub(super) fn push_down(&mut self) {
        self.reports.push(self.end(), Report::Down);
    }

    /// Records that the sources of topics are gone, after the updates they have sent.
    pub(super) fn push_dead(&mut self, topics: Vec<Topic>) {
        if !topics.is_empty() {
            self.reports.push(self.end(), Report::Dead(topics));
        }
    }

    /// What must be reported now.
    pub(super) fn take_report(&mut self) -> Option<Report> {
        self.reports.take(self.popped)
    }

    /// Number of updates that have left the queue or are in it.
    fn end(&self) -> u64 {
        self.popped + self.updates.len() as u64
    }

    /// Drops the oldest updates until there is room. Returns their number.
    pub(super) fn drop_oldest(&mut self) -> usize {
        let before = self.updates.len();
        while self.is_full() {
            self.pop();
        }
        self.reports.merge(self.popped);
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
        assert_eq!(pending.take_report(), None);
        assert_eq!(pending.take_batch().as_slice(), [update(0)]);
        assert!(pending.take_batch().is_empty());
        assert_eq!(pending.take_report(), Some(Report::Down));
        assert_eq!(pending.take_report(), None);
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
