//! What the log needs of a folder and of a file. Tests put a disk here that fails.

mod real;

use std::io;

pub use real::{Doubt, Folder, FolderError, RealFile};

/// A folder of files.
pub trait Disk {
    /// An open file. It is closed when it is dropped.
    type File: DiskFile;

    /// The names in the folder, in any order.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file to read it.
    fn read(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file to read and write it.
    fn write(&self, name: &str) -> io::Result<Self::File>;

    /// Makes a file of a length, full of zeros, whose space is reserved. An old file of this name
    /// is replaced. After an error there is no file.
    fn create(&self, name: &str, len: u64) -> io::Result<Self::File>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Moves files to where the log does not look. What was there before is removed.
    fn set_aside(&self, names: &[String]) -> io::Result<()>;

    /// Waits until the names of the files are on the disk.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file.
pub trait DiskFile {
    /// Its length.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to as many bytes as fit; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of the bytes, and returns how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts it off, or reserves space up to a length. What is added is zero.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Waits until its bytes are on the disk. After an error it is unknown which are.
    fn sync(&self) -> io::Result<()>;
}

/// Reads exactly as many bytes as fit.
///
/// # Errors
///
/// If reading fails, or the file is too short ([`io::ErrorKind::UnexpectedEof`]).
pub(crate) fn read_exact_at(
    file: &impl DiskFile,
    mut buffer: &mut [u8],
    mut offset: u64,
) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all bytes.
///
/// # Errors
///
/// If writing fails. Some of the bytes may have been written.
pub(crate) fn write_all_at(
    file: &impl DiskFile,
    mut bytes: &[u8],
    mut offset: u64,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes that a disk writes together.
const SECTOR_BYTES: u64 = 512;

/// Writes zeros from an offset up to another, the last ones first. If that is interrupted, the
/// rest looks like a record whose writing was interrupted.
///
/// # Errors
///
/// If writing fails.
pub(crate) fn write_zeros(file: &impl DiskFile, from: u64, to: u64) -> io::Result<()> {
    let mut end = to;
    while end > from {
        let start = end.saturating_sub(SECTOR_BYTES).max(from);
        write_all_at(
            file,
            &[0; SECTOR_BYTES as usize][..(end - start) as usize],
            start,
        )?;
        end = start;
    }
    Ok(())
}

/// Bytes copied at once.
const COPY_BYTES: u64 = 256 * 1024;

/// Copies bytes of a file to a place in a file, which may be the same.
///
/// # Errors
///
/// If reading or writing fails, or if there are fewer bytes.
pub(crate) fn copy<F: DiskFile>(
    (from, offset): (&F, u64),
    bytes: u64,
    (to, to_offset): (&F, u64),
) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BYTES.min(bytes) as usize];
    let mut copied = 0;
    while copied < bytes {
        let len = (bytes - copied).min(COPY_BYTES) as usize;
        read_exact_at(from, &mut buffer[..len], offset + copied)?;
        write_all_at(to, &buffer[..len], to_offset + copied)?;
        copied += len as u64;
    }
    Ok(())
}
