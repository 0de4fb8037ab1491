//! The lines of a recording that is the log of a server, in the folder that its `--data` names. The
//! server may be writing to it.

use std::{collections::VecDeque, io, path::Path};

use tickcast_log::{Entry, Folder, Limits, OpenError, Order, Question, Range, Reader, Wanted};
use tickcast_protocol::{message::Position, recording::RecordedLine, topic::Filter};

use super::holds::{RecordingHolds, Survey};

/// What is read at once: some milliseconds of work, which fits between two repaints.
const PART: Limits = Limits {
    updates: 4_096,
    read_bytes: 1024 * 1024,
};

/// The updates in a range of a log.
#[derive(Debug)]
pub(super) struct LogLines {
    reader: Reader<Folder>,
    question: Question,
    /// Where the next part begins; `None` at the beginning.
    after: Option<Position>,
    is_at_end: bool,
    waiting: VecDeque<RecordedLine>,
    /// Updates so far that are missing or cannot be read.
    pub(super) missing: u64,
}

impl LogLines {
    pub(super) fn open(path: &Path, range: Range) -> Result<Self, String> {
        let opened = Reader::open(Folder::read_only(path));
        let reader = opened.map_err(|error| match error {
            OpenError::Foreign(name) => {
                format!("it is a folder, and {name} in it is not a part of a server's log")
            }
            other => other.to_string(),
        })?;
        Ok(Self {
            reader,
            question: Question {
                wanted: Wanted::Filters(vec![Filter::all()]),
                range,
                order: Order::OldestFirst,
            },
            after: None,
            is_at_end: false,
            waiting: VecDeque::new(),
            missing: 0,
        })
    }

    /// Begins again.
    pub(super) fn rewind(&mut self) {
        self.after = None;
        self.is_at_end = false;
        self.waiting.clear();
        self.missing = 0;
    }

    /// The next update.
    pub(super) fn next(&mut self) -> io::Result<Option<RecordedLine>> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Ok(Some(line));
            }
            if self.is_at_end {
                return Ok(None);
            }
            let Self {
                waiting, missing, ..
            } = self;
            let page = self.reader.page(&self.question, self.after, PART, |entry| {
                match (entry.recorded(), entry) {
                    (Some(Ok(line)), _) => waiting.push_back(line),
                    (Some(Err(_)), _) => *missing += 1,
                    (None, Entry::Missing { first, end }) => *missing += end - first,
                    // What is missing because of a flaw is told as well.
                    (None, _) => {}
                }
            });
            self.after = page.map_err(io::Error::other)?;
            self.is_at_end = self.after.is_none();
        }
    }

    /// Reads the first and the last update. An error in words if there is none.
    pub(super) fn survey(&mut self) -> io::Result<Result<Survey, String>> {
        let Some(first) = self.next()? else {
            let reason = "it is a folder without updates of a server's log in this range";
            return Ok(Err(reason.to_owned()));
        };
        let last = self.last_time()?.unwrap_or(first.time);
        let topics = self.reader.topics().map_err(io::Error::other)?;
        self.rewind();
        Ok(Ok(Survey {
            range: (first.time, last.max(first.time)),
            holds: RecordingHolds {
                full: topics,
                thinned: 0,
            },
        }))
    }

    fn last_time(&mut self) -> io::Result<Option<i64>> {
        let question = Question {
            order: Order::NewestFirst,
            ..self.question.clone()
        };
        let one = Limits { updates: 1, ..PART };
        let (mut time, mut after) = (None, None);
        loop {
            let page = self.reader.page(&question, after, one, |entry| {
                if let Some(Ok(line)) = entry.recorded() {
                    time = Some(line.time);
                }
            });
            after = page.map_err(io::Error::other)?;
            if time.is_some() || after.is_none() {
                return Ok(time);
            }
        }
    }
}
