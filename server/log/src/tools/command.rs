//! The tools as commands, for the programs that have them.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tickcast_protocol::{message::Position, topic::Filter};

use super::{Detail, Range, ToolError, dump, export, stats, verify};
use crate::{disk::Folder, point::Point};

/// What to do with a log.
#[derive(Debug, Clone, Subcommand)]
pub enum Tool {
    /// Compare every checksum, position and index; exit with 1 if something is wrong.
    Verify {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// Print how many segments, updates, topics and sessions there are.
    Stats {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// Print a line for each record.
    Dump {
        /// The folder of the log.
        dir: PathBuf,
        /// The first position.
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        from: Position,
        /// The last position.
        #[arg(long, value_name = "POSITION", default_value_t = Position::MAX, hide_default_value = true)]
        to: Position,
        /// Print a line for each update, too.
        #[arg(long)]
        updates: bool,
    },
    /// Write a range as a recording, which the feed `replay`, the monitor and the load tester read;
    /// exit with 1 if a part of it is missing.
    Export(Export),
}

/// What `export` writes.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// The folder of the log.
    dir: PathBuf,
    /// The first position, or the earliest time, as in "2026-11-27T08:00:00Z".
    #[arg(long, value_name = "POSITION|TIME")]
    from: Option<Point>,
    /// The last position, or the time after the latest one.
    #[arg(long, value_name = "POSITION|TIME")]
    to: Option<Point>,
    /// Topics to export. May be repeated [default: all].
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    filter: Vec<Filter>,
    /// A new file to write to [default: standard output].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Why a command has ended early.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The folder is not there.
    #[error("{0}: there is no such folder")]
    NoFolder(String),
    /// The tool has failed.
    #[error("{dir}: {error}")]
    Tool {
        /// The folder.
        dir: String,
        /// Why.
        error: ToolError,
    },
    /// The file of an export cannot be made.
    #[error("creating {path}: {error}")]
    Create {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// What was found cannot be written.
    #[error("writing the output: {0}")]
    Output(#[from] io::Error),
}

fn filter(text: &str) -> Result<Filter, String> {
    Filter::new(text).map_err(|error| error.to_string())
}

impl CommandError {
    /// Whether the reader of a pipe needs no more, as `head` does. That is no failure.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}

impl Tool {
    /// Does it. Returns whether the log is whole, as far as the tool has looked. What a reader of
    /// the output would not read goes to `notes`.
    ///
    /// # Errors
    ///
    /// If the log cannot be read, or an output not written.
    pub fn run(self, out: &mut impl Write, notes: &mut impl Write) -> Result<bool, CommandError> {
        let mut out = BufWriter::new(out);
        let is_whole = match self {
            Self::Verify { dir } => {
                let found = within(&dir, verify(&folder(&dir)?, &mut out))?;
                let (segments, updates) = (found.segments, found.updates);
                let problems = found.problems.len();
                writeln!(
                    out,
                    "{segments} segments, {updates} updates, {problems} problems"
                )?;
                problems == 0
            }
            Self::Stats { dir } => {
                within(&dir, stats(&folder(&dir)?, &mut out))?;
                true
            }
            Self::Dump {
                dir,
                from,
                to,
                updates,
            } => {
                let detail = if updates {
                    Detail::Updates
                } else {
                    Detail::Records
                };
                within(&dir, dump(&folder(&dir)?, (from, to), detail, &mut out))?;
                true
            }
            Self::Export(export) => export.run(&mut out, notes)?,
        };
        out.flush()?;
        Ok(is_whole)
    }
}

impl Export {
    /// Returns whether nothing is missing.
    fn run(mut self, out: &mut impl Write, notes: &mut impl Write) -> Result<bool, CommandError> {
        let disk = folder(&self.dir)?;
        if self.filter.is_empty() {
            self.filter.push(Filter::all());
        }
        let (range, filters) = (Range::between(self.from, self.to), &self.filter);
        let exported = match &self.output {
            None => within(&self.dir, export(&disk, range, filters, out))?,
            Some(path) => {
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                let file = file.map_err(|error| CommandError::Create {
                    path: path.display().to_string(),
                    error,
                })?;
                let mut file = BufWriter::new(file);
                within(&self.dir, export(&disk, range, filters, &mut file))?
            }
        };
        for problem in &exported.problems {
            writeln!(notes, "{}: {problem}", self.dir.display())?;
        }
        let (updates, statuses, missing) = (exported.updates, exported.statuses, exported.missing);
        writeln!(
            notes,
            "{updates} updates, {statuses} statuses, {missing} positions missing"
        )?;
        Ok(exported.problems.is_empty())
    }
}

/// The folder of a log.
fn folder(dir: &Path) -> Result<Folder, CommandError> {
    match dir.is_dir() {
        true => Ok(Folder::read_only(dir)),
        false => Err(CommandError::NoFolder(dir.display().to_string())),
    }
}

fn within<T>(dir: &Path, result: Result<T, ToolError>) -> Result<T, CommandError> {
    result.map_err(|error| match error {
        ToolError::Output(error) => CommandError::Output(error),
        error => CommandError::Tool {
            dir: dir.display().to_string(),
            error,
        },
    })
}
