//! Which files are played, and how.

use std::{str::FromStr, sync::Arc, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use tickcast_log::{Point, Range};

use super::{file::ReplayFile, recording::Recording, row::Chunk, table::CsvFormat};
use crate::settings::values::{defaults, time};

/// Which files, and how they are played. Each field is a setting, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed replay")]
pub struct ReplaySettings {
    /// A recorded CSV file and its topic, by default replay/ and the file's name. It may be
    /// compressed with gzip. A recording of the monitor (.jsonl) names its topics itself, and so
    /// does the log in a folder. Several files are played at the same time.
    #[arg(id = "file", value_name = "[TOPIC=]PATH")]
    pub files: Vec<ReplayFile>,
    /// The first position of a log that is played, or the earliest time.
    #[arg(value_name = "PLACE")]
    pub from: Option<Point>,
    /// The last position of a log that is played, or the time after the latest one.
    #[arg(value_name = "PLACE")]
    pub to: Option<Point>,
    /// Format: auto, which finds out by the headings; the name of a format; or the meaning of
    /// columns as in "time=ts,time_unit=ms,value=3".
    #[arg(value_name = "FORMAT", default_value = "auto")]
    pub format: CsvFormat,
    /// How many times as fast as it was recorded, or max.
    #[arg(value_name = "FACTOR", default_value = "1")]
    pub speed: Speed,
    /// Whether to begin again at the end.
    #[arg(value_name = "BOOL", default_value = "false", action = ArgAction::Set)]
    pub repeat: bool,
    /// The time in the updates: as recorded, or now, so that live charts show them.
    #[arg(value_name = "WHICH", default_value = "recorded")]
    pub source_time: SourceTime,
    /// Each file begins at once, or all are merged in the order of their recorded times (common).
    #[arg(value_name = "WHICH", default_value = "each")]
    pub clock: Clock,
    /// A row that is later than the one before it by more than this is far ahead.
    #[arg(value_name = "TIME", default_value = "24h", value_parser = time(Duration::ZERO..=GAP_MAX))]
    pub gap_max: Duration,
    /// What happens to a row that is far ahead: wait until it is due, skip it, or play it now, and
    /// what follows it in its distance.
    #[arg(value_name = "WHAT", default_value = "wait")]
    pub far_ahead: FarAhead,
    /// Unit of readings.
    #[arg(value_name = "UNIT")]
    pub unit: Option<Arc<str>>,
}

/// A recording of a century.
const GAP_MAX: Duration = Duration::from_secs(100 * 366 * 86_400);

impl Default for ReplaySettings {
    fn default() -> Self {
        defaults()
    }
}

/// The speed at which recorded time passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// A multiple of the recorded speed.
    Times(f64),
    /// As fast as the sequencer accepts updates.
    Max,
}

/// The source time of replayed updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SourceTime {
    /// The recorded time.
    Recorded,
    /// The time at which the row is played, so that live charts show it as live.
    Now,
}

/// How the times of several files relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// Each file starts at once with its first row.
    Each,
    /// The files are merged: their rows are played in the order of the recorded times. They repeat
    /// together.
    Common,
}

/// What happens to rows that are far ahead of the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FarAhead {
    /// They are played when they are due.
    Wait,
    /// They are not played.
    Skip,
    /// They are played at once, and the gap is left out.
    Now,
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if times > 0.0 && f64::is_finite(times) => Ok(Self::Times(times)),
            _ => Err("expected a number above 0 such as 20 or 0.5, or max"),
        }
    }
}

impl ReplaySettings {
    /// The key and what is wrong with it.
    pub(in crate::feed) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.files.is_empty() {
            let reason = "there is no file to replay: set --replay-file, such as \
                          market/EUR-USD/quote=quotes.csv";
            return Err(("file", reason.into()));
        }
        if let Speed::Times(times) = self.speed
            && !(times > 0.0 && times.is_finite())
        {
            return Err(("speed", format!("the speed {times} is not above 0")));
        }
        let has_log = self.files.iter().any(|file| file.path.is_dir());
        let key = if self.from.is_some() { "from" } else { "to" };
        if (self.from.is_some() || self.to.is_some()) && !has_log {
            let reason = "it is about logs, and no file is the folder of one: name a folder, or \
                          leave it out";
            return Err((key, reason.into()));
        }
        for file in &self.files {
            self.told(file)
                .map_err(|reason| ("file", format!("file {}: {reason}", file.path.display())))?;
        }
        Ok(())
    }

    /// Opens a file, or the range of a log. The error states the problem, but not the file.
    pub(super) fn open(&self, file: &ReplayFile) -> Result<Recording, String> {
        match file.path.is_dir() {
            true => Recording::of_log(file, Range::between(self.from, self.to)),
            false => Recording::open(file, &self.format),
        }
    }

    /// What is found in a file, with its first row, which must be valid: this shows that the format
    /// is right.
    pub(crate) fn told(&self, file: &ReplayFile) -> Result<String, String> {
        let mut recording = self.open(file)?;
        let mut chunk = Chunk::default();
        while chunk.rows.is_empty() {
            if !recording.read(&mut chunk) {
                return Err("there are no rows".to_owned());
            }
            if let Some(bad) = chunk.bad_rows.first()
                && !recording.is_log()
            {
                return Err(format!("line {}: {}", bad.line, bad.reason));
            }
        }
        let first = chunk.rows.first().map_or(0, |row| row.time_ns);
        let first = jiff::Timestamp::from_nanosecond(first.into()).unwrap_or_default();
        let topics = match recording.topics().as_slice() {
            [] => "topics named by the rows".to_owned(),
            [topic] => topic.to_string(),
            topics => format!("{} topics below {}", topics.len(), file.topic),
        };
        Ok(format!("{}, from {first}: {topics}", recording.told()))
    }
}
