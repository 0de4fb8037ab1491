//! What operators do with a log while no server, or any server, uses it. Nothing is written to it.
//!
//! The files in reading order:
//!
//! * `text`: numbers and times for people
//! * `survey`: all records of all segments, for the tools
//! * `verify`: compares every checksum and every position
//! * `stats`: how much there is of what
//! * `dump`: one line for each record or update
//! * `export`: a range as a recording
//! * `command`: all of them as commands of a program, with the feature of this name

#[cfg(feature = "command")]
pub mod command;
mod dump;
mod export;
mod stats;
mod survey;
mod text;
mod verify;

use std::io;

use crate::error::OpenError;

pub use crate::read::{Entry, Range, read};
pub use dump::{Detail, dump};
pub use export::{Exported, export};
pub use stats::stats;
pub use verify::{Verdict, verify};

/// Why a tool has stopped.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The output cannot be written.
    #[error("writing the output: {0}")]
    Output(#[from] io::Error),
}
