//! The records of a segment, one after the other, with every checksum compared.

use std::io;

use crate::{
    disk::DiskFile,
    flaw::Flaw,
    format::{END_BYTE, HeaderFlaw, RECORD_HEADER_BYTES, RecordHeader},
};

/// Bytes read at once. They are some tens of microseconds of work, after which a folder may
/// [pause](crate::Folder::with_pause).
const READ_BYTES: usize = 16 * 1024;

/// What is at a place of a segment.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A record whose checksums are right.
    Record(RecordHeader, &'a [u8]),
    /// Zeros: nothing was written here, or the file ends.
    Nothing,
    /// Something else. If the header is right, the record can be passed over.
    Flaw(Flaw, Option<RecordHeader>),
}

/// Reads records. Its memory is bounded by the longest record.
#[derive(Debug)]
pub(crate) struct Records<'a, F> {
    file: &'a F,
    len: u64,
    /// Where the next record begins.
    offset: u64,
    /// A part of the file, from `start` on.
    window: Vec<u8>,
    start: u64,
}

impl<'a, F: DiskFile> Records<'a, F> {
    /// Reads a file of a length from an offset on.
    pub(crate) fn new(file: &'a F, offset: u64, len: u64) -> Self {
        Self {
            file,
            len,
            offset,
            window: Vec::new(),
            start: offset,
        }
    }

    /// Where the next record begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is next. A record is passed over, and anything else is found again.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        let offset = self.offset;
        if offset >= self.len {
            return Ok(Found::Nothing);
        }
        let rest = self.len - offset;
        if rest < RECORD_HEADER_BYTES as u64 {
            let is_zero = self
                .get(offset, rest as usize)?
                .iter()
                .all(|byte| *byte == 0);
            return Ok(match is_zero {
                true => Found::Nothing,
                false => Found::Flaw(Flaw::FileEnds, None),
            });
        }
        let bytes = self.get(offset, RECORD_HEADER_BYTES)?;
        let bytes: &[u8; RECORD_HEADER_BYTES] = bytes.try_into().expect("as many were read");
        let header = match RecordHeader::decode(bytes) {
            Ok(header) => header,
            Err(HeaderFlaw::Nothing) => return Ok(Found::Nothing),
            Err(flaw) => return Ok(Found::Flaw(Flaw::Header(flaw), None)),
        };
        if header.record_bytes() > rest {
            return Ok(Found::Flaw(Flaw::FileEnds, None));
        }
        let body_bytes = header.body_bytes as usize;
        let bytes = self.get(offset + RECORD_HEADER_BYTES as u64, body_bytes + 1)?;
        let (body, end) = bytes.split_at(body_bytes);
        let flaw = match end[0] {
            END_BYTE => (crc32c::crc32c(body) != header.body_crc).then_some(Flaw::Body),
            0 => Some(Flaw::Unfinished),
            _ => Some(Flaw::EndByte),
        };
        if let Some(flaw) = flaw {
            return Ok(Found::Flaw(flaw, Some(header)));
        }
        self.offset = offset + header.record_bytes();
        // The window still holds the body, and is borrowed anew.
        let body = self.get(offset + RECORD_HEADER_BYTES as u64, body_bytes)?;
        Ok(Found::Record(header, body))
    }

    /// Passes over a record that is damaged, but whose header is right.
    pub(crate) fn pass_over(&mut self, header: &RecordHeader) {
        self.offset += header.record_bytes();
    }

    /// The last byte from an offset on that is not zero.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(crate) fn last_written(&mut self, from: u64) -> io::Result<Option<u64>> {
        let mut last = None;
        let mut at = from;
        while at < self.len {
            let len = (self.len - at).min(READ_BYTES as u64) as usize;
            let bytes = self.get(at, len)?;
            let found = bytes.iter().rposition(|byte| *byte != 0);
            last = found.map(|index| at + index as u64).or(last);
            at += len as u64;
        }
        Ok(last)
    }

    fn get(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        let window_end = self.start + self.window.len() as u64;
        if offset < self.start || offset + len as u64 > window_end {
            self.fill(offset, len)?;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.window[from..from + len])
    }

    fn fill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let want = len.max(READ_BYTES).min((self.len - offset) as usize);
        self.start = offset;
        self.window.resize(want, 0);
        let mut filled = 0;
        while filled < len {
            match self
                .file
                .read_at(&mut self.window[filled..], offset + filled as u64)
            {
                Ok(0) => {
                    self.window.clear();
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.window.clear();
                    return Err(error);
                }
            }
        }
        self.window.truncate(filled);
        Ok(())
    }
}
