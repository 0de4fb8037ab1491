//! The segment that is written to.

use std::sync::Arc;

use tickcast_protocol::message::Position;

use crate::{
    disk::{Disk, DiskFile, write_zeros},
    error::LogError,
    format::IndexBuilder,
};

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Active<F> {
    /// Shared with a thread that syncs it.
    pub(crate) file: Arc<F>,
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

/// Writes at the tail, and moves it by what was written.
pub(crate) fn write<F: DiskFile>(active: &mut Active<F>, mut bytes: &[u8]) -> Result<(), LogError> {
    if active.dirty_to > active.tail {
        // Otherwise they would stand after the end of a shorter record.
        write_zeros(&*active.file, active.tail, active.dirty_to)
            .map_err(LogError::io(format!("writing to {}", active.name)))?;
        active.dirty_to = active.tail;
    }
    while !bytes.is_empty() {
        let written = match active.file.write_at(bytes, active.tail) {
            Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(0),
            result => result,
        };
        let written = written.map_err(LogError::io(format!("writing to {}", active.name)))?;
        bytes = &bytes[written..];
        active.tail += written as u64;
        active.dirty_to = active.tail;
    }
    Ok(())
}

/// Writes one record at the tail, which stays where it is if that fails.
pub(crate) fn write_whole<F: DiskFile>(
    active: &mut Active<F>,
    bytes: &[u8],
) -> Result<(), LogError> {
    let tail = active.tail;
    let result = write(active, bytes);
    if result.is_err() {
        active.tail = tail;
    }
    result
}

/// Waits for the disk.
///
/// # Errors
///
/// If it is unknown what is on the disk, with the reason.
pub(crate) fn sync<D: Disk>(active: &mut Active<D::File>, disk: &D) -> Result<(), String> {
    let mut result = active.file.sync();
    if result.is_ok() && !active.is_name_synced {
        result = disk.sync_names();
        active.is_name_synced = result.is_ok();
    }
    result.map_err(|error| format!("syncing {}: {error}", active.name))
}
