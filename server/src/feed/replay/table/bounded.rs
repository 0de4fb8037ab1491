//! The bytes of a table, of which those of the present row can be read again.
//!
//! In CSV a cell that begins with a quotation mark goes on over ends of lines. So a mark without
//! its partner makes one row of everything up to the next mark, or of the rest of the file. Such a
//! row is given up after [`ROW_MAX_BYTES`], and reading goes on at the line after its first one.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::feed::replay::input::Input;

/// Maximum length of a row, in bytes: how much is kept of a row to be read again.
pub(super) const ROW_MAX_BYTES: usize = 64 * 1024;

/// A file that limits how much is read for one row: [`ROW_MAX_BYTES`], plus the buffer of the CSV
/// reader. Seeking leads to any byte from the start of the present row on.
#[derive(Debug)]
pub(super) struct BoundedRows {
    input: Input,
    /// What was read since `kept_from`, and how much of it was read by the CSV reader.
    kept: Vec<u8>,
    read: usize,
    kept_from: u64,
    /// Where the present row starts.
    row_from: u64,
    allowance_bytes: usize,
    is_exceeded: bool,
    has_ended: bool,
}

/// How a row goes wrong that is not cut off by the end of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadEnd {
    /// A quotation mark has no partner. The next line starts at this byte, and this number of lines
    /// is before it.
    OpenQuote { next: u64, lines: u64 },
    /// Its line is too long.
    LongLine,
}

impl BoundedRows {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            kept: Vec::new(),
            read: 0,
            kept_from: 0,
            row_from: 0,
            allowance_bytes: ROW_MAX_BYTES,
            is_exceeded: false,
            has_ended: false,
        }
    }

    /// A row starts at this byte.
    pub(super) fn begin_row(&mut self, from: u64) {
        self.row_from = from;
        self.allowance_bytes = ROW_MAX_BYTES;
        self.is_exceeded = false;
    }

    /// How the present row goes wrong, after the CSV reader has read it.
    pub(super) fn bad_end(&self, delimiter: u8) -> Option<BadEnd> {
        if !self.is_exceeded && !self.has_ended {
            return None;
        }
        let row = &self.kept[self.index(self.row_from)..];
        match quoted_lines(row, delimiter, self.is_exceeded) {
            Some((next, lines)) => Some(BadEnd::OpenQuote {
                next: self.row_from + next as u64,
                lines,
            }),
            None => self.is_exceeded.then_some(BadEnd::LongLine),
        }
    }

    /// Passes over the rest of the line that is too long. Returns where the next one starts.
    pub(super) fn skip_line(&mut self) -> io::Result<u64> {
        let mut at = self.kept_from + self.kept.len() as u64;
        // Empty lines may be too many as well.
        if !self.kept.ends_with(b"\n") {
            at += self.input.skip_until(b'\n')? as u64;
        }
        self.kept.clear();
        self.kept_from = at;
        Ok(at)
    }

    fn index(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.kept_from))
            .map_or(self.kept.len(), |index| index.min(self.kept.len()))
    }
}

impl Read for BoundedRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.allowance_bytes == 0 {
            self.is_exceeded = true;
            return Err(io::Error::other(format!(
                "the row is longer than {ROW_MAX_BYTES} bytes"
            )));
        }
        if self.read == self.kept.len() {
            let before = self.index(self.row_from);
            self.kept.drain(..before);
            self.kept_from += before as u64;
            let len = self.kept.len();
            self.kept.resize(len + buffer.len(), 0);
            let read = self.input.read(&mut self.kept[len..]);
            let got = *read.as_ref().unwrap_or(&0);
            self.kept.truncate(len + got);
            self.read = len;
            self.has_ended = read? == 0;
        }
        let rest = &self.kept[self.read..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        self.allowance_bytes = self.allowance_bytes.saturating_sub(len);
        Ok(len)
    }
}

impl Seek for BoundedRows {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        self.read = self.index(at);
        self.begin_row(at);
        self.has_ended = false;
        Ok(at)
    }
}

/// Where the CSV reader is in a row (RFC 4180).
enum Place {
    CellStart,
    Bare,
    Quoted,
    /// After a mark that ends the cell, unless another one follows.
    Mark,
}

/// If a cell of the row is open at the end of `bytes` and the row goes on over the end of its first
/// line: where the next line starts, and how many lines are before it. `is_cut`: the row goes on
/// after `bytes`, so a mark at their end may be the first one of two.
pub(super) fn quoted_lines(bytes: &[u8], delimiter: u8, is_cut: bool) -> Option<(usize, u64)> {
    let is_end = |byte: u8| matches!(byte, b'\r' | b'\n');
    let begin = bytes.iter().position(|byte| !is_end(*byte))?;
    let mut place = Place::CellStart;
    let mut first_end = None;
    for (at, byte) in bytes.iter().copied().enumerate().skip(begin) {
        if is_end(byte) && first_end.is_none() {
            first_end = Some(at);
        }
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Mark,
            (Place::Quoted, _) | (Place::CellStart | Place::Mark, b'"') => Place::Quoted,
            (_, byte) if byte == delimiter || is_end(byte) => Place::CellStart,
            _ => Place::Bare,
        };
    }
    let is_open = match place {
        Place::Quoted => true,
        Place::Mark => is_cut,
        Place::CellStart | Place::Bare => false,
    };
    let end = first_end.filter(|_| is_open)?;
    let next = match bytes[end..].starts_with(b"\r\n") {
        true => end + 2,
        false => end + 1,
    };
    let lines = bytes[..next].iter().filter(|byte| **byte == b'\n').count();
    Some((next, lines as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_quotation_mark_is_open_ends_at_its_first_line() {
        let check = |bytes: &str, expected| {
            let found = quoted_lines(bytes.as_bytes(), b',', false);
            assert_eq!(found, expected, "{bytes:?}");
        };
        check("a,\"b\nc,d\n", Some((5, 1)));
        check("\n\r\na,\"b\r\nc,d\n", Some((9, 3)));
        check("a,\"b\rc,d\r", Some((5, 0)));
        check("a,\"b\"\"\nc,d\n", Some((7, 1)));
        check("\"\n", Some((2, 1)));
        // The marks have their partners.
        check("a,\"b\nc\",d\n", None);
        check("a,\"b\"\"\nc\"\"\",d\n", None);
        check("a,\"\"\nc,d\n", None);
        // The mark is within a cell.
        check("a,5\" pipe\nc,d\n", None);
        check("a,5\"\" pipe\nc,d\n", None);
        // The line has no end.
        check("a,\"b", None);
        check("", None);
        check("\n\n", None);
        // What follows the last mark tells whether it is one of two.
        let cut = quoted_lines(b"a,\"b\nc,\"", b',', true);
        assert_eq!(cut, Some((5, 1)));
        check("a,\"b\nc,\"", None);
    }
}
