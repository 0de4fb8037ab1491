//! Bytes become lines of bounded length.

/// Longest line, in bytes: the same as for a client's message. A longer line is dropped as a whole.
pub(in crate::feed) const LINE_MAX_BYTES: usize = 64 * 1024;

/// The line that is being read.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    bytes: Vec<u8>,
    is_too_long: bool,
    has_begun: bool,
    /// Number of complete lines so far.
    number: u64,
}

/// A complete line.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// The line without its line break.
    Whole(Vec<u8>),
    TooLong,
}

impl Line {
    /// Whether there is nothing on it.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(line) if line.trim_ascii().is_empty())
    }
}

impl LineBuffer {
    /// Takes bytes up to the end of a line. Returns their number, and whether the line is complete.
    pub(super) fn take(&mut self, available: &[u8]) -> (usize, bool) {
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        self.has_begun |= !available.is_empty();
        self.is_too_long |= self.bytes.len() + part.len() > LINE_MAX_BYTES;
        if !self.is_too_long {
            self.bytes.extend_from_slice(part);
        }
        (part.len() + usize::from(end.is_some()), end.is_some())
    }

    /// Whether there are bytes of a line that is not complete.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The number of the line that is read now, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number + 1
    }

    /// The complete line. The next one begins.
    pub(super) fn take_line(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.bytes);
        self.number += 1;
        self.has_begun = false;
        match std::mem::take(&mut self.is_too_long) {
            true => Line::TooLong,
            false => Line::Whole(bytes),
        }
    }

    /// Takes the memory of a line that is done.
    pub(super) fn give_back(&mut self, line: Line) {
        if let Line::Whole(mut bytes) = line {
            bytes.clear();
            self.bytes = bytes;
        }
    }
}
