//! The way from a feed to the sequencer: handing over, counting, and logging at a bounded rate.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use smallvec::SmallVec;
use tickcast_core::work::NewUpdate;

use crate::{
    ingest::{Ended, Ingest},
    metrics::{FeedMetrics, FeedState},
};

/// Updates in one submission, at most: enough to make its cost small, few enough that the
/// sequencer, which takes a submission at once, stays responsive.
pub(super) const BATCH_MAX_UPDATES: usize = 256;

/// Updates on their way to the sequencer.
pub(super) type Batch = SmallVec<[NewUpdate; 1]>;

/// A feed's way to the sequencer.
#[derive(Debug, Clone)]
pub(super) struct Handover {
    name: Arc<str>,
    ingest: Ingest,
    metrics: Arc<FeedMetrics>,
    complaints: Complaints,
}

impl Handover {
    pub(super) fn new(name: String, ingest: Ingest, metrics: Arc<FeedMetrics>) -> Self {
        Self {
            name: name.into(),
            ingest,
            metrics,
            complaints: Complaints::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn metrics(&self) -> &FeedMetrics {
        &self.metrics
    }

    /// Counts what came from the source.
    pub(super) fn count_received(&self, messages: usize) {
        self.metrics.received.add(messages as u64);
    }

    pub(super) fn set_state(&self, state: FeedState) {
        self.metrics.set_state(state);
    }

    /// Hands updates over; waits while the queue is full.
    pub(super) async fn submit(&self, batch: Batch) -> Result<(), Ended> {
        if batch.is_empty() {
            return Ok(());
        }
        let updates = batch.len() as u64;
        if self.ingest.is_full() {
            self.metrics.pushed_back.add(1);
        }
        self.ingest.submit_all(batch, None).await?;
        self.metrics.submitted.add(updates);
        Ok(())
    }

    /// Says that the source is gone, after everything that was submitted.
    pub(super) async fn tell_down(&self) -> Result<(), Ended> {
        self.ingest.tell_down().await
    }

    /// Hands an update over from a thread that is not part of a runtime.
    pub(super) fn submit_blocking(&self, update: NewUpdate) -> Result<(), Ended> {
        if self.ingest.is_full() {
            self.metrics.pushed_back.add(1);
        }
        self.ingest.submit_blocking(update)?;
        self.metrics.submitted.add(1);
        Ok(())
    }

    /// Counts something that could not be read and logs it, unless much was logged just now.
    /// `origin` is its topic or place.
    pub(super) fn undecodable(&mut self, origin: impl fmt::Display, reason: impl fmt::Display) {
        self.metrics.undecodable.add(1);
        if let Some(unlogged) = self.complaints.allow(Instant::now()) {
            tracing::warn!(
                feed = %self.name, %origin, %reason, unlogged,
                "a message could not be read"
            );
        }
    }

    /// Counts updates that were given up, and logs it as bad messages.
    pub(super) fn lost(&mut self, updates: usize, reason: &str) {
        self.metrics.lost.add(updates as u64);
        if let Some(unlogged) = self.complaints.allow(Instant::now()) {
            tracing::warn!(feed = %self.name, updates, reason, unlogged, "updates were given up");
        }
    }
}

/// Bounds how much is logged about bad messages: a broken sensor must not fill the disk.
#[derive(Debug, Clone, Default)]
struct Complaints {
    window_start: Option<Instant>,
    logged: u32,
    unlogged: u64,
}

/// Complaints per [`COMPLAINTS_WINDOW`], at most: enough to see several sources go wrong at once.
const COMPLAINTS_MAX: u32 = 5;

/// See [`COMPLAINTS_MAX`].
const COMPLAINTS_WINDOW: Duration = Duration::from_secs(10);

impl Complaints {
    /// Whether to log one more; if so, how many were not logged since the last one.
    fn allow(&mut self, now: Instant) -> Option<u64> {
        let is_over = |start| now.duration_since(start) >= COMPLAINTS_WINDOW;
        if self.window_start.is_none_or(is_over) {
            self.window_start = Some(now);
            self.logged = 0;
        }
        if self.logged == COMPLAINTS_MAX {
            self.unlogged += 1;
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_bounded_and_tell_how_many_were_left_out() {
        let mut complaints = Complaints::default();
        let start = Instant::now();
        for _ in 0..COMPLAINTS_MAX {
            assert_eq!(complaints.allow(start), Some(0));
        }
        for _ in 0..100 {
            assert_eq!(complaints.allow(start + COMPLAINTS_WINDOW / 2), None);
        }
        assert_eq!(complaints.allow(start + COMPLAINTS_WINDOW), Some(100));
        assert_eq!(complaints.allow(start + COMPLAINTS_WINDOW), Some(0));
    }
}
