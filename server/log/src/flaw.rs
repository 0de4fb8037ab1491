//! What can be wrong with a record.

use tickcast_protocol::message::{Epoch, Position};

use crate::format::HeaderFlaw;

/// Why the bytes at a place are not the record that belongs there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The header is wrong.
    #[error("{0}")]
    Header(HeaderFlaw),
    /// The file ends inside of the record.
    #[error("the file ends inside of the record")]
    FileEnds,
    /// The file has fewer bytes than were reserved for it.
    #[error("the file has {bytes} bytes, and {reserved} were reserved for it: it was cut")]
    FileShort {
        /// Its bytes.
        bytes: u64,
        /// Bytes reserved.
        reserved: u64,
    },
    /// The last byte was not written: the server or the machine stopped while it wrote.
    #[error("the record was not written to its end")]
    Unfinished,
    /// The last byte is another one.
    #[error("the last byte of the record is wrong")]
    EndByte,
    /// The checksum of the body is wrong.
    #[error("the checksum of the record's body is wrong")]
    Body,
    /// Something was written after the place where nothing was written.
    #[error("nothing was written here, but something after it")]
    Hole,
    /// The record is at a wrong place.
    #[error("this record cannot follow those before it")]
    Order,
    /// The record belongs to another epoch.
    #[error("it has epoch {found}, and the session has {expected}")]
    Epoch {
        /// The session's.
        expected: Epoch,
        /// The record's.
        found: Epoch,
    },
    /// The record has another position than the one that follows.
    #[error("it has position {found}, and {expected} is next")]
    Position {
        /// The next one.
        expected: Position,
        /// The record's.
        found: Position,
    },
    /// The checksum is right, but the body cannot be read.
    #[error("{0}")]
    Content(String),
}
