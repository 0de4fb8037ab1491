//! Gaps between samples.

use tickcast_protocol::message::TimeNs;

/// The most gaps of one series. When there are more, the samples before the oldest gap are
/// forgotten, because a line across a forgotten gap would be wrong.
pub(crate) const GAPS_MAX: usize = 4096;

/// Why updates are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GapCause {
    /// The server no longer had them, or the connection was lost for too long.
    Lost,
    /// The server was restarted: what happened in between is not known.
    Restart,
    /// The server was restarted and has lost updates that are shown before the gap.
    Truncated,
    /// The server says that updates may be missing: its source was away, or the server itself.
    SourceAway,
    /// The source sent something that is not a number.
    NotANumber,
}

/// A range of time in which updates are missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesGap {
    /// Index of the first sample after it.
    pub before: u64,
    /// Time of the last sample before it.
    pub from_ns: TimeNs,
    /// Time of the first sample after it.
    pub to_ns: TimeNs,
    /// How many updates are missing; `None` if unknown.
    pub lost: Option<u64>,
    /// The cause.
    pub cause: GapCause,
}
