//! The segment that is written to.

use tickcast_protocol::message::Position;

use crate::format::IndexBuilder;

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active<F> {
    pub(crate) file: F,
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) first: Position,
    /// Where the next record will begin.
    pub(crate) tail: u64,
    /// Up to here there may be parts of records that could not be written to their end.
    pub(crate) dirty_to: u64,
    pub(crate) index: IndexBuilder,
    /// Whether its name is on the disk.
    pub(crate) is_name_synced: bool,
}
