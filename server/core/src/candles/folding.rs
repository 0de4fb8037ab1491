//! Makes longer intervals of records, from the newest to the oldest.

use std::{collections::VecDeque, ops::Range};

use super::sum::{Record, Sum};

/// Intervals that are being made; see the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Folding<S> {
    /// Records per interval.
    ratio: i64,
    /// The numbers of the wanted intervals.
    wanted: Range<i64>,
    /// Maximum number of intervals.
    limit: usize,
    /// Whether there are older records than those that are added.
    is_cut: bool,
    /// Records below this number may have been forgotten.
    forgotten_before: i64,
    /// The intervals so far, oldest first. The oldest one may not be complete.
    made: VecDeque<Record<S>>,
    has_more: bool,
    /// Whether the oldest one is flawed only because records may have been forgotten.
    has_forgotten: bool,
}

/// What can be done with intervals of any kind.
pub(super) trait Fold {
    /// Whether there are as many intervals as wanted, all of them whole.
    fn is_full(&self) -> bool;

    /// Leaves out what is too old or not whole, once all records are added.
    fn finish(&mut self);

    /// Whether all records are added, also those that were left out. Known once it is finished.
    fn is_exhausted(&self) -> bool;

    /// Goes on after [`finish`](Self::finish) with older records, which are all there now.
    fn go_on(&mut self);

    /// Leaves the older records out: the oldest interval may lack some. It is left out as well, or
    /// flawed if it is the only one.
    fn stop(&mut self);

    /// Whether there are older intervals than those that were wanted.
    fn has_more(&self) -> bool;

    /// Number of intervals.
    fn len(&self) -> usize;
}

impl<S: Sum> Folding<S> {
    pub(super) fn new(ratio: i64, wanted: Range<i64>, limit: usize, is_cut: bool) -> Self {
        Self {
            ratio,
            wanted,
            limit,
            is_cut,
            forgotten_before: i64::MIN,
            made: VecDeque::new(),
            has_more: false,
            has_forgotten: false,
        }
    }

    /// Tells which records may have been forgotten: those below this number.
    pub(super) fn forgotten_before(&mut self, index: i64) {
        self.forgotten_before = index;
    }

    /// Adds records that are older than those before, oldest first.
    pub(super) fn add(&mut self, records: impl DoubleEndedIterator<Item = Record<S>>) {
        for record in records.rev() {
            let mut record = record.widened(self.ratio);
            if !self.wanted.contains(&record.index) {
                continue;
            }
            match self.made.front_mut() {
                Some(later) if later.index == record.index => {
                    record.merge(later);
                    *later = record;
                }
                _ => self.made.push_front(record),
            }
        }
    }

    /// Some of the intervals, oldest first.
    pub(super) fn get(&self, range: Range<usize>) -> impl Iterator<Item = &Record<S>> {
        self.made.range(range)
    }
}

impl<S: Sum> Fold for Folding<S> {
    fn is_full(&self) -> bool {
        self.made.len() > self.limit
    }

    fn finish(&mut self) {
        let too_many = self.made.len().saturating_sub(self.limit);
        self.made.drain(..too_many);
        self.has_more = too_many > 0 || self.is_cut;
        if too_many > 0 {
            return;
        }
        if self.is_cut {
            // It may have older records.
            self.made.pop_front();
        } else if let Some(oldest) = self.made.front_mut()
            && oldest.index.saturating_mul(self.ratio) < self.forgotten_before
        {
            self.has_forgotten = !oldest.is_flawed;
            oldest.is_flawed = true;
        }
    }

    fn is_exhausted(&self) -> bool {
        !self.is_cut && !self.has_more
    }

    fn go_on(&mut self) {
        self.forgotten_before = i64::MIN;
        if let Some(oldest) = self.made.front_mut().filter(|_| self.has_forgotten) {
            oldest.is_flawed = false;
        }
        self.has_forgotten = false;
    }

    fn stop(&mut self) {
        match self.made.len() {
            1 => self.made[0].is_flawed = true,
            _ => {
                self.made.pop_front();
            }
        }
        // A client goes on before the oldest interval.
        self.has_more = !self.made.is_empty();
    }

    fn has_more(&self) -> bool {
        self.has_more
    }

    fn len(&self) -> usize {
        self.made.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candles::row_sum::RowSum;

    fn folding(records: std::ops::Range<i64>, is_cut: bool) -> Folding<RowSum> {
        let mut folding = Folding::new(1, 0..100, 3, is_cut);
        let record = |index| Record {
            index,
            sum: RowSum::of(0.0),
            is_flawed: false,
        };
        folding.add(records.map(record));
        folding
    }

    #[test]
    fn one_interval_more_than_wanted_shows_that_all_of_them_are_whole() {
        assert!(!folding(0..3, true).is_full());
        assert!(folding(0..4, true).is_full());
    }

    #[test]
    fn the_oldest_interval_is_flawed_if_some_of_its_records_may_have_been_forgotten() {
        for (forgotten_before, expected) in [(4, false), (5, false), (6, true)] {
            let mut folding = folding(5..7, false);
            folding.forgotten_before(forgotten_before);
            folding.finish();
            let flawed: Vec<_> = folding.get(0..2).map(|record| record.is_flawed).collect();
            assert_eq!(flawed, [expected, false], "{forgotten_before}");
        }
    }
}
