//! A hash table of indices that count up. It grows a little with each insertion: moving all entries
//! of a large table at once would hold the shard up for tens of milliseconds.

use hashbrown::HashTable;

/// Entries that an insertion moves to a larger table. The table is twice as large, so one would do.
/// Each is anywhere in memory, so more of them would be felt.
const MOVED_TOGETHER: u32 = 2;

/// A table with fewer entries moves all of them at once: some tens of microseconds of work.
const SMALL_MAX: usize = 512;

/// A table of indices; see the module.
#[derive(Debug)]
pub(crate) struct IndexTable {
    /// The first index.
    first: u32,
    table: HashTable<u32>,
    growth: Option<Growth>,
}

/// The larger table on the way. New entries are in it alone.
#[derive(Debug)]
struct Growth {
    table: HashTable<u32>,
    /// The next index to move.
    next: u32,
    /// The end of the indices to move.
    end: u32,
}

impl IndexTable {
    /// An empty table of the indices from `first` on.
    pub(crate) fn new(first: u32) -> Self {
        Self {
            first,
            table: HashTable::new(),
            growth: None,
        }
    }

    /// The entry with this hash that `is_it` accepts.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let new = self.growth.as_ref().map(|growth| &growth.table);
        let mut tables = new.into_iter().chain([&self.table]);
        tables.find_map(|table| table.find(hash, |&index| is_it(index)).copied())
    }

    /// Inserts the next index.
    pub(crate) fn insert(&mut self, index: u32, hash_of: impl Fn(u32) -> u64) {
        let hash = |&index: &u32| hash_of(index);
        let is_full = self.table.len() == self.table.capacity();
        if self.growth.is_none() && is_full && self.table.len() > SMALL_MAX {
            self.growth = Some(Growth {
                table: HashTable::with_capacity(2 * self.table.capacity()),
                next: self.first,
                end: index,
            });
        }
        let Some(growth) = &mut self.growth else {
            self.table.insert_unique(hash(&index), index, hash);
            return;
        };
        growth.table.insert_unique(hash(&index), index, hash);
        for _ in 0..MOVED_TOGETHER.min(growth.end - growth.next) {
            let moved = growth.next;
            growth.table.insert_unique(hash(&moved), moved, hash);
            growth.next += 1;
        }
        if growth.next == growth.end
            && let Some(growth) = self.growth.take()
        {
            self.table = growth.table;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn no_insertion_moves_more_than_a_few_entries_of_a_large_table() {
        const COUNT: u32 = 20_000;
        // Equal hashes are found by the entries themselves.
        let hash_of = |index: u32| u64::from(index / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for first in [0, 1] {
            let mut table = IndexTable::new(first);
            let mut most = 0;
            for index in first..first + COUNT {
                let hashed = Cell::new(0);
                table.insert(index, |index| {
                    hashed.set(hashed.get() + 1);
                    hash_of(index)
                });
                most = most.max(hashed.get());
                for known in [first, first + (index - first) / 2, index] {
                    let found = table.find(hash_of(known), |found| found == known);
                    assert_eq!(found, Some(known), "after {index}");
                }
                let next = table.find(hash_of(index + 1), |found| found == index + 1);
                assert_eq!(next, None);
            }
            // A table of SMALL_MAX entries has room for 7/8 of a power of two.
            assert!(most <= SMALL_MAX + 1, "{most}");
            for index in first..first + COUNT {
                assert_eq!(
                    table.find(hash_of(index), |found| found == index),
                    Some(index)
                );
            }
        }
    }
}
