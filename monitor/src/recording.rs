//! Recordings: what was received, one JSON object a line.
//!
//! A line has `topic`, `time` (nanoseconds since 1970 at which the update was put on the tape),
//! `value` as on the wire, and `seq`, `every`, `unit`, `quality` and `source_time` where they say
//! something. The server's feed for standard input reads the same lines.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use serde::{Deserialize, Serialize};
use tickcast_protocol::{
    client::ClientBatch,
    message::{Quality, Seq, TimeNs, TopicInfo, Update},
    topic::{Filter, Topic},
    value::Value,
};

use crate::inbox::Parcel;

/// Lines are handed to the file's thread in pieces of so many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// Pieces that wait for the disk: 16 MiB, some seconds of the fastest stream. What does not fit is
/// counted and left out, because the window does not wait for a disk.
const PIECES_MAX: usize = 256;

/// Longest line of a recording that is read, in bytes.
const LINE_MAX_BYTES: u64 = 1024 * 1024;

/// Most updates that one call of [`Player::advance`] brings, so that a jump over hours does not
/// stop the window.
pub const ADVANCE_MAX_UPDATES: usize = 40_000;

/// One update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    topic: Topic,
    time: TimeNs,
    #[serde(default)]
    seq: Seq,
    /// Whether every update of the topic was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    every: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(default = "live", skip_serializing_if = "is_live")]
    quality: Quality,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_time: Option<TimeNs>,
    value: Value,
}

fn live() -> Quality {
    Quality::Live
}

fn is_live(quality: &Quality) -> bool {
    *quality == Quality::Live
}

/// Writes what is received to a file, on a thread of its own.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    piece: Vec<u8>,
    lines_in_piece: u64,
    pieces: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<io::Result<()>>,
    lines: u64,
    left_out: u64,
    bytes: Arc<AtomicU64>,
}

impl Recorder {
    /// Begins a recording.
    pub fn start(path: PathBuf) -> io::Result<Self> {
        let mut file = File::create(&path)?;
        let (pieces, arriving) = sync_channel::<Vec<u8>>(PIECES_MAX);
        let (ending, ended) = sync_channel(1);
        let bytes = Arc::new(AtomicU64::new(0));
        let written = Arc::clone(&bytes);
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                let result = arriving.into_iter().try_for_each(|piece| {
                    file.write_all(&piece)?;
                    written.fetch_add(piece.len() as u64, Ordering::Relaxed);
                    Ok(())
                });
                // The window may be gone.
                let _ = ending.send(result);
            })?;
        Ok(Self {
            path,
            piece: Vec::with_capacity(PIECE_BYTES),
            lines_in_piece: 0,
            pieces: Some(pieces),
            ended,
            lines: 0,
            left_out: 0,
            bytes,
        })
    }

    /// Adds an update.
    pub fn record(&mut self, update: &Update<Topic>, unit: Option<&str>, every: bool) {
        let line = Line {
            topic: update.topic.clone(),
            time: update.ingest_time_ns,
            seq: update.seq,
            every,
            unit: unit.map(str::to_owned),
            quality: update.quality,
            source_time: update.source_time_ns,
            value: update.value.clone(),
        };
        if serde_json::to_writer(&mut self.piece, &line).is_ok() {
            self.piece.push(b'\n');
            self.lines_in_piece += 1;
        }
        if self.piece.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Hands over what was recorded so far.
    pub fn flush(&mut self) {
        if self.piece.is_empty() {
            return;
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let lines = std::mem::take(&mut self.lines_in_piece);
        let Some(pieces) = &self.pieces else { return };
        match pieces.try_send(piece) {
            Ok(()) => self.lines += lines,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.left_out += lines,
        }
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Updates recorded, updates left out because the disk was too slow or full, bytes written.
    pub fn progress(&self) -> (u64, u64, u64) {
        (
            self.lines,
            self.left_out,
            self.bytes.load(Ordering::Relaxed),
        )
    }

    /// Why nothing is written any more, if so.
    pub fn failure(&self) -> Option<io::Error> {
        self.ended.try_recv().ok()?.err()
    }

    /// Ends the recording and waits until it is on disk. How many updates are in it.
    pub fn finish(mut self) -> io::Result<u64> {
        self.flush();
        self.pieces = None;
        match self.ended.recv() {
            Ok(result) => result.map(|()| self.lines),
            // It told already.
            Err(_) => Err(io::Error::other("the recording ended before")),
        }
    }
}

/// Why a file is not a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is no update in it.
    #[error("{path} is not a recording: {reason}")]
    Empty {
        /// Which file.
        path: PathBuf,
        /// What its first line is.
        reason: String,
    },
}

/// Plays a recording in its own time, or faster.
///
/// [`Self::advance`] brings what happened since the last call; [`Self::seek`] goes anywhere, after
/// which everything before has to be taken in again if it lies in the past.
#[derive(Debug)]
pub struct Player {
    path: PathBuf,
    reader: BufReader<File>,
    next: Option<Line>,
    first_ns: TimeNs,
    last_ns: TimeNs,
    now_ns: TimeNs,
    /// The clock on the wall at the last advance.
    wall_ns: Option<TimeNs>,
    speed: f64,
    is_paused: bool,
    bad_lines: u64,
    position: u64,
    seqs: HashMap<Topic, Seq>,
}

impl Player {
    /// Opens a recording at its beginning. Lines that are no updates are counted and skipped.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let io = |error| RecordingError::Io {
            path: path.to_owned(),
            error,
        };
        let mut player = Self {
            path: path.to_owned(),
            reader: BufReader::new(File::open(path).map_err(io)?),
            next: None,
            first_ns: 0,
            last_ns: 0,
            now_ns: 0,
            wall_ns: None,
            speed: 1.0,
            is_paused: false,
            bad_lines: 0,
            position: 0,
            seqs: HashMap::new(),
        };
        let mut range: Option<(TimeNs, TimeNs)> = None;
        while let Some(line) = player.read_line().map_err(io)? {
            let (first, last) = range.unwrap_or((line.time, line.time));
            range = Some((first.min(line.time), last.max(line.time)));
        }
        let Some((first_ns, last_ns)) = range else {
            let reason = match player.bad_lines {
                0 => "it is empty".to_owned(),
                bad => format!("none of its {bad} lines is an update"),
            };
            let path = path.to_owned();
            return Err(RecordingError::Empty { path, reason });
        };
        player.first_ns = first_ns;
        player.last_ns = last_ns;
        player.rewind().map_err(io)?;
        Ok(player)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.reader = BufReader::new(File::open(&self.path)?);
        self.now_ns = self.first_ns;
        self.bad_lines = 0;
        self.position = 0;
        self.seqs.clear();
        self.next = self.read_line()?;
        Ok(())
    }

    /// The next line that is an update.
    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        loop {
            text.clear();
            let mut limited = io::Read::take(&mut self.reader, LINE_MAX_BYTES);
            if limited.read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            match serde_json::from_slice(&text) {
                Ok(line) => return Ok(Some(line)),
                Err(_) if text.trim_ascii().is_empty() => {}
                Err(_) => self.bad_lines += 1,
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Time of the first and of the last update.
    pub fn range(&self) -> (TimeNs, TimeNs) {
        (self.first_ns, self.last_ns)
    }

    /// The time that is played.
    pub fn now_ns(&self) -> TimeNs {
        self.now_ns
    }

    /// Lines that could not be read so far.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// How many times as fast as it was.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Plays so many times as fast as it was.
    pub fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Stands still, or goes on.
    pub fn set_paused(&mut self, paused: bool) {
        self.is_paused = paused;
    }

    /// Whether all was played.
    pub fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    /// Goes to another time. Whether that lies in the past: then all that was taken in has to be
    /// forgotten, because it will come again.
    pub fn seek(&mut self, time_ns: TimeNs) -> io::Result<bool> {
        let time_ns = time_ns.clamp(self.first_ns, self.last_ns);
        let is_back = time_ns < self.now_ns;
        if is_back {
            self.rewind()?;
        }
        self.now_ns = time_ns;
        Ok(is_back)
    }

    /// What happened since the last call, as time goes by the clock on the wall: at most
    /// [`ADVANCE_MAX_UPDATES`]; the rest comes with the next call.
    pub fn advance(&mut self, wall_ns: TimeNs) -> io::Result<Vec<Parcel>> {
        let passed = wall_ns - self.wall_ns.replace(wall_ns).unwrap_or(wall_ns);
        if !self.is_paused {
            let played = (passed as f64 * self.speed) as i64;
            self.now_ns = (self.now_ns + played).min(self.last_ns);
        }
        let mut parcels = Vec::new();
        while parcels.len() < ADVANCE_MAX_UPDATES {
            match self.next.take() {
                Some(line) if line.time <= self.now_ns => {
                    self.play(line, &mut parcels);
                    self.next = self.read_line()?;
                }
                next => {
                    self.next = next;
                    break;
                }
            }
        }
        Ok(parcels)
    }

    fn play(&mut self, line: Line, parcels: &mut Vec<Parcel>) {
        let before = self.seqs.insert(line.topic.clone(), line.seq);
        if before.is_some_and(|before| line.seq < before) {
            // Seqs begin anew: the server that was recorded had been restarted.
            self.seqs.clear();
            self.seqs.insert(line.topic.clone(), line.seq);
            self.position = 0;
            parcels.push(Parcel::EpochChanged);
        }
        self.position += 1;
        let filter = match Filter::new(line.topic.as_str()) {
            Ok(filter) if line.every => filter,
            _ => Filter::all(),
        };
        parcels.push(Parcel::Batch {
            batch: ClientBatch {
                filter,
                channel: 0,
                from: self.position - 1,
                to: self.position,
                snapshot: false,
                topics: vec![TopicInfo {
                    id: 0,
                    topic: line.topic.clone(),
                    unit: line.unit,
                }],
                updates: vec![Update {
                    topic: line.topic,
                    position: self.position,
                    seq: line.seq,
                    source_time_ns: line.source_time,
                    ingest_time_ns: line.time,
                    quality: line.quality,
                    value: line.value,
                }],
            },
            received_ns: line.time,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(topic: &str, time_ns: TimeNs, seq: Seq, value: Value) -> Update<Topic> {
        Update {
            topic: Topic::new(topic).unwrap(),
            position: 1,
            seq,
            source_time_ns: Some(5),
            ingest_time_ns: time_ns,
            quality: Quality::Live,
            value,
        }
    }

    fn updates(parcels: Vec<Parcel>) -> Vec<Update<Topic>> {
        let updates = parcels.into_iter().filter_map(|parcel| match parcel {
            Parcel::Batch { batch, .. } => Some(batch.updates),
            _ => None,
        });
        updates.flatten().collect()
    }

    fn recorded(count: i64) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let mut recorder = Recorder::start(path.clone()).unwrap();
        for at in 0..count {
            let value = Value::Reading(at as f64);
            recorder.record(
                &update("t", at * 1_000, at as u64 + 1, value),
                Some("°C"),
                true,
            );
        }
        assert_eq!(recorder.finish().unwrap(), count as u64);
        (folder, path)
    }

    #[test]
    fn a_recording_is_played_as_it_was_received() {
        let (_folder, path) = recorded(1_000);
        let mut player = Player::open(&path).unwrap();
        assert_eq!(player.range(), (0, 999_000));
        assert_eq!(updates(player.advance(0).unwrap()).len(), 1);
        let next = updates(player.advance(10_000).unwrap());
        assert_eq!(next.len(), 10);
        assert_eq!(next[9].ingest_time_ns, 10_000);
        assert_eq!(next[9].seq, 11);
        assert_eq!(next[9].source_time_ns, Some(5));
        player.set_speed(10.0);
        assert_eq!(updates(player.advance(20_000).unwrap()).len(), 100);
        player.set_paused(true);
        assert_eq!(updates(player.advance(90_000).unwrap()).len(), 0);
    }

    #[test]
    fn seeking_goes_anywhere() {
        let (_folder, path) = recorded(1_000);
        let mut player = Player::open(&path).unwrap();
        player.set_paused(true);
        assert!(!player.seek(500_000).unwrap());
        assert_eq!(updates(player.advance(0).unwrap()).len(), 501);
        assert!(player.seek(100_000).unwrap());
        let again = updates(player.advance(0).unwrap());
        assert_eq!(again.len(), 101);
        assert_eq!(again[0].ingest_time_ns, 0);
        assert!(!player.seek(i64::MAX).unwrap());
        assert_eq!(updates(player.advance(0).unwrap()).len(), 899);
        assert!(player.is_at_end());
    }

    #[test]
    fn damaged_lines_are_counted_and_what_is_no_recording_is_refused() {
        let (_folder, path) = recorded(10);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"topic\":\"t\",\"time\n\xff\xfe\n\n");
        std::fs::write(&path, &text).unwrap();
        let mut player = Player::open(&path).unwrap();
        player.seek(i64::MAX).unwrap();
        assert_eq!(updates(player.advance(0).unwrap()).len(), 10);
        assert_eq!(player.bad_lines(), 2);

        std::fs::write(&path, b"hello\n").unwrap();
        let error = Player::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("none of its 1 lines is an update"),
            "{error}"
        );
        assert!(Player::open(&path.with_extension("no")).is_err());
    }

    #[test]
    fn a_restart_of_the_recorded_server_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl");
        let mut recorder = Recorder::start(path.clone()).unwrap();
        for (time, seq) in [(0, 5), (1, 6), (2, 1)] {
            recorder.record(&update("t", time, seq, Value::Reading(0.0)), None, true);
        }
        recorder.finish().unwrap();
        let mut player = Player::open(&path).unwrap();
        player.seek(2).unwrap();
        let parcels = player.advance(0).unwrap();
        let resets = parcels.iter().filter(|p| matches!(p, Parcel::EpochChanged));
        assert_eq!(resets.count(), 1);
    }
}
