//! A list in pages. It grows by a page, and no entry is ever moved.

use std::ops::{Index, IndexMut};

/// Entries of a page: enough that the list of pages stays short, and few enough that a page of
/// large entries is allocated in microseconds.
const PAGE: usize = 1_024;

/// A list in pages; see the module.
#[derive(Debug)]
pub(crate) struct Pages<T> {
    /// All but the last one are full.
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// Adds an entry at the end.
    pub(crate) fn push(&mut self, entry: T) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
    }

    /// Adds entries until there are at least `len`.
    pub(crate) fn grow_to(&mut self, len: usize, mut entry: impl FnMut() -> T) {
        for _ in self.len()..len {
            self.push(entry());
        }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        let last = self.pages.last();
        last.map_or(0, |page| (self.pages.len() - 1) * PAGE + page.len())
    }

    /// An entry, if there is one at this index.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE)?.get(index % PAGE)
    }

    /// An entry to change, if there is one at this index.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pages.get_mut(index / PAGE)?.get_mut(index % PAGE)
    }

    /// All entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// All entries in order, to change them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pages.iter_mut().flatten()
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pages[index / PAGE][index % PAGE]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE][index % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_a_list_whose_entries_stay_where_they_are() {
        let mut list = Pages::default();
        assert_eq!((list.len(), list.get(0)), (0, None));
        list.push(0);
        let first: *const i32 = &list[0];
        for number in 1..3 * PAGE as i32 {
            assert_eq!(list.len(), number as usize);
            assert_eq!(list.get(number as usize), None);
            assert_eq!(list.get_mut(number as usize), None);
            list.push(number);
            assert_eq!(list[number as usize], number);
        }
        assert!(std::ptr::eq(first, &list[0]));
        list.iter_mut().for_each(|entry| *entry += 1);
        list[PAGE] = -1;
        *list.get_mut(PAGE + 1).unwrap() = -2;
        let all: Vec<_> = list.iter().copied().collect();
        let mut expected: Vec<_> = (1..=3 * PAGE as i32).collect();
        (expected[PAGE], expected[PAGE + 1]) = (-1, -2);
        assert_eq!(all, expected);
        list.grow_to(3 * PAGE - 5, || 7);
        assert_eq!(list.len(), 3 * PAGE, "it is as long already");
        list.grow_to(3 * PAGE + 2, || 7);
        assert_eq!((list.len(), list[3 * PAGE + 1]), (3 * PAGE + 2, 7));
    }
}
