//! The counters of the log on disk.

use tickcast_core::stats::Number;

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
    /// Updates that were accepted and were neither written nor delivered, because the server ended
    /// while the log could not be written.
    pub undelivered: Number,
}
