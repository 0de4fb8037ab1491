//! The replay feed: plays recorded files at their own speed or faster, once or repeatedly.
//!
//! The files in reading order:
//!
//! * this file: settings, and the player of one file or a group of files
//! * `recording`: a recorded file, row by row
//! * `columns`, `format`: the columns of a CSV file, and their form in the settings

mod columns;
mod format;
mod recording;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use clap::{ArgAction, Args, ValueEnum};
use recording::Chunk;
use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    message::{Quality, TimeNs},
    topic::Topic,
    value::Value,
};
use tokio::{
    task::{JoinError, JoinSet, spawn_blocking},
    time::{Instant, sleep_until},
};

use super::{
    FeedState,
    handover::{BATCH_MAX_UPDATES, Batch, Handover},
};
use crate::{clock::wall_ns, ingest::Ended, settings::values::defaults};

pub use columns::{Column, Columns};
pub use format::{CsvFormat, PRESETS};
pub use recording::{BadRow, Recording, Row};

/// Which files, and how they are played. Each field is a setting, see `crate::settings`.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(next_help_heading = "Feed replay")]
pub struct ReplaySettings {
    /// A recorded CSV file and its topic, by default replay/ and the file's name. A recording of
    /// the monitor (.jsonl) names its topics itself. Several files are played at the same time.
    #[arg(id = "file", value_name = "[TOPIC=]PATH")]
    pub files: Vec<ReplayFile>,
    /// Format: auto, quotes, trades, readings, histdata, or the meaning of columns as in
    /// "time=ts,time_unit=ms,value=3".
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
    /// Each file begins at once, or as much later as it did when it was recorded (common).
    #[arg(value_name = "WHICH", default_value = "each")]
    pub clock: Clock,
    /// Unit of readings.
    #[arg(value_name = "UNIT")]
    pub unit: Option<Arc<str>>,
}

impl Default for ReplaySettings {
    fn default() -> Self {
        defaults()
    }
}

/// A file, and the topic of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayFile {
    /// By default `replay/` and the file's name without its extension. Not used for a recording of
    /// the monitor, whose rows name their topics.
    pub topic: Topic,
    /// The path of the file.
    pub path: PathBuf,
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
    /// The earliest file starts at once. The others start later by the recorded difference. They
    /// repeat together.
    Common,
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

impl FromStr for ReplayFile {
    type Err = String;

    /// Parses `TOPIC=PATH` or `PATH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (topic, path) = match text.split_once('=') {
            Some((topic, path)) => (topic.to_owned(), PathBuf::from(path)),
            None => {
                let path = PathBuf::from(text);
                (default_topic(&path), path)
            }
        };
        let form = "expected [TOPIC=]PATH, such as market/EUR-USD/quote=quotes.csv";
        let topic =
            Topic::new(&topic).map_err(|error| format!("topic {topic:?}: {error}; {form}"))?;
        if path.as_os_str().is_empty() {
            return Err(format!("the path is empty; {form}"));
        }
        Ok(Self { topic, path })
    }
}

fn default_topic(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("replay/{name}")
}

impl ReplaySettings {
    /// The key and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
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
        for file in &self.files {
            self.first_time_ns(file)
                .map_err(|reason| ("file", reason))?;
        }
        Ok(())
    }

    /// The time of the first row, which must be valid: this shows that the format is right.
    fn first_time_ns(&self, file: &ReplayFile) -> Result<TimeNs, String> {
        let path = file.path.display();
        let mut recording = Recording::open(&file.path, &self.format)
            .map_err(|reason| format!("file {path}: {reason}"))?;
        if recording.names_topics() && file.topic.as_str() != default_topic(&file.path) {
            return Err(format!(
                "file {path}: it names its topics itself, so the topic {} cannot be set",
                file.topic
            ));
        }
        match recording.next() {
            Some(Ok(row)) => Ok(row.time_ns),
            Some(Err(bad)) => Err(format!("file {path}, line {}: {}", bad.line, bad.reason)),
            None => Err(format!("file {path}: there are no rows")),
        }
    }
}

/// Number of rows read at once. Two such chunks are all that a file of any size needs in memory.
const CHUNK_ROWS: usize = 1_024;

/// Plays all files.
pub(super) async fn run(settings: ReplaySettings, handover: Handover) -> Result<(), Ended> {
    handover.set_state(FeedState::Up);
    let settings = Arc::new(settings);
    let groups: Vec<_> = match settings.clock {
        Clock::Each => settings.files.chunks(1).collect(),
        Clock::Common => vec![settings.files.as_slice()],
    };
    let mut playing = JoinSet::new();
    for files in groups {
        playing.spawn(play_group(
            Arc::clone(&settings),
            files.into(),
            handover.clone(),
        ));
    }
    while let Some(result) = playing.join_next().await {
        unless_panicked(result)?;
    }
    Ok(())
}

/// Plays files with a common clock, once or repeatedly.
async fn play_group(
    settings: Arc<ReplaySettings>,
    files: Vec<ReplayFile>,
    handover: Handover,
) -> Result<(), Ended> {
    let mut start = Instant::now();
    loop {
        let first_ns = earliest_ns(Arc::clone(&settings), files.clone()).await;
        let mut players = JoinSet::new();
        for file in &files {
            let player = Player {
                settings: Arc::clone(&settings),
                file: file.clone(),
                handover: handover.clone(),
            };
            players.spawn(player.play(start, first_ns));
        }
        let mut end = None;
        while let Some(result) = players.join_next().await {
            end = end.max(unless_panicked(result)?);
        }
        match end {
            Some(end) if settings.repeat => start = end,
            _ => return Ok(()),
        }
    }
}

/// The earliest time of any file in `files`. A problem with a file is reported when it is played.
async fn earliest_ns(settings: Arc<ReplaySettings>, files: Vec<ReplayFile>) -> TimeNs {
    let earliest = move || {
        let times = files
            .iter()
            .filter_map(|file| settings.first_time_ns(file).ok());
        times.min().unwrap_or_default()
    };
    unless_panicked(spawn_blocking(earliest).await)
}

/// Plays one file.
struct Player {
    settings: Arc<ReplaySettings>,
    file: ReplayFile,
    handover: Handover,
}

impl Player {
    /// Plays the file once. A row recorded at `first_ns` is played at `start`. Returns the time at
    /// which to start again; `None` if there is nothing to play.
    async fn play(mut self, start: Instant, first_ns: TimeNs) -> Result<Option<Instant>, Ended> {
        let (settings, path) = (Arc::clone(&self.settings), self.file.path.clone());
        let open = move || Recording::open(&path, &settings.format);
        let recording = match unless_panicked(spawn_blocking(open).await) {
            Ok(recording) => recording,
            Err(reason) => {
                let path = self.file.path.display();
                tracing::error!(feed = self.handover.name(), %path, reason, "cannot replay the file");
                return Ok(None);
            }
        };
        let mut timeline = Timeline::new(start, first_ns, self.settings.speed);
        let mut reading = Some(read_chunk(recording));
        while let Some(chunk) = reading {
            let (recording, chunk) = unless_panicked(chunk.await);
            // The next rows are read while these are played.
            reading = (!chunk.is_last).then(|| read_chunk(recording));
            self.report_bad_rows(&chunk);
            self.play_rows(chunk.rows, &mut timeline).await?;
        }
        Ok((timeline.rows > 0).then(|| timeline.end()))
    }

    fn report_bad_rows(&mut self, chunk: &Chunk) {
        self.handover.count_received(chunk.bad_rows.len());
        for bad in &chunk.bad_rows {
            let origin = format!("{}, line {}", self.file.path.display(), bad.line);
            self.handover.undecodable(origin, &bad.reason);
        }
    }

    async fn play_rows(&mut self, rows: Vec<Row>, timeline: &mut Timeline) -> Result<(), Ended> {
        let mut batch = Batch::new();
        for row in rows {
            let due = timeline.due(row.time_ns);
            if due > Instant::now() {
                self.submit(&mut batch).await?;
                sleep_until(due).await;
            }
            batch.push(self.update(row));
            if batch.len() == BATCH_MAX_UPDATES {
                self.submit(&mut batch).await?;
            }
        }
        self.submit(&mut batch).await
    }

    async fn submit(&self, batch: &mut Batch) -> Result<(), Ended> {
        self.handover.count_received(batch.len());
        self.handover.submit(std::mem::take(batch)).await
    }

    fn update(&self, row: Row) -> NewUpdate {
        let origin = row.origin.map(|origin| *origin);
        let recorded_ns = origin.as_ref().and_then(|origin| origin.source_time_ns);
        let source_time_ns = match self.settings.source_time {
            SourceTime::Recorded => recorded_ns.unwrap_or(row.time_ns),
            SourceTime::Now => wall_ns(),
        };
        let unit = match row.value {
            Value::Reading(_) => self.settings.unit.clone(),
            _ => None,
        };
        let (topic, recorded_unit, quality) = match origin {
            Some(origin) => (origin.topic, origin.unit, origin.quality),
            None => (self.file.topic.clone(), None, Quality::Live),
        };
        NewUpdate {
            topic,
            value: row.value,
            source_time_ns: Some(source_time_ns),
            quality,
            unit: recorded_unit.or(unit),
            facts: None,
        }
    }
}

/// Reads on a thread that may block.
fn read_chunk(mut recording: Recording) -> tokio::task::JoinHandle<(Recording, Chunk)> {
    spawn_blocking(move || {
        let chunk = recording.read_chunk(CHUNK_ROWS);
        (recording, chunk)
    })
}

/// A task that was not aborted ends with a result, or with a panic, which is resumed here.
fn unless_panicked<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Converts recorded times to present times.
#[derive(Debug)]
struct Timeline {
    start: Instant,
    first_ns: TimeNs,
    speed: Speed,
    /// The latest recorded time so far, and the number of rows.
    last_ns: TimeNs,
    rows: u64,
}

impl Timeline {
    fn new(start: Instant, first_ns: TimeNs, speed: Speed) -> Self {
        Self {
            start,
            first_ns,
            speed,
            last_ns: first_ns,
            rows: 0,
        }
    }

    /// The instant at which to play a row. A row older than the first is played at once.
    fn due(&mut self, time_ns: TimeNs) -> Instant {
        self.last_ns = self.last_ns.max(time_ns);
        self.rows += 1;
        self.at(time_ns.saturating_sub(self.first_ns))
    }

    /// The instant at which the file starts again: the mean gap between two rows after the last
    /// one.
    fn end(&self) -> Instant {
        /// Gap for a file whose rows all have the same time.
        const GAP_MIN_NS: TimeNs = 1_000_000;
        let length_ns = self.last_ns.saturating_sub(self.first_ns);
        let gaps = TimeNs::try_from(self.rows.saturating_sub(1)).unwrap_or(TimeNs::MAX);
        let gap_ns = (length_ns / gaps.max(1)).max(GAP_MIN_NS);
        self.at(length_ns.saturating_add(gap_ns))
    }

    fn at(&self, passed_ns: TimeNs) -> Instant {
        /// A row that is due in more than 30 years is never played; tokio's timers hold no more.
        const NEVER_S: f64 = 1e9;
        match self.speed {
            Speed::Max => self.start,
            Speed::Times(times) => {
                let passed_s = (passed_ns.max(0) as f64 / 1e9 / times).min(NEVER_S);
                self.start + Duration::from_secs_f64(passed_s)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_time_passes_at_the_speed_and_a_pass_ends_with_the_mean_gap() {
        const S: TimeNs = 1_000_000_000;
        let start = Instant::now();
        let mut timeline = Timeline::new(start, 100 * S, Speed::Times(10.0));
        let after_ms = |ms| start + Duration::from_millis(ms);
        assert_eq!(timeline.due(100 * S), after_ms(0));
        assert_eq!(timeline.due(110 * S), after_ms(1_000));
        assert_eq!(timeline.due(90 * S), after_ms(0));
        assert_eq!(timeline.due(130 * S), after_ms(3_000));
        assert_eq!(timeline.end(), after_ms(4_000));

        let mut timeline = Timeline::new(start, 0, Speed::Max);
        assert_eq!(timeline.due(i64::MAX), start);
        let mut timeline = Timeline::new(start, i64::MIN, Speed::Times(1e-9));
        assert!(timeline.due(i64::MAX) > start);
    }

    #[test]
    fn a_file_has_the_given_topic_or_one_derived_from_its_name() {
        let check = |text: &str, topic: &str, path: &str| {
            let file: ReplayFile = text.parse().unwrap();
            assert_eq!(
                (file.topic.as_str(), file.path),
                (topic, PathBuf::from(path))
            );
        };
        check("data/eurusd.csv", "replay/eurusd", "data/eurusd.csv");
        check(
            "market/EUR/quote=a/b=c.csv",
            "market/EUR/quote",
            "a/b=c.csv",
        );
        for text in ["a/#=b.csv", "=b.csv", "a=", ""] {
            assert!(text.parse::<ReplayFile>().is_err(), "{text:?}");
        }
    }
}
