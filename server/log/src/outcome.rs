//! How much a log keeps, and what it answers.

use tickcast_protocol::message::{EndedEpoch, Position};

use crate::{cut::Cut, error::LogError, recovery::Hole, segment::Segment, walk::Stop};

/// How much is kept, and in which pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// Bytes of a segment. It is longer if the topics alone take more than half of it.
    pub segment_bytes: u64,
    /// Bytes of all segments, at most. The newest segment is always kept.
    pub bytes_max: Option<u64>,
    /// Age of the newest update of a segment in ns, at most.
    pub age_max_ns: Option<i64>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            bytes_max: None,
            age_max_ns: None,
        }
    }
}

/// How the positions of a server continue those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The log was empty.
    New,
    /// The same epoch goes on: every update that a client can have is in the log.
    Same,
    /// A new epoch continues the last one at its last position in the log. Clients may have later
    /// updates of that epoch, which are lost.
    Follows(EndedEpoch),
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How positions continue.
    pub continuity: Continuity,
    /// What had to be cut off.
    pub cut: Option<Cut>,
    /// Positions that are missing between segments.
    pub holes: Vec<Hole>,
    /// Segments whose index was made anew, and where that walk has ended.
    pub rebuilt: Vec<(u64, Stop)>,
}

/// A segment that retention has removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The segment.
    pub segment: Segment,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBack {
    /// The first position that is not in the log any more.
    pub first: Position,
    /// The last one.
    pub last: Position,
    /// Number of segments that were set aside.
    pub segments: usize,
}

/// Some strips could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct WriteFailure {
    /// Number of strips that were written before.
    pub written: usize,
    /// Why the next one was not.
    pub error: LogError,
}

/// Why nothing more may be written.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// Syncing has failed. Another sync would succeed without what the kernel has dropped.
    NotSynced(String),
    /// A strip contradicted those before it.
    Content(Position, String),
}

impl From<Refusal> for LogError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotSynced(reason) => Self::NotSynced(reason),
            Refusal::Content(first, reason) => Self::Content { first, reason },
        }
    }
}
