//! What a node tells the server around it.

use std::sync::Arc;

use tickcast_core::tape::Strip;
use tickcast_protocol::message::Lineage;

use crate::{
    book::Refusal,
    ids::{MemberId, Sequence},
    message::MessageError,
    orders::Order,
};

/// What a node tells the server around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is a member.
    Joined,
    /// It was taken for dead, and comes back as another member. This many updates of feeds were not
    /// written yet, and are dropped.
    Expelled {
        /// How many.
        dropped: u64,
    },
    /// It is not let in.
    Refused(Refusal),
    /// An epoch has begun.
    Began(Lineage),
    /// It has one of its feeds, by the index in its settings, or has it no more.
    Runs {
        /// The index.
        feed: u16,
        /// Whether it is to run it.
        is_own: bool,
    },
    /// An operator has ordered something.
    Ordered {
        /// What.
        order: Order,
        /// Whether the operator has done so at this node.
        is_own: bool,
    },
    /// A message of this member does not count, because the member has read another stream or has
    /// made something else of it.
    Disagrees(MemberId),
    /// As many nodes as have read what this one has, or more, have read something else. This node
    /// must read the stream again; another one can begin.
    Outvoted,
}

/// What came of reading a message.
#[derive(Debug, Default)]
pub struct Read {
    /// Strips for the shards.
    pub strips: Vec<Arc<Strip>>,
    /// What else happened.
    pub events: Vec<Event>,
}

/// The stream cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Messages are missing.
    #[error("message {found} of the stream follows {last}: those between are missing")]
    Hole {
        /// The last one that was read.
        last: Sequence,
        /// The one that came.
        found: Sequence,
    },
    /// A node of another version writes to it.
    #[error("message {sequence} of the stream: {error}")]
    Version {
        /// Which one.
        sequence: Sequence,
        /// What is wrong.
        error: MessageError,
    },
}
