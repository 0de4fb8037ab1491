//! Sequences of the stream, and names of members.

use std::fmt;

use bincode::{Decode, Encode};

/// The number that the stream gave to a message. It counts up from 1, without holes.
pub type Sequence = u64;

/// One life of a node: a node that comes back is another member. Drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
