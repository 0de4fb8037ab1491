//! When each update reached its last receiver, and the time between first and last. Pure.
//!
//! Each worker notes, per update, the first and the last arrival among its own receivers. At the
//! end these notes are merged. An update is identified by its key: the publisher's index, or the
//! position if the server itself publishes.

use super::histogram::{Histogram, histogram, record};

/// Updates that are followed, at most: 32 MiB per worker. A run with more updates follows only
/// every n-th.
pub const FOLLOWED_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Arrivals {
    due_ns: i64,
    first_ns: i64,
    last_ns: i64,
    receivers: u32,
}

const NOT_ARRIVED: Arrivals = Arrivals {
    due_ns: 0,
    first_ns: i64::MAX,
    last_ns: i64::MIN,
    receivers: 0,
};

/// First and last arrival of each followed update.
#[derive(Debug)]
pub struct Completion {
    base: u64,
    stride: u64,
    entries: Vec<Arrivals>,
}

/// Result of [`Completion::summary`].
#[derive(Debug)]
pub struct CompletionSummary {
    /// The last receiver's arrival - due.
    pub completion: Histogram,
    /// The last - the first arrival.
    pub spread: Histogram,
}

impl Completion {
    /// Follows updates whose key is at least `base` and a multiple of `stride`.
    pub fn new(base: u64, stride: u64) -> Self {
        Self {
            base: base.next_multiple_of(stride),
            stride,
            entries: Vec::new(),
        }
    }

    /// Whether an update with this key is followed.
    pub fn follows(&self, key: u64) -> bool {
        key.is_multiple_of(self.stride)
    }

    /// One receiver got an update. Keys that are not followed are ignored.
    pub fn arrived(&mut self, key: u64, due_ns: i64, received_ns: i64) {
        if key < self.base || !self.follows(key) {
            return;
        }
        let index = ((key - self.base) / self.stride) as usize;
        if index >= FOLLOWED_MAX {
            return;
        }
        if index >= self.entries.len() {
            self.entries.resize(index + 1, NOT_ARRIVED);
        }
        let entry = &mut self.entries[index];
        entry.due_ns = due_ns;
        entry.first_ns = entry.first_ns.min(received_ns);
        entry.last_ns = entry.last_ns.max(received_ns);
        entry.receivers += 1;
    }

    /// Adds the notes of another worker with the same base and stride.
    pub fn merge(&mut self, other: &Self) {
        if self.entries.len() < other.entries.len() {
            self.entries.resize(other.entries.len(), NOT_ARRIVED);
        }
        for (entry, other) in self.entries.iter_mut().zip(&other.entries) {
            if other.receivers > 0 {
                entry.due_ns = other.due_ns;
                entry.first_ns = entry.first_ns.min(other.first_ns);
                entry.last_ns = entry.last_ns.max(other.last_ns);
                entry.receivers += other.receivers;
            }
        }
    }

    /// Summarises the updates that were due in `from_ns..to_ns` and reached at least one receiver.
    pub fn summary(&self, from_ns: i64, to_ns: i64) -> CompletionSummary {
        let mut summary = CompletionSummary {
            completion: histogram(),
            spread: histogram(),
        };
        for entry in &self.entries {
            if entry.receivers > 0 && (from_ns..to_ns).contains(&entry.due_ns) {
                record(&mut summary.completion, entry.last_ns - entry.due_ns);
                record(&mut summary.spread, entry.last_ns - entry.first_ns);
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_is_the_last_arrival_over_all_workers() {
        let (mut a, mut b) = (Completion::new(5, 1), Completion::new(5, 1));
        a.arrived(4, 1000, 9_000_000);
        a.arrived(5, 1000, 2_001_000);
        a.arrived(5, 1000, 3_001_000);
        b.arrived(5, 1000, 7_001_000);
        b.arrived(6, 2000, 5_002_000);
        b.arrived(7, 9000, 9_009_000);
        a.merge(&b);
        let summary = a.summary(0, 9000);
        assert_eq!(summary.completion.len(), 2);
        assert!(
            summary
                .completion
                .equivalent(summary.completion.max(), 7_000_000)
        );
        assert!(
            summary
                .completion
                .equivalent(summary.completion.min(), 5_000_000)
        );
        assert!(summary.spread.equivalent(summary.spread.max(), 5_000_000));
        assert_eq!(summary.spread.min(), 0);
    }

    #[test]
    fn only_every_nth_is_followed_and_memory_is_bounded() {
        let mut completion = Completion::new(7, 4);
        for key in 0..20 {
            completion.arrived(key, 1, 2);
        }
        assert_eq!(completion.summary(0, 2).completion.len(), 3);
        completion.arrived(4 * (FOLLOWED_MAX as u64 + 2), 1, 2);
        assert_eq!(completion.summary(0, 2).completion.len(), 3);
    }
}
