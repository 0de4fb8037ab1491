//! The counters of the log on disk.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tickcast_core::stats::Number;

/// From then on a disk counts as hanging: far more than a busy one takes for 16 MiB.
const HANGING_AFTER: Duration = Duration::from_secs(5);

/// Since when the log's thread waits for the disk. It is asked while that thread cannot answer.
#[derive(Debug, Default)]
pub struct DiskWait(Mutex<Option<Instant>>);

impl DiskWait {
    /// Does what may wait for the disk.
    pub(crate) fn wait<T>(&self, work: impl FnOnce() -> T) -> T {
        self.set(Some(Instant::now()));
        let result = work();
        self.set(None);
        result
    }

    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// How long the wait under way has taken so far; 0 if there is none.
    pub(crate) fn elapsed(&self) -> Duration {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether the disk gives no answer.
    pub(crate) fn is_hanging(&self) -> bool {
        self.elapsed() >= HANGING_AFTER
    }
}

/// The counters of the log on disk.
#[derive(Debug, Default)]
pub struct DataStats {
    /// Bytes of all segments.
    pub bytes: Number,
    /// Number of segments.
    pub segments: Number,
    /// Segments removed because of their age or because there were too many bytes.
    pub removed: Number,
    /// Strips written.
    pub strips: Number,
    /// Bytes written.
    pub written_bytes: Number,
    /// The position after the last update that is on the disk.
    pub synced: Number,
    /// Times the disk was waited for.
    pub syncs: Number,
    /// How long that took in all, in microseconds.
    pub sync_us: Number,
    /// Bytes that may not be on the disk yet.
    pub unsynced_bytes: Number,
    /// For how long the oldest of them have been written, in milliseconds.
    pub unsynced_ms: Number,
    /// Writes and syncs that failed.
    pub failures: Number,
    /// 1 while the log cannot be written and updates wait for it.
    pub stopped: Number,
    /// 1 from when the server has gone on without the log.
    pub off: Number,
    /// Updates that were delivered and are not in the log.
    pub unwritten: Number,
    /// Updates that were accepted and not delivered, because the server ended while the log could
    /// not be written, or because the log's thread failed.
    pub undelivered: Number,
    /// The wait of the log's thread for the disk.
    pub disk: DiskWait,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_gives_no_answer_is_seen_while_it_is_waited_for() {
        let disk = DiskWait::default();
        assert_eq!(disk.elapsed(), Duration::ZERO);
        disk.wait(|| assert!(!disk.is_hanging()));
        disk.set(Instant::now().checked_sub(HANGING_AFTER));
        assert!(disk.is_hanging());
        disk.wait(|| ());
        assert_eq!(disk.elapsed(), Duration::ZERO);
    }
}
