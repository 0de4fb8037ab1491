//! The end of a segment that is full: its index and its trailer.
//!
//! The index of a segment with 250,000 topics is 9 MB, and all clients wait for a write. All strips
//! of a segment are on the disk before the next one is made, so nothing depends on the index, and
//! the thread that syncs writes it.
//!
//! If the server stops before that, the next start writes it, from the strips.

use std::sync::Arc;

use crate::{
    disk::{DiskFile, write_all_at},
    error::LogError,
    format::{IndexBuilder, RecordHeader, Trailer, append_record},
};

/// The end of a segment, which is to be written.
#[derive(Debug)]
pub(crate) struct Ending<F> {
    pub(crate) file: Arc<F>,
    pub(crate) name: String,
    pub(crate) number: u64,
    /// Where its strips end.
    pub(crate) tail: u64,
    /// The header of the index, without what its body decides.
    pub(crate) header: RecordHeader,
    pub(crate) index: IndexBuilder,
}

/// What has become of the end of a segment.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) number: u64,
    /// The bytes of the file.
    pub(crate) result: Result<u64, LogError>,
}

impl<F: DiskFile> Ending<F> {
    /// Writes it, and waits for the disk. Returns the bytes of the file.
    ///
    /// The trailer comes when the index is on the disk: whatever a power cut leaves, an index with
    /// a trailer is whole.
    ///
    /// # Errors
    ///
    /// If the system refuses something. It cannot be tried again: it is unknown what is on the
    /// disk.
    pub(crate) fn write(self) -> Result<u64, LogError> {
        let Self { file, name, .. } = &self;
        let (writing, syncing) = (format!("writing to {name}"), format!("syncing {name}"));
        let mut bytes = Vec::new();
        let mut header = self.header;
        header.count = u32::try_from(self.index.topic_count()).unwrap_or(u32::MAX);
        append_record(header, &mut bytes, |out| self.index.append(out))
            .ok_or(LogError::TooLong(header.first))?;
        write_all_at(&**file, &bytes, self.tail).map_err(LogError::io(writing.clone()))?;
        file.sync().map_err(LogError::io(syncing.clone()))?;
        let trailer = Trailer {
            number: self.number,
            index_offset: self.tail,
        };
        let trailer = trailer.encode();
        let trailer_at = self.tail + bytes.len() as u64;
        write_all_at(&**file, &trailer, trailer_at).map_err(LogError::io(writing))?;
        let len = trailer_at + trailer.len() as u64;
        file.set_len(len)
            .map_err(LogError::io(format!("cutting {name} to {len} bytes")))?;
        file.sync().map_err(LogError::io(syncing))?;
        Ok(len)
    }

    /// The same on a thread that tells the log of it.
    pub(crate) fn end(self) -> Ended {
        Ended {
            number: self.number,
            result: self.write(),
        }
    }
}
