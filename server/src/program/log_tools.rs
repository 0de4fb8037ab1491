//! `tickcast-server log`: what operators do with a log on disk, whether a server uses it or not.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tickcast_log::{
    Folder, Point, Range,
    tools::{Detail, ToolError, dump, export, stats, verify},
};
use tickcast_protocol::{message::Position, topic::Filter};

/// The first argument that asks for these tools.
const NAME: &str = "log";

/// Reads a log: the tape on disk. Nothing is written to it, and a server may write to it meanwhile.
#[derive(Debug, Parser)]
#[command(name = "tickcast-server log", bin_name = "tickcast-server log")]
struct Command {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
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

#[derive(Debug, Args)]
struct Export {
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

fn filter(text: &str) -> Result<Filter, String> {
    Filter::new(text).map_err(|error| error.to_string())
}

/// Runs a tool if the arguments ask for one.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> Option<anyhow::Result<ExitCode>> {
    let mut args = args.into_iter();
    let (_, tool) = (args.next()?, args.next()?);
    (tool == NAME).then_some(())?;
    let args = [OsString::from("tickcast-server log")]
        .into_iter()
        .chain(args);
    Some(match Command::try_parse_from(args) {
        Ok(command) => unless_closed(command.tool.run()),
        Err(error) => {
            let code = u8::from(error.use_stderr());
            error.print().map(|()| code.into()).map_err(Into::into)
        }
    })
}

/// The reader of a pipe may need no more, as `head` does.
fn unless_closed(result: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let is_closed = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    match result {
        Err(error) => match error.downcast_ref::<ToolError>() {
            Some(ToolError::Output(output)) if is_closed(output) => Ok(ExitCode::SUCCESS),
            _ if error.downcast_ref().is_some_and(is_closed) => Ok(ExitCode::SUCCESS),
            _ => Err(error),
        },
        ok => ok,
    }
}

impl Tool {
    fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = BufWriter::new(io::stdout().lock());
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
            Self::Export(export) => export.run(&mut out)?,
        };
        out.flush()?;
        Ok(u8::from(!is_whole).into())
    }
}

impl Export {
    /// Returns whether nothing is missing.
    fn run(mut self, stdout: &mut impl Write) -> anyhow::Result<bool> {
        let disk = folder(&self.dir)?;
        if self.filter.is_empty() {
            self.filter.push(Filter::all());
        }
        let (range, filters) = (Range::between(self.from, self.to), &self.filter);
        let exported = match &self.output {
            None => within(&self.dir, export(&disk, range, filters, stdout))?,
            Some(path) => {
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                let file = file.with_context(|| format!("creating {}", path.display()))?;
                let mut file = BufWriter::new(file);
                within(&self.dir, export(&disk, range, filters, &mut file))?
            }
        };
        let mut stderr = io::stderr().lock();
        for problem in &exported.problems {
            writeln!(stderr, "{}: {problem}", self.dir.display())?;
        }
        let (updates, statuses, missing) = (exported.updates, exported.statuses, exported.missing);
        writeln!(
            stderr,
            "{updates} updates, {statuses} statuses, {missing} positions missing"
        )?;
        Ok(exported.problems.is_empty())
    }
}

/// The folder of a log.
fn folder(dir: &Path) -> anyhow::Result<Folder> {
    let folder = Folder::read_only(dir);
    anyhow::ensure!(dir.is_dir(), "{}: there is no such folder", dir.display());
    Ok(folder)
}

fn within<T>(dir: &Path, result: Result<T, ToolError>) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        ToolError::Open(error) => anyhow::anyhow!("{}: {error}", dir.display()),
        error => error.into(),
    })
}
