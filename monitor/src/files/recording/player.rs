//! Plays a recording.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use tickcast_log::Range;
use tickcast_protocol::{
    client::ClientBatch,
    message::{Seq, TimeNs, TopicInfo, TopicStatus, Update},
    recording::RecordedLine,
    topic::{Filter, Topic},
};

use super::{holds::RecordingHolds, lines::Lines};
use crate::data::incoming::IncomingItem;

/// The most items of one call of [`RecordingPlayer::advance`], so that a jump over hours does not
/// stop the window.
const ADVANCE_MAX_UPDATES: usize = 40_000;

/// Why a file is not a recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenRecordingError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// It contains no update.
    #[error("{path} is not a recording: {reason}")]
    Empty {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Plays a recording at its original speed or a multiple of it.
///
/// `advance` returns what happened since the last call. `seek` goes to any time; if
/// that lies in the past, everything before it is returned again.
#[derive(Debug)]
pub(crate) struct RecordingPlayer {
    path: PathBuf,
    lines: Lines,
    next: Option<RecordedLine>,
    first_ns: TimeNs,
    last_ns: TimeNs,
    now_ns: TimeNs,
    /// This machine's clock at the last advance.
    wall_ns: Option<TimeNs>,
    speed: f64,
    is_paused: bool,
    holds: RecordingHolds,
    position: u64,
    seqs: HashMap<Topic, Seq>,
}

impl RecordingPlayer {
    /// Opens a recording at its beginning: a file, or the log of a server in a folder, of which a
    /// range may be chosen. What cannot be read is counted and skipped.
    pub(crate) fn open(path: &Path, range: Range) -> Result<Self, OpenRecordingError> {
        let io = |error| OpenRecordingError::Io {
            path: path.to_owned(),
            error,
        };
        let mut lines = Lines::open(path, range).map_err(io)?;
        let survey = lines.survey().map_err(io)?;
        let survey = survey.map_err(|reason| OpenRecordingError::Empty {
            path: path.to_owned(),
            reason,
        })?;
        let (first_ns, last_ns) = survey.range;
        let next = lines.next().map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            lines,
            next,
            first_ns,
            last_ns,
            now_ns: first_ns,
            wall_ns: None,
            speed: 1.0,
            is_paused: false,
            holds: survey.holds,
            position: 0,
            seqs: HashMap::new(),
        })
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.lines.rewind()?;
        self.now_ns = self.first_ns;
        self.position = 0;
        self.seqs.clear();
        self.next = self.lines.next()?;
        Ok(())
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Time of the first and of the last update.
    pub(crate) fn range(&self) -> (TimeNs, TimeNs) {
        (self.first_ns, self.last_ns)
    }

    /// Its topics.
    pub(crate) fn holds(&self) -> RecordingHolds {
        self.holds
    }

    /// The current time of the recording.
    pub(crate) fn now_ns(&self) -> TimeNs {
        self.now_ns
    }

    /// What could not be read so far, in words; empty if everything could.
    pub(crate) fn problems(&self) -> String {
        self.lines.problems()
    }

    /// The speed, as a multiple of the original one.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    /// Sets the speed, as a multiple of the original one.
    pub(crate) fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// Whether it is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Pauses, or goes on.
    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.is_paused = paused;
    }

    /// Whether all updates were played.
    pub(crate) fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    /// Goes to another time. Returns whether that lies in the past: then all data must be
    /// forgotten, because it will come again.
    pub(crate) fn seek(&mut self, time_ns: TimeNs) -> io::Result<bool> {
        let time_ns = time_ns.clamp(self.first_ns, self.last_ns);
        let is_back = time_ns < self.now_ns;
        if is_back {
            self.rewind()?;
        }
        self.now_ns = time_ns;
        Ok(is_back)
    }

    /// Returns the items since the last call, by this machine's clock: at most
    /// [`ADVANCE_MAX_UPDATES`]; the rest follows with the next call.
    pub(crate) fn advance(&mut self, wall_ns: TimeNs) -> io::Result<Vec<IncomingItem>> {
        let passed = wall_ns - self.wall_ns.replace(wall_ns).unwrap_or(wall_ns);
        if !self.is_paused {
            let played = (passed as f64 * self.speed) as i64;
            self.now_ns = (self.now_ns + played).min(self.last_ns);
        }
        let mut items = Vec::new();
        while items.len() < ADVANCE_MAX_UPDATES {
            match self.next.take() {
                Some(line) if line.time <= self.now_ns => {
                    self.play(line, &mut items);
                    self.next = self.lines.next()?;
                }
                next => {
                    self.next = next;
                    break;
                }
            }
        }
        Ok(items)
    }

    fn play(&mut self, line: RecordedLine, items: &mut Vec<IncomingItem>) {
        if let Some(status) = line.status {
            items.push(IncomingItem::Statuses {
                topics: Vec::new(),
                statuses: vec![TopicStatus {
                    topic: line.topic.clone(),
                    status,
                    since_ns: line.time,
                }],
            });
        }
        let Some(value) = line.value else { return };
        let before = self.seqs.insert(line.topic.clone(), line.seq);
        if before.is_some_and(|before| line.seq < before) {
            // Seqs start again: the recorded server had been restarted.
            self.seqs.clear();
            self.seqs.insert(line.topic.clone(), line.seq);
            self.position = 0;
            items.push(IncomingItem::EpochChanged);
        }
        self.position += 1;
        let filter = match Filter::new(line.topic.as_str()) {
            Ok(filter) if line.every => filter,
            _ => Filter::all(),
        };
        items.push(IncomingItem::Batch {
            batch: ClientBatch {
                filter,
                channel: 0,
                from: self.position - 1,
                to: self.position,
                snapshot: false,
                topics: vec![TopicInfo {
                    unit: line.unit,
                    ..TopicInfo::new(0, line.topic.clone())
                }],
                updates: vec![Update {
                    topic: line.topic,
                    position: self.position,
                    seq: line.seq,
                    source_time_ns: line.source_time,
                    ingest_time_ns: line.time,
                    quality: line.quality,
                    value,
                }],
            },
            received_ns: line.time,
        });
    }
}
