//! The records of one topic and level, packed into blocks. The oldest block is forgotten as a
//! whole.

use std::{collections::VecDeque, sync::Arc};

use tickcast_protocol::message::TopicId;

use super::{
    packed::{self, Reader},
    sum::{Record, Sum},
};

/// Length of a block: some 70 records, which are read in about 2 µs. It is closed while a record
/// still fits, so that its memory is not doubled for the last one.
const BLOCK_MAX_BYTES: usize = 1024;

/// Length of the first memory of a block. It is doubled as the block grows.
const BLOCK_MIN_BYTES: usize = 64;

/// Cost of a block besides its bytes: its entry and that of the queue it is in, with the spare
/// capacity of growing lists, and what the allocator adds.
const BLOCK_OVERHEAD_BYTES: usize = 2 * (size_of::<Block>() + size_of::<TopicId>()) + 32;

/// Records in ascending order, packed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// The number of the first record's interval.
    pub(super) first: i64,
    /// The number of the last record's interval.
    last: i64,
    pub(super) records: u32,
    bytes: Arc<[u8]>,
}

impl Block {
    /// Its records, the oldest first.
    pub(super) fn records<S: Sum>(&self) -> impl Iterator<Item = Record<S>> {
        let mut reader = Reader::new(&self.bytes);
        let mut context = S::Context::default();
        let mut index = self.first;
        (0..self.records).map(move |_| {
            let head = reader.unsigned();
            index += (head >> 1) as i64;
            Record {
                index,
                sum: S::read(&mut context, &mut reader),
                is_flawed: head & 1 == 1,
            }
        })
    }

    /// Approximate cost, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + BLOCK_OVERHEAD_BYTES
    }
}

/// A block that is being written.
#[derive(Debug, Clone)]
struct OpenBlock<S: Sum> {
    first: i64,
    last: i64,
    records: u32,
    bytes: Vec<u8>,
    context: S::Context,
}

impl<S: Sum> Default for OpenBlock<S> {
    fn default() -> Self {
        Self {
            first: 0,
            last: 0,
            records: 0,
            bytes: Vec::new(),
            context: S::Context::default(),
        }
    }
}

impl<S: Sum> OpenBlock<S> {
    fn push(&mut self, record: &Record<S>) {
        if self.records == 0 {
            self.first = record.index;
            self.last = record.index;
        }
        let (capacity, len) = (self.bytes.capacity(), self.bytes.len());
        if capacity - len < BLOCK_MIN_BYTES {
            self.bytes
                .reserve_exact((2 * capacity).max(BLOCK_MIN_BYTES) - len);
        }
        let head = (record.index - self.last) << 1 | i64::from(record.is_flawed);
        packed::write(head as u64, &mut self.bytes);
        record.sum.write(&mut self.context, &mut self.bytes);
        self.last = record.index;
        self.records += 1;
    }

    /// Adds a record to the last one, whose interval is the same. All records are written anew,
    /// because each refers to the one before it.
    fn merge_into_last(&mut self, record: &Record<S>) {
        let written = std::mem::take(self).block();
        let mut records: Vec<_> = written.records().collect();
        if let Some(last) = records.last_mut() {
            last.merge(record);
        }
        for record in &records {
            self.push(record);
        }
    }

    fn block(&self) -> Block {
        Block {
            first: self.first,
            last: self.last,
            records: self.records,
            bytes: self.bytes.as_slice().into(),
        }
    }

    fn cost(&self) -> usize {
        match self.records {
            0 => 0,
            _ => self.bytes.capacity() + BLOCK_OVERHEAD_BYTES,
        }
    }
}

/// What a change costs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Change {
    pub(super) added: usize,
    pub(super) freed: usize,
    /// Whether the number of blocks has grown by one.
    pub(super) has_new_block: bool,
}

/// The records of one topic and level.
#[derive(Debug)]
pub(super) struct Track<S: Sum> {
    closed: VecDeque<Block>,
    open: OpenBlock<S>,
    /// Records of intervals below this number may have been forgotten.
    pub(super) forgotten_before: i64,
}

impl<S: Sum> Default for Track<S> {
    fn default() -> Self {
        Self {
            closed: VecDeque::new(),
            open: OpenBlock::default(),
            forgotten_before: i64::MIN,
        }
    }
}

impl<S: Sum> Track<S> {
    /// Adds the next record. A block has intervals from `span` numbers at most.
    ///
    /// The interval can be that of the last record: after the clock was set back. The record then
    /// joins it, so that no interval has two.
    pub(super) fn push(&mut self, record: &Record<S>, span: i64) -> Change {
        let mut change = Change::default();
        if self.open.records > 0 && record.index == self.open.last {
            let before = self.open.cost();
            self.open.merge_into_last(record);
            change.added = self.open.cost();
            change.freed = before;
            return change;
        }
        if self.open.records > 0
            && (self.open.bytes.len() + BLOCK_MIN_BYTES > BLOCK_MAX_BYTES
                || record.index - self.open.first >= span)
        {
            change = self.close();
        }
        change.has_new_block = self.open.records == 0;
        let before = self.open.cost();
        self.open.push(record);
        change.added += self.open.cost() - before;
        change
    }

    fn close(&mut self) -> Change {
        let open = std::mem::take(&mut self.open);
        let block = open.block();
        let change = Change {
            added: block.cost(),
            freed: open.cost(),
            has_new_block: false,
        };
        self.closed.push_back(block);
        change
    }

    /// Forgets the records after an interval. Returns their number.
    pub(super) fn forget_after(&mut self, index: i64) -> u64 {
        let mut later = Vec::new();
        if self.open.records > 0 {
            if self.open.last <= index {
                return 0;
            }
            later.push(std::mem::take(&mut self.open).block());
        }
        // The record of that interval must be in the open block, where others can join it.
        while let Some(block) = self.closed.pop_back_if(|block| block.last >= index) {
            later.push(block);
        }
        let mut forgotten = 0;
        for record in later.iter().rev().flat_map(Block::records) {
            match record.index > index {
                true => forgotten += 1,
                false => self.open.push(&record),
            }
        }
        forgotten
    }

    /// The number of the first interval of the oldest block.
    pub(super) fn oldest(&self) -> Option<i64> {
        let open = (self.open.records > 0).then_some(self.open.first);
        self.closed.front().map(|block| block.first).or(open)
    }

    /// Forgets the oldest block. Returns its cost and its number of records.
    pub(super) fn forget_block(&mut self) -> (usize, u32) {
        match self.closed.pop_front() {
            Some(block) => {
                self.forgotten_before = block.last + 1;
                if self.closed.capacity() > 4 * self.closed.len() + 4 {
                    self.closed.shrink_to(2 * self.closed.len());
                }
                (block.cost(), block.records)
            }
            None => {
                let open = std::mem::take(&mut self.open);
                if open.records > 0 {
                    self.forgotten_before = open.last + 1;
                }
                (open.cost(), open.records)
            }
        }
    }

    /// The blocks with records of intervals in `from..before`, oldest first: the newest ones, with
    /// as many of these records at least. Returns also whether older ones were left out.
    pub(super) fn blocks(&self, from: i64, before: i64, at_least: u32) -> (Vec<Block>, bool) {
        let mut blocks = Vec::new();
        let mut records = 0;
        let open = (self.open.records > 0 && self.open.first < before && self.open.last >= from)
            .then(|| self.open.block());
        let end = self.closed.partition_point(|block| block.first < before);
        let closed = self.closed.range(..end).rev();
        let wanted = closed.take_while(|block| block.last >= from).cloned();
        for block in open.into_iter().chain(wanted) {
            if records >= at_least {
                blocks.reverse();
                return (blocks, true);
            }
            // Some records of the newest block may be too new.
            records += if block.last < before {
                block.records
            } else {
                1
            };
            blocks.push(block);
        }
        blocks.reverse();
        (blocks, false)
    }

    /// The first intervals of all blocks.
    pub(super) fn block_starts(&self) -> impl Iterator<Item = i64> {
        let open = (self.open.records > 0).then_some(self.open.first);
        self.closed.iter().map(|block| block.first).chain(open)
    }

    /// Approximate cost of all blocks, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.closed.iter().map(Block::cost).sum::<usize>() + self.open.cost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candles::row_sum::RowSum;

    /// No block of the tests is that long.
    const SPAN: i64 = 1_000_000;

    /// Equal readings take three bytes each.
    const EACH: usize = 3;
    /// Records of a full block: another one is begun once it has less room than the first memory.
    const FULL: usize = (BLOCK_MAX_BYTES - BLOCK_MIN_BYTES) / EACH + 1;

    fn record(index: i64) -> Record<RowSum> {
        Record {
            index,
            sum: RowSum::of(0.0),
            is_flawed: false,
        }
    }

    fn track(records: usize) -> Track<RowSum> {
        let mut track = Track::default();
        for index in 0..records {
            track.push(&record(index as i64), SPAN);
        }
        track
    }

    fn indices(track: &Track<RowSum>) -> Vec<i64> {
        let (blocks, _) = track.blocks(i64::MIN, i64::MAX, u32::MAX);
        let records = blocks.iter().flat_map(Block::records::<RowSum>);
        records.map(|record| record.index).collect()
    }

    #[test]
    fn the_clock_may_be_set_back_again_when_no_block_is_open() {
        let mut track = track(FULL);
        track.push(&record(2 * FULL as i64), SPAN);
        assert_eq!(track.forget_after(FULL as i64), 1);
        assert_eq!((track.closed.len(), track.open.records), (1, 0));
        assert_eq!(track.forget_after(10), FULL as u64 - 11);
        assert_eq!(indices(&track), (0..=10).collect::<Vec<_>>());
    }

    #[test]
    fn a_block_is_full_before_its_memory_would_be_doubled_for_one_record() {
        let track = track(2 * FULL + 1);
        let records: Vec<_> = track
            .closed
            .iter()
            .map(|block| block.records as usize)
            .collect();
        assert_eq!(records, [FULL, FULL]);
        assert_eq!(track.closed[0].bytes.len(), FULL * EACH);
        assert_eq!(track.open.records, 1);
    }

    #[test]
    fn a_block_that_grows_doubles_its_memory_and_never_exceeds_the_limit() {
        let mut track = Track::default();
        let mut capacities = Vec::new();
        for index in 0..FULL {
            track.push(&record(index as i64), SPAN);
            let (capacity, len) = (track.open.bytes.capacity(), track.open.bytes.len());
            assert!(capacity <= (2 * len).max(BLOCK_MIN_BYTES) + 2 * BLOCK_MIN_BYTES);
            capacities.push(capacity);
        }
        capacities.dedup();
        assert_eq!(capacities, [64, 128, 256, 512, 1024]);
    }

    #[test]
    fn a_block_of_a_quiet_topic_ends_with_its_span() {
        let mut track = Track::default();
        for index in [5, 8, 14, 15, 24, 25] {
            track.push(&record(index), 10);
        }
        let closed: Vec<_> = track
            .closed
            .iter()
            .map(|block| (block.first, block.last))
            .collect();
        assert_eq!(closed, [(5, 14), (15, 24)]);
        assert_eq!((track.open.first, track.open.last), (25, 25));
    }

    #[test]
    fn what_changes_cost_adds_up_to_the_cost() {
        let mut track = Track::default();
        let (mut cost, mut blocks) = (0, 0);
        for index in 0..3 * FULL as i64 {
            // Each is pushed twice: the second one joins the first.
            for _ in 0..2 {
                let change = track.push(&record(index), SPAN);
                cost = cost + change.added - change.freed;
                blocks += usize::from(change.has_new_block);
                assert_eq!(cost, track.cost());
                assert_eq!(blocks, track.block_starts().count());
            }
        }
        assert!(blocks > 3);
        let (_, last) = track.blocks(0, SPAN, 1).0[0]
            .records::<RowSum>()
            .map(|r| (0, r.sum.count))
            .last()
            .unwrap();
        assert_eq!(last, 2);
        while track.oldest().is_some() {
            cost -= track.forget_block().0;
        }
        assert_eq!(cost, 0);
    }

    #[test]
    fn what_is_later_than_an_interval_is_forgotten_and_the_interval_stays_open() {
        for index in [
            0,
            5,
            FULL - 2,
            FULL - 1,
            FULL,
            FULL + 1,
            2 * FULL,
            2 * FULL + 9,
        ] {
            let mut track = track(2 * FULL + 10);
            let forgotten = track.forget_after(index as i64);
            assert_eq!(forgotten as usize, 2 * FULL + 9 - index, "{index}");
            track.push(&record(index as i64), SPAN);
            let expected: Vec<_> = (0..=index as i64).collect();
            assert_eq!(indices(&track), expected, "the interval has one record");
        }
        let mut empty = track(0);
        assert_eq!(empty.forget_after(-1), 0);
        assert_eq!((empty.oldest(), indices(&empty)), (None, Vec::new()));
    }

    #[test]
    fn a_forgotten_block_is_told_and_gives_its_memory_back() {
        let mut track = track(40 * FULL + 2);
        for block in 0..39 {
            assert_eq!(track.oldest(), Some((block * FULL) as i64));
            assert_eq!(track.forget_block().1 as usize, FULL);
            assert_eq!(track.forgotten_before, ((block + 1) * FULL) as i64);
            let (capacity, len) = (track.closed.capacity(), track.closed.len());
            assert!(capacity <= 4 * len + 4, "{capacity} for {len}");
        }
        track.forget_block();
        assert_eq!(track.forget_block().1, 2);
        assert_eq!(track.forgotten_before, (40 * FULL + 2) as i64);
        assert_eq!(track.forget_block(), (0, 0));
        assert_eq!(track.forgotten_before, (40 * FULL + 2) as i64);
    }

    #[test]
    fn as_many_blocks_as_a_question_needs_are_found() {
        let track = track(3 * FULL + 5);
        let found = |from, before, at_least| {
            let (blocks, is_cut) = track.blocks(from, before, at_least);
            let firsts: Vec<_> = blocks.iter().map(|block| block.first).collect();
            (firsts, is_cut)
        };
        let first = |block: i64| block * FULL as i64;
        let (all, full) = (3 * FULL as i64 + 5, FULL as u32);
        assert_eq!(found(0, all, 5), (vec![first(3)], true));
        assert_eq!(found(0, all, 6), (vec![first(2), first(3)], true));
        assert_eq!(
            found(0, all, full + 6),
            (vec![first(1), first(2), first(3)], true)
        );
        assert_eq!(
            found(0, all, u32::MAX),
            (vec![0, first(1), first(2), first(3)], false)
        );
        assert_eq!(
            found(first(2), all, u32::MAX),
            (vec![first(2), first(3)], false)
        );
        // Of the newest block only the first record is known to be old enough.
        assert_eq!(found(0, first(2), 1), (vec![first(1)], true));
        assert_eq!(found(0, first(1) + 1, 2), (vec![0, first(1)], false));
        assert_eq!(found(0, first(1), 2), (vec![0], false));
    }
}
