//! Why a log cannot be opened or written.

use std::io;

use tickcast_protocol::message::Position;

use crate::format::{BODY_MAX_BYTES, HeaderError, VERSION};

/// Why a log cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses something.
    #[error("{what}: {error}")]
    Io {
        /// What was done to which file.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// There is a file that is no part of a log.
    #[error("{0} is not a part of a log of Tickcast: use an empty folder, or move the file away")]
    Foreign(String),
    /// A newer server has written a segment.
    #[error(
        "{name} has version {version} of the format, and this server reads version {VERSION}: use \
         the server that wrote it, or another folder"
    )]
    Newer {
        /// The file.
        name: String,
        /// Its version.
        version: u16,
    },
    /// A segment cannot be used.
    #[error(
        "{name} is damaged: {reason}. Run `tickcast-server log verify`, then restore the file from \
         a backup, or move it and all segments before it away"
    )]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl OpenError {
    /// An error of the system.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }

    /// Whether a file is gone: retention has removed it.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }

    /// The header of a segment is wrong.
    pub(crate) fn header(name: &str, error: HeaderError) -> Self {
        let name = name.to_owned();
        match error {
            HeaderError::Foreign => Self::Foreign(name),
            HeaderError::Newer(version) => Self::Newer { name, version },
            HeaderError::Damaged => Self::Damaged {
                name,
                reason: error.to_string(),
            },
        }
    }
}

/// Why strips are not in the log, or not on the disk.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system refuses something. It may be tried again.
    #[error("{what}: {error}")]
    Io {
        /// What was done to which file.
        what: String,
        /// What the system says.
        error: io::Error,
    },
    /// Syncing has failed before, so that it is unknown what is on the disk. Only a new start
    /// helps.
    #[error("{0}; it is unknown which of them are on the disk")]
    NotSynced(String),
    /// The strip does not follow the last one.
    #[error("a strip begins at position {found}, and {expected} is next")]
    Position {
        /// The next position.
        expected: Position,
        /// The strip's.
        found: Position,
    },
    /// The strip is too long.
    #[error("a strip at position {0} takes more than {BODY_MAX_BYTES} bytes")]
    TooLong(Position),
    /// The strip contradicts those before it. Nothing more is written: only a new start helps.
    #[error("a strip at position {first} does not fit the log: {reason}")]
    Content {
        /// Its first position.
        first: Position,
        /// What is wrong.
        reason: String,
    },
}

impl LogError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
