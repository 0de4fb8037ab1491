//! How a line of the log is written.

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object with `time`, `level`, `target`, `message` and `fields`.
    Json,
}
