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

/// Samples of which none is missing, from before the subscription began anew. They are part of the
/// newer ones again when these reach back to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EarlierPart {
    pub(super) joint: Joint,
    /// The index after the last of them.
    pub(super) end: u64,
    /// What was known of the time before them.
    pub(super) past: PastHistory,
}
