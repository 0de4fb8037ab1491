//! Who got what: every update is expected once and in order by everyone who asked for its topic.
//! Pure.
//!
//! Update `i` of a run belongs to topic `i % topics`, so the next one of a topic is `i + topics`.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::Mode;

use super::workload::{Selection, Workload};

/// What came of what was published, in deliveries (an update to one subscriber).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integrity {
    /// What should arrive.
    pub expected: u64,
    /// What did.
    pub received: u64,
    /// What did not, and was not announced as lost.
    pub missing: u64,
    /// What came twice or behind a later one.
    pub doubled: u64,
    /// Announced as lost.
    pub announced: u64,
    /// Announced as lost that was not.
    pub overstated: u64,
    /// Left out in mode `latest`, as it may be.
    pub conflated: u64,
    /// To subscribers whose connection the contender closed: what they did not get.
    pub cut_off: u64,
}

impl Integrity {
    /// The share of what should arrive that did.
    pub fn completion(&self) -> f64 {
        match self.expected {
            0 => 1.0,
            expected => self.received as f64 / expected as f64,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    mode: Mode,
    topics: u64,
    selections: Vec<Selection>,
    /// By subscriber and slot: the index that comes next.
    next: Vec<u64>,
    slots: usize,
    /// By subscriber: updates that were skipped, and updates that were announced as lost.
    skipped: Vec<u64>,
    announced: Vec<u64>,
    received: u64,
    snapshots: u64,
    doubled: u64,
}

impl Ledger {
    /// Nothing has arrived yet.
    pub fn new(workload: &Workload) -> Self {
        let selections: Vec<_> = (0..workload.subscribers)
            .map(|subscriber| workload.selection(subscriber))
            .collect();
        let next = selections.iter().flat_map(Selection::iter).collect();
        Self {
            mode: workload.mode,
            topics: workload.topics,
            next,
            slots: workload.topics_each as usize,
            skipped: vec![0; selections.len()],
            announced: vec![0; selections.len()],
            selections,
            received: 0,
            snapshots: 0,
            doubled: 0,
        }
    }

    /// An update arrived. One of a snapshot is the newest of those that are announced as lost.
    pub fn update(&mut self, subscriber: usize, index: u64, is_snapshot: bool) {
        let slot = match self.topics {
            1 => 0,
            topics => match self.selections[subscriber].slot(index % topics) {
                Some(slot) => slot as usize,
                // It was not asked for.
                None => {
                    self.doubled += 1;
                    return;
                }
            },
        };
        let next = &mut self.next[subscriber * self.slots + slot];
        if index < *next {
            self.doubled += 1;
            return;
        }
        if index > *next {
            self.skipped[subscriber] += (index - *next) / self.topics;
        }
        if is_snapshot && self.mode == Mode::Every {
            self.skipped[subscriber] += 1;
            self.snapshots += 1;
        } else {
            self.received += 1;
        }
        *next = index + self.topics;
    }

    /// The contender says that a subscriber lost so many.
    pub fn announce(&mut self, subscriber: usize, lost: u64) {
        self.announced[subscriber] += lost;
    }

    /// All deliveries so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// All updates that came, wanted or not.
    pub fn arrived(&self) -> u64 {
        self.received + self.snapshots + self.doubled
    }

    /// Of a single topic: up to which index, exclusive, all of some subscribers have everything.
    pub fn completed(&self) -> u64 {
        self.next.iter().copied().min().unwrap_or(0)
    }

    /// Whether all but the given subscribers have the last of `published` updates of each topic.
    pub fn is_complete(&self, published: u64, is_out: impl Fn(usize) -> bool) -> bool {
        (0..self.selections.len())
            .filter(|&subscriber| !is_out(subscriber))
            .all(|subscriber| self.behind(subscriber, published) == 0)
    }

    /// Updates at the end that a subscriber has not got.
    fn behind(&self, subscriber: usize, published: u64) -> u64 {
        let next = &self.next[subscriber * self.slots..][..self.slots];
        let behind = |&next: &u64| published.saturating_sub(next).div_ceil(self.topics);
        next.iter().map(behind).sum()
    }

    /// Sums up when no more arrives. `is_out`: whose connection was closed.
    pub fn finish(&self, published: u64, is_out: impl Fn(usize) -> bool) -> Integrity {
        let mut sum = Integrity {
            received: self.received,
            doubled: self.doubled,
            ..Integrity::default()
        };
        for (subscriber, selection) in self.selections.iter().enumerate() {
            let topic_updates = |topic| published.saturating_sub(topic).div_ceil(self.topics);
            sum.expected += selection.iter().map(topic_updates).sum::<u64>();
            let (skipped, announced) = (self.skipped[subscriber], self.announced[subscriber]);
            sum.announced += announced;
            let behind = self.behind(subscriber, published);
            if is_out(subscriber) {
                sum.cut_off += skipped + behind;
                continue;
            }
            match self.mode {
                Mode::Latest => {
                    sum.conflated += skipped;
                    sum.missing += behind;
                }
                Mode::Every => {
                    sum.missing += (skipped + behind).saturating_sub(announced);
                    sum.overstated += announced.saturating_sub(skipped + behind);
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::workload::ALL;

    fn ledger(mode: Mode) -> Ledger {
        Ledger::new(&Workload {
            subscribers: 2,
            topics: 4,
            topics_each: 2,
            mode,
            ..ALL[0]
        })
    }

    /// Subscriber 0 has topics 0 and 1, subscriber 1 has topics 2 and 3; 8 updates.
    fn check(mode: Mode, received: [&[u64]; 2], expected: Integrity) {
        let mut ledger = ledger(mode);
        for (subscriber, indices) in received.into_iter().enumerate() {
            for &index in indices {
                ledger.update(subscriber, index, false);
            }
        }
        assert_eq!(ledger.finish(8, |_| false), expected);
        assert_eq!(ledger.is_complete(8, |_| false), expected.missing == 0);
    }

    #[test]
    fn all_once_and_in_order_is_complete() {
        let expected = Integrity {
            expected: 8,
            received: 8,
            ..Integrity::default()
        };
        check(Mode::Every, [&[0, 1, 4, 5], &[2, 3, 6, 7]], expected);
        assert_eq!(expected.completion(), 1.0);
    }

    #[test]
    fn what_is_missing_doubled_or_not_asked_for_is_counted() {
        let expected = Integrity {
            expected: 8,
            received: 5,
            missing: 3,
            doubled: 2,
            ..Integrity::default()
        };
        check(Mode::Every, [&[0, 1, 0, 5], &[3, 7, 1]], expected);
    }

    #[test]
    fn in_mode_latest_only_the_last_values_must_come() {
        let expected = Integrity {
            expected: 8,
            received: 5,
            conflated: 2,
            missing: 1,
            ..Integrity::default()
        };
        check(Mode::Latest, [&[4, 5], &[2, 3, 7]], expected);
    }

    #[test]
    fn announced_losses_must_be_exact() {
        for (announced, missing, overstated) in [(2, 1, 0), (3, 0, 0), (5, 0, 2)] {
            let mut ledger = ledger(Mode::Every);
            // 0 was sent; a gap's snapshot brings 4 and 5, before which only 1 was skipped.
            ledger.update(0, 0, false);
            ledger.announce(0, announced);
            ledger.update(0, 4, true);
            ledger.update(0, 5, true);
            let sum = ledger.finish(8, |subscriber| subscriber == 1);
            assert_eq!((sum.missing, sum.overstated), (missing, overstated));
            assert_eq!((sum.received, sum.cut_off), (1, 4));
        }
    }
}
