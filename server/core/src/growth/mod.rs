//! Collections that grow a little at a time.
//!
//! A `Vec` or a `HashMap` that is full moves all of its entries. With 100,000 topics that takes
//! milliseconds, in which no client is sent anything. What has an entry for each topic is kept in
//! these collections instead. Entries are never removed from them, as topics are not.

mod index_table;
mod pages;

pub(crate) use self::{index_table::IndexTable, pages::Pages};
