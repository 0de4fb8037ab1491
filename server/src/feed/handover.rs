//! A feed's handover to the sequencer: it submits updates, counts them, and logs bad messages at a
//! bounded rate.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use smallvec::SmallVec;
use tickcast_core::{Now, work::NewUpdate};
use tickcast_protocol::message::TimeNs;

use super::decode::Decoded;
use crate::{
    ingest::{Ended, Ingest, Room},
    log::limit::LogLimit,
    metrics::{FeedMetrics, FeedState},
};

/// Maximum number of updates in one submission. It is enough to make the cost of a submission
/// small, and few enough to keep the sequencer responsive, which processes a submission as a whole.
pub(super) const BATCH_MAX_UPDATES: usize = 256;

/// Updates that are handed over together.
pub(super) type Batch = SmallVec<[NewUpdate; 1]>;

/// Maximum number of messages logged per window: enough to show several sources that fail at once.
const LOGGED_MAX: u32 = 5;

/// Characters of a source's own text in a line of the log: more than a topic has. MQTT has topics
/// of 64 KiB, which would fill a disk five at a time.
const SHOWN_MAX_CHARS: usize = 512;

/// The handover of one feed.
#[derive(Debug, Clone)]
pub(super) struct Handover {
    name: Arc<str>,
    ingest: Ingest,
    metrics: Arc<FeedMetrics>,
    log_limit: LogLimit<LOGGED_MAX>,
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

    /// Waits until the queue has room. Until then the feed keeps its updates.
    pub(super) async fn room(&self) -> Result<Room<'_>, Ended> {
        if self.ingest.is_full() {
            self.metrics.pushed_back.add(1);
        }
        self.ingest.room().await
    }

    /// Hands updates over for which there is room.
    pub(super) fn submit_into(&self, room: Room<'_>, batch: Batch) {
        self.metrics.submitted.add(batch.len() as u64);
        room.submit(batch);
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
        self.metrics.silent.add(1);
        self.unreadable(origin, reason);
    }

    /// The same for a part of a message.
    pub(super) fn unreadable(&mut self, origin: impl fmt::Display, reason: impl fmt::Display) {
        self.metrics.undecodable.add(1);
        if let Some(unlogged) = self.log_limit.allow(self.ingest.uptime()) {
            let (origin, reason) = (cut(origin), cut(reason));
            tracing::warn!(
                feed = %self.name, %origin, %reason, unlogged,
                "cannot read a message"
            );
        }
    }

    /// Whether one more line may be logged under the same bound. Returns the number of lines left
    /// out since the last one.
    pub(super) fn may_log(&mut self) -> Option<u64> {
        self.log_limit.allow(self.ingest.uptime())
    }

    /// Counts the updates of received messages that were neither handed over nor counted, except
    /// for those that still wait.
    pub(super) fn count_rest_as_lost(&mut self, waiting: usize, reason: &str) {
        let metrics = &self.metrics;
        let expected = metrics.received.get() + metrics.further.get();
        let settled = metrics.silent.get() + metrics.submitted.get() + metrics.lost.get();
        let rest = expected.saturating_sub(settled);
        let rest = usize::try_from(rest).unwrap_or(usize::MAX);
        let lost = rest.saturating_sub(waiting);
        if lost > 0 {
            self.lost(lost, reason);
        }
    }

    /// The server's clocks.
    pub(super) fn now(&self) -> Now {
        self.ingest.now()
    }

    /// The instant at which the uptime equals `uptime`.
    pub(super) fn instant(&self, uptime: Duration) -> Instant {
        self.ingest.instant(uptime)
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
        match u64::try_from(decoded.updates.len()) {
            Ok(0) => metrics.silent.add(1),
            updates => metrics.further.add(updates.unwrap_or(u64::MAX) - 1),
        }
        for error in decoded.errors.drain(..) {
            self.unreadable(&origin, error);
        }
        for reason in decoded.reported.drain(..) {
            self.reported(&origin, &reason);
        }
        if let Some((name, topic)) = decoded.renamed.take() {
            let (name, topic) = (cut(name), cut(topic));
            tracing::info!(feed = %self.name, name, topic, "a name cannot be part of a topic");
        }
    }

    /// Counts an error that the source reports, and logs it under the same bound as bad messages.
    fn reported(&mut self, origin: impl fmt::Display, reason: &str) {
        self.metrics.reported.add(1);
        if let Some(unlogged) = self.log_limit.allow(self.ingest.uptime()) {
            let (origin, reason) = (cut(origin), cut(reason));
            tracing::warn!(
                feed = %self.name, %origin, reason, unlogged,
                "the source reports an error"
            );
        }
    }

    /// Counts updates that were dropped, and logs it under the same bound as bad messages.
    pub(super) fn lost(&mut self, updates: usize, reason: &str) {
        self.metrics.lost.add(updates as u64);
        if let Some(unlogged) = self.log_limit.allow(self.ingest.uptime()) {
            tracing::warn!(feed = %self.name, updates, reason, unlogged, "updates were dropped");
        }
    }
}

/// A text of a source, as the log shows it.
fn cut(text: impl fmt::Display) -> String {
    let mut text = text.to_string();
    if let Some((end, _)) = text.char_indices().nth(SHOWN_MAX_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_source_is_cut_in_the_log() {
        let longest = "é".repeat(SHOWN_MAX_CHARS);
        assert_eq!(cut(&longest), longest);
        assert_eq!(cut(format!("{longest}é")), format!("{longest}…"));
        assert_eq!(cut("é".repeat(60_000)).chars().count(), SHOWN_MAX_CHARS + 1);
    }
}
