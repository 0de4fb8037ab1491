//! A message as the stream delivers it, and what identifies it.

use bincode::{Decode, Encode};
use tickcast_protocol::message::TimeNs;
use xxhash_rust::xxh3::xxh3_64;

use crate::ids::Sequence;

/// A message as the stream delivers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered<'a> {
    /// Its number in the stream.
    pub sequence: Sequence,
    /// When the stream took it, in ns since the Unix epoch.
    pub time_ns: TimeNs,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Delivered<'_> {
    /// What identifies it.
    pub fn mark(&self) -> Mark {
        Mark {
            sequence: self.sequence,
            time_ns: self.time_ns,
            checksum: checksum(self.bytes),
        }
    }
}

/// A checksum (XXH3, 64 bits).
pub fn checksum(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Identifies a message: two streams with the same message at a sequence are the same up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    /// Its number in the stream.
    pub sequence: Sequence,
    /// When the stream took it.
    pub time_ns: TimeNs,
    /// The checksum of its bytes (XXH3, 64 bits).
    pub checksum: u64,
}
