//! What is read of a recorded file.

use std::sync::Arc;

use tickcast_protocol::{
    message::{Quality, TimeNs},
    recording::RecordedLine,
    topic::Topic,
    value::Value,
};

/// One update of a recorded file. A row of a table has one for each of its columns of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The recorded time.
    pub time_ns: TimeNs,
    /// The topic.
    pub topic: Topic,
    /// The recorded value.
    pub value: Value,
    /// The unit of its readings, if the file has it.
    pub unit: Option<Arc<str>>,
    /// How far the value could be trusted.
    pub quality: Quality,
    /// The time of the event by the source's clock, where the file tells it apart.
    pub source_time_ns: Option<TimeNs>,
    /// Its line in the file, from 1.
    pub line: u64,
    /// Whether it is not the first update of its line.
    pub is_further: bool,
}

impl Row {
    /// The update of a line of a recording. A status is none: the server computes its own.
    pub(super) fn recorded(recorded: RecordedLine, line: u64) -> Option<Self> {
        Some(Self {
            time_ns: recorded.time,
            topic: recorded.topic,
            value: recorded.value?,
            unit: recorded.unit.map(Arc::from),
            quality: recorded.quality,
            source_time_ns: recorded.source_time,
            line,
            is_further: false,
        })
    }
}

/// A line, or a part of one, that cannot be read.
#[derive(Debug)]
pub struct BadRow {
    /// Its line, from 1.
    pub line: u64,
    /// The problem with it.
    pub reason: String,
    /// Whether nothing of the line can be read.
    pub is_whole: bool,
    /// Whether the file cannot be read beyond it.
    pub is_end: bool,
}

impl BadRow {
    pub(super) fn new(line: u64, reason: impl ToString) -> Self {
        Self {
            line,
            reason: reason.to_string(),
            is_whole: true,
            is_end: false,
        }
    }
}

/// Consecutive lines of a file.
#[derive(Debug, Default)]
pub struct Chunk {
    /// Their updates.
    pub rows: Vec<Row>,
    /// What cannot be read of them.
    pub bad_rows: Vec<BadRow>,
    /// Number of lines without a value that the format passes over.
    pub passed_over: u64,
}
