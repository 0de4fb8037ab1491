//! Writing to the log: strips, what comes with them, and what is done when that fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tickcast_core::{candles::FeedSpans, tape::Strip};
use tickcast_log::{Folder, Log, LogError, RealFile, WriteFailure};
use tokio::time::sleep;

use super::{
    failing::{Failing, Next, RETRY},
    feeds,
    syncer::Syncer,
};
use crate::{
    clock::Clock,
    ingest::Handoff,
    metrics::DataStats,
    net::state::{ServerState, Stage},
};

/// Bytes that may be written and not synced. More would be lost at once in a power cut; a disk that
/// is this far behind is waited for.
const UNSYNCED_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Time between two looks at what is too old, and at what the metrics show.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Longest wait for the disk between two such looks.
const WAIT_PART: Duration = Duration::from_millis(250);

/// Writes to the log, and knows what to do when that fails.
pub(super) struct Writing {
    pub(super) log: Log<Folder>,
    pub(super) syncer: Syncer<RealFile>,
    pub(super) failing: Failing,
    /// Whether the disk is waited for before anything is handed on.
    pub(super) is_synced_first: bool,
    /// Whether the server has gone on without the log.
    pub(super) is_off: bool,
    /// Whether that is still to be noted on the disk.
    pub(super) must_note: bool,
    /// Whether the server ends without what it could not write.
    pub(super) has_given_up: bool,
    /// When the last look at the log's age was.
    pub(super) ticked: Instant,
    /// When updates of feeds are missing, if that is to be written. It is written once in a while,
    /// because a feed may come and go often.
    pub(super) outages: Option<Vec<FeedSpans>>,
    /// The names of the feeds.
    pub(super) feeds: Vec<String>,
    pub(super) stats: Arc<DataStats>,
    pub(super) handoff: Arc<Handoff>,
    pub(super) state: Arc<ServerState>,
    pub(super) clock: Clock,
}

impl Writing {
    /// Writes strips. Returns how many of them may be handed on.
    pub(super) async fn write(&mut self, strips: &[Arc<Strip>]) -> usize {
        let mut written = 0;
        while written < strips.len() {
            let rest = &strips[written..];
            if self.has_given_up {
                return written;
            }
            if self.is_off {
                let lost: usize = rest.iter().map(|strip| strip.len()).sum();
                self.stats.unwritten.add(lost as u64);
                return strips.len();
            }
            let result = self.try_write(rest);
            let some = match &result {
                Ok(()) => rest.len(),
                Err(failure) => failure.written,
            };
            self.stats.strips.add(some as u64);
            let result = result.map_err(|failure| failure.error);
            // With the disk waited for, nothing counts that is not on it.
            let result = match self.is_synced_first {
                true => self.sync().and(result),
                false => result,
            };
            match result {
                Ok(()) => {
                    written += some;
                    self.recover();
                }
                Err(error) => {
                    let is_known = !self.is_synced_first || self.log.unsynced_bytes() == 0;
                    written += if is_known { some } else { 0 };
                    self.fail(error).await;
                }
            }
        }
        written
    }

    fn try_write(&mut self, strips: &[Arc<Strip>]) -> Result<(), WriteFailure> {
        let nothing = |error| WriteFailure { written: 0, error };
        self.take_synced().map_err(nothing)?;
        if self.syncer.has_failed() {
            let reason = "the sync thread has failed".to_owned();
            return Err(nothing(LogError::NotSynced(reason)));
        }
        // The end of a segment is synced here, which must not hide a failure of the other thread.
        while self.log.unsynced_bytes() >= UNSYNCED_MAX_BYTES
            || self.log.is_segment_full() && !self.syncer.is_idle()
        {
            if self.syncer.is_idle() {
                self.offer().map_err(nothing)?;
            }
            self.syncer.wait(WAIT_PART);
            self.tick_if_due();
            self.take_synced().map_err(nothing)?;
        }
        let segments = self.log.segments().len();
        let now_ns = self.clock.now().wall_ns;
        let log = &mut self.log;
        let result = self.stats.disk.wait(|| log.write(strips, now_ns));
        let has_begun = self.log.segments().len() != segments;
        // Before anything is handed on, because that may wait. The end of a segment is always
        // written by the other thread.
        let offered = match self.is_synced_first && !has_begun {
            true => Ok(()),
            false => self.offer(),
        };
        if has_begun {
            self.tick();
        }
        result?;
        offered.map_err(|error| WriteFailure {
            written: strips.len(),
            error,
        })
    }

    /// Whether a part of a segment's begin is to be written, also while there is no strip.
    pub(super) fn has_idle_work(&self) -> bool {
        !self.is_off && !self.has_given_up && self.log.has_unwritten_begin()
    }

    /// Writes a part of a segment's begin.
    pub(super) async fn work_idly(&mut self) {
        let log = &mut self.log;
        let written = self.stats.disk.wait(|| log.go_on_with_begin(0));
        match written.and_then(|()| self.offer()) {
            Ok(()) => self.recover(),
            Err(error) => self.fail(error).await,
        }
    }

    /// Lets the other thread sync what is unsynced.
    fn offer(&mut self) -> Result<(), LogError> {
        let bytes = self.log.unsynced_bytes();
        if let Some(unsynced) = self.log.unsynced()? {
            self.syncer.offer(unsynced, bytes);
        }
        Ok(())
    }

    /// Waits for the disk.
    fn sync(&mut self) -> Result<(), LogError> {
        let start = Instant::now();
        let log = &mut self.log;
        let result = self.stats.disk.wait(|| log.sync());
        self.stats.syncs.add(1);
        let elapsed = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.stats.sync_us.add(elapsed);
        result
    }

    fn take_synced(&mut self) -> Result<(), LogError> {
        let Some(synced) = self.syncer.take_done() else {
            return Ok(());
        };
        for error in synced.without_index() {
            self.stats.failures.add(1);
            tracing::warn!(%error, "a segment of the log has no index until the next start");
        }
        self.log.take_synced(synced)
    }

    /// Takes the results of the other thread, and looks at the log's age if that is due.
    pub(super) async fn look(&mut self) {
        if let Err(error) = self.take_synced()
            && !self.is_off
        {
            self.fail(error).await;
        }
        self.tick_if_due();
    }

    /// Says that the log could not be written, and waits before the next try.
    async fn fail(&mut self, error: LogError) {
        self.stats.failures.add(1);
        let is_ending = self.state.stage() == Stage::Draining;
        match self.failing.failed(&error, is_ending, Instant::now()) {
            Next::Retry => {
                self.set_stopped(true);
                sleep(RETRY).await;
            }
            Next::GoOn => {
                tracing::error!(
                    next = self.log.next(),
                    "the server goes on without the log; the next start begins a new epoch"
                );
                self.set_stopped(false);
                self.stats.off.set(1);
                self.is_off = true;
                self.must_note = true;
                self.note_going_on();
            }
            Next::GiveUp => {
                tracing::error!("the server ends without the updates that could not be written");
                self.has_given_up = true;
            }
        }
        self.tick_if_due();
    }

    fn set_stopped(&self, is_stopped: bool) {
        self.stats.stopped.set(u64::from(is_stopped));
        self.handoff.set_stopped(is_stopped);
    }

    fn recover(&mut self) {
        if self.failing.recovered() {
            self.set_stopped(false);
            tracing::info!("the log can be written again; nothing is missing in it");
        }
    }

    /// Notes on the disk that clients have more than the log. It is tried again until it works: a
    /// start that does not know would give positions out twice.
    fn note_going_on(&mut self) {
        if self.must_note {
            let noted = self.log.disk().note_going_on();
            self.must_note = noted.is_err();
            if let Err(error) = noted {
                tracing::error!(
                    %error,
                    "the log does not say that the server goes on without it: start the server \
                     again with --new-epoch true"
                );
            }
        }
    }

    fn tick_if_due(&mut self) {
        if self.ticked.elapsed() >= TICK {
            self.tick();
        }
    }

    /// Writes when updates of feeds are missing. What cannot be written now is tried again.
    fn write_outages(&mut self) {
        // The end of a segment is written with strips.
        if self.is_off || self.log.is_segment_full() {
            return;
        }
        let Some(outages) = &self.outages else {
            return;
        };
        let feeds = feeds::named(outages, &self.feeds, self.log.feeds());
        let noted = self.log.note_feeds(feeds, self.clock.now().wall_ns);
        let synced = noted.and_then(|()| match self.is_synced_first {
            true => self.sync(),
            false => self.offer(),
        });
        match synced {
            Ok(()) => self.outages = None,
            Err(error) => {
                self.stats.failures.add(1);
                tracing::warn!(%error, "the log does not say yet when feeds were down");
            }
        }
    }

    /// Forgets what is too old, and sets what the metrics show.
    pub(super) fn tick(&mut self) {
        self.ticked = Instant::now();
        self.write_outages();
        let (removed, error) = self.log.retain(self.clock.now().wall_ns);
        for removed in &removed {
            let segment = &removed.segment;
            let (number, first, last) = (segment.number, segment.first, segment.end - 1);
            tracing::info!(number, first, last, "a segment of the log was removed");
        }
        self.stats.removed.add(removed.len() as u64);
        if let Some(error) = error {
            self.stats.failures.add(1);
            tracing::warn!(%error, "an old segment of the log cannot be removed");
        }
        self.note_going_on();
        let stats = &self.stats;
        stats.bytes.set(self.log.bytes());
        stats.segments.set(self.log.segments().len() as u64 + 1);
        stats.written_bytes.set(self.log.written_bytes());
        stats.synced.set(self.log.synced());
        stats.unsynced_bytes.set(self.log.unsynced_bytes());
        let age = self.syncer.age().as_millis();
        stats
            .unsynced_ms
            .set(u64::try_from(age).unwrap_or(u64::MAX));
    }

    /// Marks a clean end, unless clients have more than the log.
    pub(super) fn end(&mut self) {
        self.write_outages();
        self.syncer.end();
        let result = self.take_synced().and_then(|()| match self.is_off {
            true => Ok(()),
            false => self.log.end(self.clock.now().wall_ns),
        });
        if let Err(error) = result {
            tracing::error!(%error, "the log has no clean end");
        }
        let (unwritten, undelivered) = (self.stats.unwritten.get(), self.stats.undelivered.get());
        if unwritten > 0 {
            tracing::error!(unwritten, "updates were delivered that are not in the log");
        }
        if undelivered > 0 {
            tracing::error!(undelivered, "updates were neither written nor delivered");
        }
        self.tick();
    }
}
