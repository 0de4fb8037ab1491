//! What many subscribers got, by the index in each update's stamp. Pure.
//!
//! Update `i` of a run belongs to topic `i % topics`, and its seq is `i / topics + 1`.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::{Mode, Seq};

use super::account::{Account, Arrived, TopicKey};
use crate::dialect::TopicSelection;

/// What became of the published updates, in deliveries (an update to one subscriber).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverySummary {
    /// Deliveries that should arrive.
    pub expected: u64,
    /// Deliveries that arrived.
    pub received: u64,
    /// Deliveries that did not arrive and were not announced as lost.
    pub missing: u64,
    /// Deliveries that came twice or after a later one.
    pub doubled: u64,
    /// Deliveries announced as lost.
    pub announced: u64,
    /// Deliveries announced as lost that were not lost.
    pub overstated: u64,
    /// Deliveries left out in mode `latest`, which is allowed.
    pub conflated: u64,
    /// Deliveries that did not arrive because the server closed the connection.
    pub cut_off: u64,
}

impl DeliverySummary {
    /// The share of the expected deliveries that arrived.
    pub fn completion(&self) -> f64 {
        match self.expected {
            0 => 1.0,
            expected => self.received as f64 / expected as f64,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct IndexedLedger {
    mode: Mode,
    topics: u64,
    selections: Vec<TopicSelection>,
    /// By subscriber and slot of its selection: the newest seq, 0 if none came.
    newest: Vec<Seq>,
    slots: usize,
    accounts: Vec<Account>,
    received: u64,
    snapshots: u64,
    doubled: u64,
}

impl IndexedLedger {
    /// The ledger of subscribers to these topics. All selections have the same length.
    pub fn new(mode: Mode, topics: u64, selections: Vec<TopicSelection>) -> Self {
        let slots = selections.first().map_or(0, |first| first.count as usize);
        Self {
            mode,
            topics,
            newest: vec![0; selections.len() * slots],
            slots,
            accounts: selections.iter().map(|_| Account::default()).collect(),
            selections,
            received: 0,
            snapshots: 0,
            doubled: 0,
        }
    }

    /// An update arrived. An update of a snapshot is the newest of those announced as lost.
    pub fn update(&mut self, subscriber: usize, index: u64, is_snapshot: bool) {
        let (slot, seq) = match self.topics {
            1 => (0, index + 1),
            topics => match self.selections[subscriber].slot(index % topics) {
                Some(slot) => (slot as usize, index / topics + 1),
                // The subscriber did not ask for this topic.
                None => {
                    self.doubled += 1;
                    return;
                }
            },
        };
        let newest = &mut self.newest[subscriber * self.slots + slot];
        if !is_snapshot && Account::is_next(newest, seq) {
            self.received += 1;
            return;
        }
        let account = &mut self.accounts[subscriber];
        match account.arrived(self.mode, slot as TopicKey, newest, seq, is_snapshot) {
            Arrived::Duplicate | Arrived::Reordered => self.doubled += 1,
            Arrived::InOrder { .. } if is_snapshot && self.mode == Mode::Every => {
                self.snapshots += 1;
            }
            Arrived::InOrder { .. } => self.received += 1,
        }
    }

    /// The server announces that a subscriber lost this many updates.
    pub fn announce(&mut self, subscriber: usize, lost: u64) {
        self.accounts[subscriber].announce(lost);
    }

    /// Deliveries so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Updates that arrived, expected or not.
    pub fn arrived(&self) -> u64 {
        self.received + self.snapshots + self.doubled
    }

    /// With a single topic: the number of updates that every subscriber has.
    pub fn completed(&self) -> u64 {
        self.newest.iter().copied().min().unwrap_or(0)
    }

    /// Whether all subscribers except those that are out have the last of `published` updates of
    /// each topic.
    pub fn is_complete(&self, published: u64, is_out: impl Fn(usize) -> bool) -> bool {
        (0..self.selections.len())
            .filter(|&subscriber| !is_out(subscriber))
            .all(|subscriber| self.behind(subscriber, published) == 0)
    }

    /// Updates at the end that a subscriber does not have.
    fn behind(&self, subscriber: usize, published: u64) -> u64 {
        let newest = &self.newest[subscriber * self.slots..][..self.slots];
        let topics = self.selections[subscriber].iter();
        let behind = topics
            .zip(newest)
            .map(|(topic, &newest)| self.seqs_of(topic, published).saturating_sub(newest));
        behind.sum()
    }

    /// Updates of a topic among `published` updates.
    fn seqs_of(&self, topic: u64, published: u64) -> u64 {
        published.saturating_sub(topic).div_ceil(self.topics)
    }

    /// Sums up when no more updates arrive. `is_out` tells whose connection the server closed.
    pub fn finish(&self, published: u64, is_out: impl Fn(usize) -> bool) -> DeliverySummary {
        let mut sum = DeliverySummary {
            received: self.received,
            doubled: self.doubled,
            ..DeliverySummary::default()
        };
        for (subscriber, selection) in self.selections.iter().enumerate() {
            let topics = selection.iter();
            let expected = topics.map(|topic| self.seqs_of(topic, published));
            sum.expected += expected.sum::<u64>();
            let account = &self.accounts[subscriber];
            sum.announced += account.announced();
            let behind = self.behind(subscriber, published);
            if is_out(subscriber) {
                sum.cut_off += account.skipped() + behind;
                continue;
            }
            match self.mode {
                Mode::Latest => {
                    sum.conflated += account.skipped();
                    sum.missing += behind;
                }
                Mode::Every => {
                    let skipped = account.skipped() + behind;
                    sum.missing += skipped.saturating_sub(account.announced());
                    sum.overstated += account.announced().saturating_sub(skipped);
                }
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(mode: Mode) -> IndexedLedger {
        let selections = [0, 2].map(|first| TopicSelection {
            first,
            count: 2,
            topics: 4,
        });
        IndexedLedger::new(mode, 4, selections.to_vec())
    }

    /// Subscriber 0 has topics 0 and 1, subscriber 1 has topics 2 and 3. 8 updates are published.
    fn check(mode: Mode, received: [&[u64]; 2], expected: DeliverySummary) {
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
    fn updates_that_come_once_and_in_order_are_complete() {
        let expected = DeliverySummary {
            expected: 8,
            received: 8,
            ..DeliverySummary::default()
        };
        check(Mode::Every, [&[0, 1, 4, 5], &[2, 3, 6, 7]], expected);
        assert_eq!(expected.completion(), 1.0);
    }

    #[test]
    fn missing_doubled_and_unwanted_updates_are_counted() {
        let expected = DeliverySummary {
            expected: 8,
            received: 5,
            missing: 3,
            doubled: 2,
            ..DeliverySummary::default()
        };
        check(Mode::Every, [&[0, 1, 0, 5], &[3, 7, 1]], expected);
    }

    #[test]
    fn in_mode_latest_only_the_final_values_must_come() {
        let expected = DeliverySummary {
            expected: 8,
            received: 5,
            conflated: 2,
            missing: 1,
            ..DeliverySummary::default()
        };
        check(Mode::Latest, [&[4, 5], &[2, 3, 7]], expected);
    }

    #[test]
    fn announced_losses_must_match_the_skipped_updates() {
        for (announced, missing, overstated) in [(2, 1, 0), (3, 0, 0), (5, 0, 2)] {
            let mut ledger = ledger(Mode::Every);
            // 0 came; a gap's snapshot brings 4 and 5, before which only 1 was skipped.
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
