//! A log on disk, as a recording.

use std::path::Path;

use tickcast_log::{
    Entry, Folder, Limits, OpenError, Order, Question, Reader, Wanted, tools::Range,
};
use tickcast_protocol::{message::Position, topic::Filter};

use super::row::{BadRow, Chunk, Row};

/// What can be played.
const WANTED: &str = "name a file such as day.csv, or the folder of a server's --data";

/// What is read at once: as much as of a file.
const PART: Limits = Limits {
    updates: 1_024,
    read_bytes: 1024 * 1024,
};

/// The updates in a range of a log, up to the last one when it was opened.
#[derive(Debug)]
pub(super) struct LogRows {
    reader: Reader<Folder>,
    question: Question,
    /// Where the next part begins.
    after: Option<Position>,
    is_at_end: bool,
    told: String,
}

impl LogRows {
    /// Opens a folder. The error states the problem, but not the folder.
    pub(super) fn open(path: &Path, range: Range) -> Result<Self, String> {
        let reader = Reader::open(Folder::read_only(path)).map_err(|error| match error {
            OpenError::Foreign(name) => {
                format!("it is a folder, and {name} in it is not a part of a log: {WANTED}")
            }
            other => other.to_string(),
        })?;
        let (first, end) = (reader.first(), reader.end());
        if first == end {
            return Err(format!("it is a folder without updates of a log: {WANTED}"));
        }
        let told = format!("a log of Tickcast, positions {first} to {}", end - 1);
        Ok(Self {
            reader,
            question: Question {
                wanted: Wanted::Filters(vec![Filter::all()]),
                range,
                order: Order::OldestFirst,
            },
            after: None,
            is_at_end: false,
            told,
        })
    }

    /// What was found in the folder.
    pub(super) fn told(&self) -> &str {
        &self.told
    }

    /// Reads some updates; `false` at the end. Their lines are their positions.
    pub(super) fn read(&mut self, chunk: &mut Chunk) -> bool {
        if self.is_at_end {
            return false;
        }
        let mut flaw_told = None;
        let mut last = self.after.unwrap_or(self.question.range.from);
        let page = self
            .reader
            .page(&self.question, self.after, PART, |entry| match entry {
                Entry::Update { head, .. } => {
                    last = head.position;
                    match entry.recorded() {
                        Some(Ok(line)) => chunk.rows.extend(Row::recorded(line, head.position)),
                        Some(Err(error)) => chunk.bad_rows.push(BadRow::new(head.position, error)),
                        None => {}
                    }
                }
                Entry::Missing { first, end } => {
                    let why = flaw_told.take().unwrap_or_default();
                    let reason = format!(
                        "positions {first} to {} are missing in the log{why}",
                        end - 1
                    );
                    chunk.bad_rows.push(BadRow::new(first, reason));
                }
                // What is missing because of it follows.
                Entry::Flaw { name, offset, flaw } => {
                    flaw_told = Some(format!(" ({name}: at byte {offset}: {flaw})"));
                }
                // Statuses are skipped, because the server computes its own.
                Entry::Status { .. } | Entry::Publish(_) => {}
            });
        match page {
            Ok(after) => {
                self.after = after;
                self.is_at_end = after.is_none();
            }
            Err(error) => {
                self.is_at_end = true;
                chunk.bad_rows.push(BadRow {
                    is_end: true,
                    ..BadRow::new(last, error)
                });
            }
        }
        true
    }
}
