//! Reading a log from any place on, while a server may write to it.
//!
//! ```text
//!  Reader: what is known of each segment
//!    closed  --> its index, and a cache of those read last --+
//!    growing --> an index made here, as far as it is written -+--> blocks --> pages, strips
//! ```
//!
//! The files in reading order:
//!
//! * `names`: the topics of a segment, and those that are wanted
//! * `growing`: a segment without an index, as far as it is written
//! * `content`: the blocks of a segment and their strips
//! * `catalog`: the segments that there are
//! * `page`: updates of some topics, oldest or newest first
//! * `strips`: strips as they were on the tape
//! * `begin`: where a segment begins, and how many updates each topic had there

mod begin;
mod catalog;
mod content;
mod growing;
mod names;
mod page;
mod strips;

use std::path::Path;

use tickcast_protocol::message::{Position, TimeNs};

use catalog::Catalog;

use crate::{
    disk::{Disk, Folder},
    error::OpenError,
    segment::list,
};

pub use begin::Begin;
pub use names::Wanted;
pub use page::{Limits, Order, Question};
pub use strips::Strips;

/// Whether a folder has a segment of a log, and nothing that is not part of one.
pub fn is_log(folder: &Path) -> bool {
    list(&Folder::read_only(folder)).is_ok_and(|segments| !segments.is_empty())
}

/// Reads a log that another thread or process may be writing to.
///
/// [`refresh`](Self::refresh) takes in what was written and removed, [`page`](Self::page) and
/// [`strips`](Self::strips) read a bounded part. A segment that is removed meanwhile is told as
/// missing.
#[derive(Debug)]
pub struct Reader<D: Disk> {
    disk: D,
    catalog: Catalog<D::File>,
}

impl<D: Disk> Reader<D> {
    /// A reader of a log, which knows all that is written.
    ///
    /// # Errors
    ///
    /// If the folder or a file cannot be read, or is no part of a log.
    pub fn open(disk: D) -> Result<Self, OpenError> {
        let catalog = Catalog::default();
        let mut reader = Self { disk, catalog };
        reader.refresh()?;
        Ok(reader)
    }

    /// Takes in which segments there are, and what was written to the last one.
    ///
    /// # Errors
    ///
    /// If the folder or a file cannot be read, or is no part of a log.
    pub fn refresh(&mut self) -> Result<(), OpenError> {
        self.catalog.refresh(&self.disk)
    }

    /// The position of the first update that is left; that of the next one if there is none.
    pub fn first(&self) -> Position {
        let first = self.catalog.segments.first();
        first.map_or(1, |segment| segment.first)
    }

    /// The position after the last update that was known when the reader was refreshed.
    pub fn end(&self) -> Position {
        let last = self.catalog.segments.last();
        last.map_or(1, |segment| segment.end)
    }

    /// Whether the segments have all updates from a position up to another one. Damage inside of a
    /// segment is found when it is read.
    pub fn has_all(&self, from: Position, until: Position) -> bool {
        let mut next = from;
        for segment in &self.catalog.segments {
            if segment.first > next {
                break;
            }
            next = next.max(segment.end);
        }
        next > until
    }

    /// The number of topics that the newest segment knows: those of all segments.
    ///
    /// # Errors
    ///
    /// If the segment cannot be read.
    pub fn topics(&mut self) -> Result<usize, OpenError> {
        while let Some(last) = self.catalog.segments.len().checked_sub(1) {
            if let Some((content, _)) = self.catalog.content(&self.disk, last)? {
                return Ok(content.names().len());
            }
        }
        Ok(0)
    }

    /// The earliest time of the oldest segment that has updates.
    pub fn begin_ns(&self) -> Option<TimeNs> {
        let mut segments = self.catalog.segments.iter();
        let oldest = segments.find(|segment| !segment.times.is_empty());
        oldest.map(|segment| segment.times.min_ns)
    }

    /// The latest time of the newest segment that has updates.
    pub fn end_ns(&self) -> Option<TimeNs> {
        let mut segments = self.catalog.segments.iter().rev();
        let newest = segments.find(|segment| !segment.times.is_empty());
        newest.map(|segment| segment.times.max_ns)
    }
}
