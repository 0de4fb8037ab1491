//! What receivers have seen, as numbers.

use serde::{Deserialize, Serialize};

/// What receivers have seen. Counts are updates unless stated otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Updates that arrived live.
    pub live: u64,
    /// Updates that arrived in snapshots.
    pub snapshot: u64,
    /// Expected updates that neither came nor were announced as lost.
    pub missing: u64,
    /// Updates that came twice.
    pub duplicated: u64,
    /// Updates that came after a later one of the same topic.
    pub reordered: u64,
    /// Updates with a position outside their batch's range or out of its order.
    pub misplaced: u64,
    /// Updates of topics that were never introduced.
    pub not_introduced: u64,
    /// Batches and heartbeats that do not continue at the receiver's position.
    pub chain_breaks: u64,
    /// Updates skipped in mode `latest`, which is allowed.
    pub conflated: u64,
    /// Gaps that were announced.
    pub gaps: u64,
    /// Updates announced as lost in gaps.
    pub announced: u64,
    /// Updates announced as lost that were not lost.
    pub overstated: u64,
    /// Gaps whose count could not be checked.
    pub gaps_unchecked: u64,
}

impl Tally {
    /// All updates that arrived.
    pub fn received(&self) -> u64 {
        self.live + self.snapshot
    }

    /// Breaches of the contract. A server must reach 0.
    pub fn broken(&self) -> u64 {
        self.missing
            + self.duplicated
            + self.reordered
            + self.misplaced
            + self.not_introduced
            + self.chain_breaks
            + self.overstated
    }

    /// Adds the numbers of other receivers.
    pub fn add(&mut self, other: &Self) {
        self.live += other.live;
        self.snapshot += other.snapshot;
        self.missing += other.missing;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.misplaced += other.misplaced;
        self.not_introduced += other.not_introduced;
        self.chain_breaks += other.chain_breaks;
        self.conflated += other.conflated;
        self.gaps += other.gaps;
        self.announced += other.announced;
        self.overstated += other.overstated;
        self.gaps_unchecked += other.gaps_unchecked;
    }
}
