//! The lines of a recording, wherever they are.

use std::{io, path::Path};

use tickcast_log::Range;
use tickcast_protocol::recording::RecordedLine;

use super::{file_lines::FileLines, holds::Survey, log_lines::LogLines};
use crate::data::format;

/// Where the lines are.
#[derive(Debug)]
pub(super) enum Lines {
    File(FileLines),
    Log(Box<LogLines>),
}

impl Lines {
    /// Opens a file, or the folder of a log, of which a range may be chosen.
    pub(super) fn open(path: &Path, range: Range) -> io::Result<Self> {
        if path.is_dir() {
            let log = LogLines::open(path, range).map_err(io::Error::other)?;
            return Ok(Self::Log(Box::new(log)));
        }
        FileLines::open(path).map(Self::File)
    }

    /// Looks at what there is. An error in words if there is nothing to play.
    pub(super) fn survey(&mut self) -> io::Result<Result<Survey, String>> {
        match self {
            Self::File(file) => file.survey(),
            Self::Log(log) => log.survey(),
        }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<RecordedLine>> {
        match self {
            Self::File(file) => file.next(),
            Self::Log(log) => log.next(),
        }
    }

    /// Begins again.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.rewind()?,
            Self::Log(log) => log.rewind(),
        }
        Ok(())
    }

    /// What could not be read so far, in words; empty if everything could.
    pub(super) fn problems(&self) -> String {
        match self {
            Self::File(FileLines { bad: 0, .. }) => String::new(),
            Self::File(file) => format!("{} bad lines", format::count(file.bad)),
            Self::Log(log) if log.missing == 0 => String::new(),
            Self::Log(log) => format!("{} updates missing", format::count(log.missing)),
        }
    }
}
