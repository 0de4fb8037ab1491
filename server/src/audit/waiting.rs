//! Lines on their way to the thread, and their numbers.

use jiff::Timestamp;
use serde::Serialize;
use tickcast_core::stats::Number;

use super::line::Line;
use crate::clock;

/// What goes to the thread.
#[derive(Debug)]
pub(super) enum Item {
    /// A line of the file.
    Line(Vec<u8>),
    /// The audit ends.
    End,
}

/// The counters of the audit.
#[derive(Debug, Default)]
pub(crate) struct AuditStats {
    /// Lines that were written.
    pub(crate) lines: Number,
    /// Lines that were dropped: too many at once, or the file could not be written.
    pub(crate) dropped: Number,
}

/// A line with its time.
#[derive(Debug, Serialize)]
struct Timed<'a> {
    time: String,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// A line as bytes, with the time of now.
pub(super) fn encode(line: &Line<'_>) -> Vec<u8> {
    let wall_ns = clock::wall_ns();
    let time = Timestamp::from_nanosecond(i128::from(wall_ns)).unwrap_or_default();
    // Numbers and texts are always JSON.
    let mut bytes = serde_json::to_vec(&Timed {
        time: time.to_string(),
        line,
    })
    .unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
