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
