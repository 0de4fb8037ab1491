//! When a checkpoint is due: long before the stream forgets the message that it follows.

use std::time::Duration;

/// Bytes of the stream between two checkpoints, at most: a node that begins reads about as much in
/// a second.
const EVERY_BYTES: u64 = 64 * 1024 * 1024;

/// Time between two checkpoints, at most.
const EVERY_TIME: Duration = Duration::from_secs(10 * 60);

/// A checkpoint is due after this part of what the stream keeps: two are kept, and the newer one
/// must outlast the next.
const PART: u32 = 4;

/// Time between two checkpoints, at least, for a node that needs one to begin.
const WANTED_EVERY: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct CheckpointDue {
    every_bytes: u64,
    every_time: Duration,
    bytes: u64,
    since: Duration,
    is_wanted: bool,
}

impl CheckpointDue {
    /// For a stream whose messages are forgotten beyond these limits, if it has any.
    pub(super) fn new(bytes_max: Option<u64>, age_max: Option<Duration>) -> Self {
        let of_bytes = bytes_max.map_or(EVERY_BYTES, |max| max / u64::from(PART));
        let of_age = age_max.map_or(EVERY_TIME, |max| max / PART);
        Self {
            every_bytes: of_bytes.min(EVERY_BYTES),
            every_time: of_age.min(EVERY_TIME),
            bytes: 0,
            since: Duration::ZERO,
            is_wanted: false,
        }
    }

    /// Counts a message that was read.
    pub(super) fn read(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// A node needs one to begin.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether one is due now. Then the next one is counted from here.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_late = self.since + self.every_time <= now;
        let is_wanted = self.is_wanted && self.since + WANTED_EVERY <= now;
        let is_due = self.bytes > 0 && (self.bytes >= self.every_bytes || is_late || is_wanted);
        if is_due {
            (self.bytes, self.since, self.is_wanted) = (0, now, false);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn it_is_due_after_a_quarter_of_what_the_stream_keeps() {
        let mut due = CheckpointDue::new(Some(4000), Some(S(40)));
        assert!(!due.is_due(S(100)), "nothing was read");
        due.read(999);
        assert!(!due.is_due(S(9)));
        due.read(1);
        assert!(due.is_due(S(9)), "by its bytes");
        due.read(1);
        assert!(!due.is_due(S(18)));
        assert!(due.is_due(S(19)), "by its time");
        due.read(1);
        due.want();
        assert!(!due.is_due(S(23)));
        assert!(due.is_due(S(24)), "it was wanted");
        due.read(1);
        assert!(!due.is_due(S(33)), "it was wanted once");
    }

    #[test]
    fn without_limits_it_is_due_after_64_mib_or_10_minutes() {
        let mut due = CheckpointDue::new(None, None);
        due.read(EVERY_BYTES as usize - 1);
        assert!(!due.is_due(S(599)));
        due.read(1);
        assert!(due.is_due(S(599)));
        due.read(1);
        assert!(due.is_due(S(1_199)));
    }
}
