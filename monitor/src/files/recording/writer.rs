//! Writes a recording.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use tickcast_protocol::{
    message::{TopicStatus, Update},
    recording::RecordedLine,
    topic::Topic,
};

use super::holds::{RecordedScope, RecordedTopics, RecordingHolds};

/// Lines are handed to the file's thread in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;

/// The most pieces that wait for the disk: 16 MiB, some seconds of the fastest stream. Further ones
/// are counted and left out, because the window does not wait for a disk.
const PIECES_MAX: usize = 256;

/// Writes received updates to a file, on a thread of its own.
#[derive(Debug)]
pub(crate) struct RecordingWriter {
    path: PathBuf,
    piece: Vec<u8>,
    lines_in_piece: u64,
    pieces: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<io::Result<()>>,
    lines: u64,
    left_out: u64,
    bytes: Arc<AtomicU64>,
    scope: RecordedScope,
    topics: RecordedTopics,
}

/// The progress of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordingProgress {
    /// Lines recorded.
    pub(crate) lines: u64,
    /// Lines left out because the disk was too slow or full.
    pub(crate) left_out: u64,
    /// Bytes written.
    pub(crate) bytes: u64,
    /// The topics so far.
    pub(crate) holds: RecordingHolds,
}

impl RecordingWriter {
    /// Starts a recording.
    pub(crate) fn start(path: PathBuf, scope: RecordedScope) -> io::Result<Self> {
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
                // The recording may have been dropped.
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
            scope,
            topics: RecordedTopics::default(),
        })
    }

    /// Adds an update.
    pub(crate) fn record(&mut self, update: &Update<Topic>, unit: Option<&str>, every: bool) {
        self.topics.add(&update.topic, every);
        let unit = unit.map(str::to_owned);
        let topic = update.topic.clone();
        self.write(&RecordedLine::of_update(topic, update.clone(), unit, every));
    }

    /// Adds a new status of a topic.
    pub(crate) fn record_status(&mut self, status: &TopicStatus<Topic>) {
        let (topic, since_ns) = (status.topic.clone(), status.since_ns);
        self.write(&RecordedLine::of_status(
            topic,
            status.status,
            since_ns,
            false,
        ));
    }

    fn write(&mut self, line: &RecordedLine) {
        // Every value that can come over the wire as JSON can be written as JSON.
        if line.write(&mut self.piece).is_ok() {
            self.lines_in_piece += 1;
        }
        if self.piece.len() >= PIECE_BYTES {
            self.flush();
        }
    }

    /// Hands the lines so far to the file's thread.
    pub(crate) fn flush(&mut self) {
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

    /// What is recorded.
    pub(crate) fn scope(&self) -> RecordedScope {
        self.scope
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The progress so far.
    pub(crate) fn progress(&self) -> RecordingProgress {
        RecordingProgress {
            lines: self.lines,
            left_out: self.left_out,
            bytes: self.bytes.load(Ordering::Relaxed),
            holds: self.topics.holds(),
        }
    }

    /// Why the recording has ended, if it has.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.ended.try_recv().ok()?.err()
    }

    /// Ends the recording and waits until it is written. Returns what it has then.
    pub(crate) fn finish(mut self) -> io::Result<RecordingProgress> {
        self.flush();
        self.pieces = None;
        match self.ended.recv() {
            Ok(result) => result.map(|()| self.progress()),
            // The error was returned before.
            Err(_) => Err(io::Error::other("the recording had already ended")),
        }
    }
}
