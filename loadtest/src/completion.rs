//! When an update had reached its last receiver, and how far apart first and last were. Pure.
//!
//! Each worker notes, per update, the first and the last arrival among its own receivers; at the
//! end the workers' notes are merged. An update is known by its key: the publisher's index, or the
//! position where the server itself is the publisher.

use crate::latency::{Histogram, histogram, record};

/// Updates that are followed, at most: 32 MiB per worker. A run that would have more follows only
/// every n-th.
pub const FOLLOWED_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy)]
struct Entry {
    due_ns: i64,
    first_ns: i64,
    last_ns: i64,
    receivers: u32,
}

const NOBODY: Entry = Entry {
    due_ns: 0,
    first_ns: i64::MAX,
    last_ns: i64::MIN,
    receivers: 0,
};

/// First and last arrival of each update that is followed.
#[derive(Debug)]
pub struct Completion {
    base: u64,
    stride: u64,
    entries: Vec<Entry>,
}

/// What [`Completion::summary`] finds.
#[derive(Debug)]
pub struct CompletionSummary {
    /// Last receiver's arrival - due.
    pub completion: Histogram,
    /// Last - first arrival.
    pub spread: Histogram,
}

impl Completion {
    /// Follows updates whose key is `base` or more and a multiple of `stride`.
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

    /// One receiver got an update. Keys that are not followed are passed over.
    pub fn arrived(&mut self, key: u64, due_ns: i64, received_ns: i64) {
        if key < self.base || !self.follows(key) {
            return;
        }
        let index = ((key - self.base) / self.stride) as usize;
        if index >= FOLLOWED_MAX {
            return;
        }
        if index >= self.entries.len() {
            self.entries.resize(index + 1, NOBODY);
        }
        let entry = &mut self.entries[index];
        entry.due_ns = due_ns;
        entry.first_ns = entry.first_ns.min(received_ns);
        entry.last_ns = entry.last_ns.max(received_ns);
        entry.receivers += 1;
    }

    /// Adds what another worker noted with the same base and stride.
    pub fn merge(&mut self, other: &Self) {
        if self.entries.len() < other.entries.len() {
            self.entries.resize(other.entries.len(), NOBODY);
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

    /// Sums up the updates that were due in `from_ns..to_ns` and reached anybody.
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
    fn the_last_receiver_of_all_workers_counts() {
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
