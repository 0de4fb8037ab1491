//! Rows in the order of their times, as far as a window of bounded size allows.
//!
//! Some recorders write rows late, and exchanges publish files in which single rows are at the
//! wrong place. A chart and the newest value of a topic need them in order, so they are sorted. A
//! row that is further from its place than the window is played when it is read, and is counted.

use std::collections::VecDeque;

use tickcast_protocol::message::TimeNs;

use super::{
    recording::Recording,
    row::{BadRow, Chunk, Row},
};

/// Updates by which one may be displaced and is put in order. More would take more memory: this is
/// about half a megabyte for each file.
pub(super) const WINDOW_UPDATES: usize = 4_096;

/// Lines read at once.
const CHUNK_LINES: usize = 1_024;

/// Updates read at once, for lines that have many.
const CHUNK_UPDATES: usize = 4_096;

/// A recording whose rows are put in order.
#[derive(Debug)]
pub(super) struct OrderedRecording {
    recording: Recording,
    /// The rows that the next ones may precede, in order.
    held: VecDeque<Row>,
    /// The greatest time read.
    latest_ns: TimeNs,
    is_at_end: bool,
}

/// Consecutive rows, mostly in the order of their times.
#[derive(Debug, Default)]
pub(super) struct OrderedChunk {
    pub(super) rows: VecDeque<Row>,
    pub(super) bad_rows: Vec<BadRow>,
    pub(super) passed_over: u64,
    pub(super) disorder: Disorder,
    /// Whether the file has no more rows.
    pub(super) is_last: bool,
}

/// Rows that were read after later ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Disorder {
    /// Number of updates.
    pub(super) updates: u64,
    /// The line of the first one.
    pub(super) first_line: u64,
    /// The greatest step back.
    pub(super) greatest_ns: TimeNs,
}

impl Disorder {
    fn add(&mut self, line: u64, step_ns: TimeNs) {
        if self.updates == 0 {
            self.first_line = line;
        }
        self.updates += 1;
        self.greatest_ns = self.greatest_ns.max(step_ns);
    }

    /// Adds what was found later in the same file.
    pub(super) fn join(&mut self, later: Self) {
        if self.updates == 0 {
            self.first_line = later.first_line;
        }
        self.updates += later.updates;
        self.greatest_ns = self.greatest_ns.max(later.greatest_ns);
    }
}

impl OrderedRecording {
    pub(super) fn new(recording: Recording) -> Self {
        Self {
            recording,
            held: VecDeque::new(),
            latest_ns: TimeNs::MIN,
            is_at_end: false,
        }
    }

    /// Reads the next rows. There may be none before the last chunk.
    pub(super) fn read_chunk(&mut self) -> OrderedChunk {
        let mut read = Chunk::default();
        for _ in 0..CHUNK_LINES {
            if read.rows.len() >= CHUNK_UPDATES {
                break;
            }
            if !self.recording.read(&mut read) {
                self.is_at_end = true;
                break;
            }
        }
        let mut disorder = Disorder::default();
        for row in &read.rows {
            if row.time_ns < self.latest_ns {
                disorder.add(row.line, self.latest_ns.saturating_sub(row.time_ns));
            }
            self.latest_ns = self.latest_ns.max(row.time_ns);
        }
        self.held.extend(read.rows);
        if disorder.updates > 0 {
            // Stable: the updates of one time stay in the order of the file.
            self.held.make_contiguous().sort_by_key(|row| row.time_ns);
        }
        let ready = match self.is_at_end {
            true => self.held.len(),
            false => self.held.len().saturating_sub(WINDOW_UPDATES),
        };
        OrderedChunk {
            rows: self.held.drain(..ready).collect(),
            bad_rows: read.bad_rows,
            passed_over: read.passed_over,
            disorder,
            is_last: self.is_at_end,
        }
    }
}
