//! What the thread and the task of one output share.

use std::{cell::RefCell, sync::Arc, time::Duration};

use tokio::{sync::Notify, time::Instant};

use super::newest::Newest;
use crate::{clock::Clock, metrics::OutputMetrics};

/// Longest time at the end of the server for the last values.
pub(super) const END_MAX: Duration = Duration::from_secs(2);

/// The newest values of an output, and its counters.
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) newest: RefCell<Newest>,
    /// Wakes the task when there are new values.
    pub(super) changed: Notify,
    pub(super) metrics: Arc<OutputMetrics>,
    pub(super) clock: Clock,
}

impl Shared {
    /// The time for [`Newest`].
    pub(super) fn now(&self) -> Duration {
        self.clock.now().uptime
    }

    /// When something is to be sent.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.newest.borrow().next_due()?;
        Some(self.clock.instant(due).into())
    }

    /// Shows the counts of the newest values.
    pub(super) fn count(&self) {
        let newest = self.newest.borrow();
        let (counts, metrics) = (newest.counts(), &self.metrics);
        metrics.topics.set(newest.len() as u64);
        metrics.conflated.set(counts.conflated);
        metrics.left_out.set(counts.left_out);
        metrics.too_long.set(counts.dropped);
        metrics.waiting.set(counts.waiting);
        metrics.lost.set(counts.lost);
    }
}
