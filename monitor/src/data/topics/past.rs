//! The state of a topic's older history.

use tickcast_protocol::message::{Position, Seq};

/// The state of a topic's older history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PastHistory {
    /// Not every update is subscribed.
    #[default]
    Unasked,
    /// Updates before this position are not known, and may be requested.
    Before(Position),
    /// The server holds nothing older.
    Complete,
    /// The server cannot deliver it.
    Unavailable,
}

/// The first sample from which on no update is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint {
    pub(super) index: u64,
    pub(super) position: Position,
    pub(super) seq: Seq,
}
