//! How subscribers behave.

use super::session::ReceiverTiming;

/// How a subscriber behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Reads as fast as it can, and times every update.
    Probe,
    /// Reads as fast as it can, and times a sample.
    Sample,
    /// Reads a few bytes at a time.
    Slow,
    /// Stops reading for a while, then continues.
    Stalled,
    /// Stops reading for good, answers no ping and never closes.
    Gone,
}

impl Role {
    /// Whether its latencies count.
    pub fn is_healthy(self) -> bool {
        matches!(self, Self::Probe | Self::Sample)
    }

    pub(super) fn timing(self) -> ReceiverTiming {
        match self {
            Self::Probe => ReceiverTiming::Probe,
            Self::Sample => ReceiverTiming::Sample,
            Self::Slow | Self::Stalled | Self::Gone => ReceiverTiming::None,
        }
    }
}

/// A subscriber of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its number in the whole run.
    pub index: usize,
    /// How it behaves.
    pub role: Role,
}
