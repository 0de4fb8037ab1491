//! A feed's handover to the sequencer: it submits updates, counts them, and logs bad messages at a
//! bounded rate.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use smallvec::SmallVec;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::message::TimeNs;

use super::decode::Decoded;
use crate::{
    ingest::{Ended, Ingest},
    metrics::{FeedMetrics, FeedState},
};

/// Maximum number of updates in one submission. It is enough to make the cost of a submission
/// small, and few enough to keep the sequencer responsive, which processes a submission as a whole.
pub(super) const BATCH_MAX_UPDATES: usize = 256;

/// Updates that are handed over together.
pub(super) type Batch = SmallVec<[NewUpdate; 1]>;

/// The handover of one feed.
#[derive(Debug, Clone)]
pub(super) struct Handover {
    name: Arc<str>,
    ingest: Ingest,
    metrics: Arc<FeedMetrics>,
    log_limit: LogLimit,
}

impl Handover {
    pub(super) fn new(name: String, ingest: Ingest, metrics: Arc<FeedMetrics>) -> Self {
        Self {
            name: name.into(),
            ingest,
            metrics,
            log_limit: LogLimit::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn metrics(&self) -> &FeedMetrics {
        &self.metrics
    }

    /// Counts messages received from the source.
    pub(super) fn count_received(&self, messages: usize) {
        self.metrics.received.add(messages as u64);
    }

    pub(super) fn set_state(&self, state: FeedState) {
        self.metrics.set_state(state);
    }

    /// Hands updates over. Waits while the queue is full.
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

    /// Reports that the source is gone, after all submitted updates.
    pub(super) async fn tell_down(&self) -> Result<(), Ended> {
        self.ingest.tell_down().await
    }

    /// Hands an update over from a thread outside the runtime.
    pub(super) fn submit_blocking(&self, update: NewUpdate) -> Result<(), Ended> {
        if self.ingest.is_full() {
            self.metrics.pushed_back.add(1);
        }
        self.ingest.submit_blocking(update)?;
        self.metrics.submitted.add(1);
        Ok(())
    }

    /// Counts a message that could not be read. Logs it, unless many were logged just now. `origin`
    /// is its topic or place.
    pub(super) fn undecodable(&mut self, origin: impl fmt::Display, reason: impl fmt::Display) {
        self.metrics.undecodable.add(1);
        if let Some(unlogged) = self.log_limit.allow(Instant::now()) {
            tracing::warn!(
                feed = %self.name, %origin, %reason, unlogged,
                "cannot read a message"
            );
        }
    }

    /// The server's clock.
    pub(super) fn now_ns(&self) -> TimeNs {
        self.ingest.now_ns()
    }

    /// Counts what a payload's decoding left out, and logs what cannot be read.
    pub(super) fn count_decoded(&mut self, origin: impl fmt::Display, decoded: &mut Decoded) {
        let metrics = &self.metrics;
        metrics.passed_over.add(decoded.passed_over);
        metrics.times_ignored.add(decoded.times_ignored);
        metrics.rounded.add(decoded.rounded);
        metrics.left_out.add(decoded.left_out);
        for error in decoded.errors.drain(..) {
            self.undecodable(&origin, error);
        }
        if let Some((name, topic)) = decoded.renamed.take() {
            tracing::info!(feed = %self.name, name, topic, "a name cannot be part of a topic");
        }
    }

    /// Counts updates that were dropped, and logs it under the same bound as bad messages.
    pub(super) fn lost(&mut self, updates: usize, reason: &str) {
        self.metrics.lost.add(updates as u64);
        if let Some(unlogged) = self.log_limit.allow(Instant::now()) {
            tracing::warn!(feed = %self.name, updates, reason, unlogged, "updates were dropped");
        }
    }
}

/// Limits the log about bad messages: a broken sensor must not fill the disk.
#[derive(Debug, Clone, Default)]
struct LogLimit {
    window_start: Option<Instant>,
    logged: u32,
    unlogged: u64,
}

/// Maximum number of messages logged per [`LOG_WINDOW`]: enough to show several sources that fail
/// at once.
const LOGGED_MAX: u32 = 5;

/// The period that [`LOGGED_MAX`] applies to.
const LOG_WINDOW: Duration = Duration::from_secs(10);

impl LogLimit {
    /// Returns `None` if the limit is reached; otherwise the number of messages left out since
    /// the last one.
    fn allow(&mut self, now: Instant) -> Option<u64> {
        let is_over = |start| now.duration_since(start) >= LOG_WINDOW;
        if self.window_start.is_none_or(is_over) {
            self.window_start = Some(now);
            self.logged = 0;
        }
        if self.logged == LOGGED_MAX {
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
    fn logged_messages_are_limited_and_report_the_number_left_out() {
        let mut log_limit = LogLimit::default();
        let start = Instant::now();
        for _ in 0..LOGGED_MAX {
            assert_eq!(log_limit.allow(start), Some(0));
        }
        for _ in 0..100 {
            assert_eq!(log_limit.allow(start + LOG_WINDOW / 2), None);
        }
        assert_eq!(log_limit.allow(start + LOG_WINDOW), Some(100));
        assert_eq!(log_limit.allow(start + LOG_WINDOW), Some(0));
    }
}
