//! A hash table of indices. It grows a little with each insertion: moving all entries of a large
//! table at once would hold the shard up for tens of milliseconds, and the new pages of a larger
//! one for some.
//!
//! This is linear hashing (W. Litwin, "Linear hashing: a new tool for file and table addressing",
//! VLDB 1980). The table has segments, which are small tables. When the segments are full on
//! average, one of them is split in two, each in turn. So they are never all split at once.

use hashbrown::HashTable;

/// Entries that a segment has on average, at most. The longest segment has about twice as many,
/// which still fit a table of 1,024 slots.
const SEGMENT_ENTRIES: usize = 400;

/// The bits of a hash from this one on choose the segment. The slot in a segment depends on the
/// others.
const SEGMENT_BITS: u32 = 16;

/// Maximum number of segments: there are no more bits. With 26 million entries, segments grow.
const SEGMENTS_MAX: usize = 1 << (u32::BITS - SEGMENT_BITS);

/// A table of indices; see the module.
#[derive(Debug)]
pub(crate) struct IndexTable {
    /// At least one.
    segments: Vec<HashTable<Entry>>,
    len: usize,
}

/// An index with its hash. What the index stands for is anywhere in memory, so hashing it again
/// would be most of the work of a split.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    index: u32,
}

impl Entry {
    /// The hash for the table of a segment, which looks at the lowest and at the highest bits.
    fn in_segment(&self) -> u64 {
        in_segment(self.hash)
    }
}

fn in_segment(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Default for IndexTable {
    fn default() -> Self {
        Self {
            segments: vec![HashTable::new()],
            len: 0,
        }
    }
}

impl IndexTable {
    /// The entry with this hash that `is_it` accepts.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = hash as u32;
        let segment = &self.segments[self.segment_of(hash)];
        let is_it = |entry: &Entry| entry.hash == hash && is_it(entry.index);
        segment
            .find(in_segment(hash), is_it)
            .map(|entry| entry.index)
    }

    /// Inserts an index that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, index: u32) {
        let hash = hash as u32;
        let segment = self.segment_of(hash);
        let entry = Entry { hash, index };
        self.segments[segment].insert_unique(entry.in_segment(), entry, Entry::in_segment);
        self.len += 1;
        let segments = self.segments.len();
        if self.len > SEGMENT_ENTRIES * segments && segments < SEGMENTS_MAX {
            self.split();
        }
    }

    #[inline]
    fn segment_of(&self, hash: u32) -> usize {
        let bits = (hash >> SEGMENT_BITS) as usize;
        let count = self.segments.len();
        let places = count.next_power_of_two();
        match bits & (places - 1) {
            segment if segment < count => segment,
            // Its segment is not split yet.
            other => other & (places / 2 - 1),
        }
    }

    /// Splits the next segment.
    fn split(&mut self) {
        let new = self.segments.len();
        let split = new - (new + 1).next_power_of_two() / 2;
        let mut segment = std::mem::take(&mut self.segments[split]);
        self.segments.push(HashTable::new());
        let moved = segment.extract_if(|entry| self.segment_of(entry.hash) == new);
        let moved: Vec<Entry> = moved.collect();
        self.segments[split] = segment;
        let segment = &mut self.segments[new];
        segment.reserve(moved.len(), Entry::in_segment);
        for entry in moved {
            segment.insert_unique(entry.in_segment(), entry, Entry::in_segment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal hashes are found by the entries themselves.
    fn hash_of(index: u32) -> u64 {
        u64::from(index / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
    }

    #[test]
    fn each_entry_is_found_among_those_with_equal_hashes() {
        const COUNT: u32 = 20_000;
        let mut table = IndexTable::default();
        for index in 0..COUNT {
            table.insert(hash_of(index), index);
            for known in [0, index / 2, index] {
                let found = table.find(hash_of(known), |found| found == known);
                assert_eq!(found, Some(known), "after {index}");
            }
            let next = table.find(hash_of(index + 1), |found| found == index + 1);
            assert_eq!(next, None);
        }
        for index in 0..COUNT {
            let found = table.find(hash_of(index), |found| found == index);
            assert_eq!(found, Some(index));
        }
    }

    #[test]
    fn segments_are_split_in_turn_so_that_none_is_long() {
        let mut table = IndexTable::default();
        for index in 0..70 * SEGMENT_ENTRIES {
            table.insert(hash_of(index as u32), index as u32);
            let len = index + 1;
            assert_eq!(table.segments.len(), len.div_ceil(SEGMENT_ENTRIES));
            let lens = table.segments.iter().map(HashTable::len);
            let (longest, all) = (lens.clone().max(), lens.sum::<usize>());
            assert_eq!(all, len);
            assert!(longest < Some(5 * SEGMENT_ENTRIES / 2), "{longest:?}");
        }
    }
}
