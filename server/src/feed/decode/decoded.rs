//! What became of a payload: its updates, and what was left out of them.

use smallvec::SmallVec;
use tickcast_core::work::NewUpdate;

use super::error::DecodeError;

/// What became of a payload. Each part of it is an update or is counted.
#[derive(Debug, Default, PartialEq)]
pub struct Decoded {
    /// The updates, in the order of the payload.
    pub updates: SmallVec<[NewUpdate; 1]>,
    /// Parts that could not be read.
    pub errors: Vec<DecodeError>,
    /// Parts that the rule passes over, such as heartbeats.
    pub passed_over: u64,
    /// Errors that the source reports.
    pub reported: Vec<String>,
    /// Updates whose time was unreadable or impossible: they have no source time.
    pub times_ignored: u64,
    /// Readings whose number needs more digits than a reading has.
    pub rounded: u64,
    /// Parts beyond the bounds on parts and levels.
    pub left_out: u64,
    /// A part whose name had to be changed to be a level of a topic: the name, and its new topic.
    pub renamed: Option<(String, String)>,
}

impl Decoded {
    /// Number of parts that are an update or counted.
    pub(super) fn parts(&self) -> u64 {
        let kept = self.updates.len() + self.errors.len() + self.reported.len();
        kept as u64 + self.passed_over + self.left_out
    }
}
