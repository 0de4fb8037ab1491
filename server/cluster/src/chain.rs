//! The checksum of everything that a node has read and made of it.
//!
//! Each message takes the checksum on: its sequence, its time, its bytes, and the strips that came
//! of it. Two nodes with the same digest at a sequence have read the same stream and have made the
//! same of it. Each message says how far its node had read and the digest there, so all nodes check
//! each other all the time.

use std::collections::VecDeque;

use bincode::{Decode, Encode};
use tickcast_core::tape::Strip;
use tickcast_protocol::message::TimeNs;
use xxhash_rust::xxh3::Xxh3;

use crate::ids::Sequence;

/// Number of digests that are kept: a node that is further behind than this proves nothing by its
/// messages. Members write at least once per second.
pub const AGREEMENT_MAX: usize = 4096;

/// A checksum (XXH3, 64 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Digest(pub u64);

/// What a node has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Proof {
    /// The sequence of the last message; 0 for none.
    pub sequence: Sequence,
    /// The digest there.
    pub digest: Digest,
}

/// How a proof compares with what this node has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    Same,
    Other,
    /// It is older than what is kept.
    Unknown,
    /// It tells of messages that this node has not read.
    Ahead,
}

/// The digests of the newest messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Chain {
    last: Proof,
    /// The digests up to the last one.
    digests: VecDeque<Digest>,
}

impl Chain {
    /// The last message and the digest there.
    pub fn last(&self) -> Proof {
        self.last
    }

    /// The digest at a sequence, if it is kept.
    pub fn at(&self, sequence: Sequence) -> Option<Digest> {
        if sequence == 0 {
            return Some(Digest::default());
        }
        let back = self.last.sequence.checked_sub(sequence)?;
        let index = (self.digests.len() as u64).checked_sub(back + 1)?;
        self.digests.get(index as usize).copied()
    }

    pub(crate) fn compare(&self, proof: Proof) -> Compared {
        if proof.sequence > self.last.sequence {
            return Compared::Ahead;
        }
        match self.at(proof.sequence) {
            Some(digest) if digest == proof.digest => Compared::Same,
            Some(_) => Compared::Other,
            None => Compared::Unknown,
        }
    }

    /// Takes the next message, and the strips that came of it.
    pub(crate) fn push<'s>(
        &mut self,
        sequence: Sequence,
        time_ns: TimeNs,
        bytes: &[u8],
        strips: impl Iterator<Item = &'s Strip>,
    ) {
        let mut hash = Xxh3::with_seed(self.last.digest.0);
        hash.update(&sequence.to_le_bytes());
        hash.update(&time_ns.to_le_bytes());
        hash.update(bytes);
        // A strip of answers alone is made by the node of their clients only.
        let says = |strip: &&Strip| {
            !strip.is_empty() || !strip.topics().is_empty() || !strip.statuses().is_empty()
        };
        for strip in strips.filter(says) {
            hash.update(&strip.end().to_le_bytes());
            for update in strip.updates() {
                hash.update(update.bincode);
            }
            for info in strip.topics() {
                hash.update(&info.id.to_le_bytes());
                for text in [&info.unit, &info.name, &info.state_class] {
                    hash.update(text.as_deref().unwrap_or_default().as_bytes());
                }
            }
            for change in strip.statuses() {
                hash.update(&change.topic.to_le_bytes());
                hash.update(&[change.status as u8]);
            }
        }
        let digest = Digest(hash.digest());
        self.last = Proof { sequence, digest };
        self.digests.push_back(digest);
        if self.digests.len() > AGREEMENT_MAX {
            self.digests.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_compared_as_far_back_as_digests_are_kept() {
        let mut chain = Chain::default();
        let mut proofs = vec![chain.last()];
        for sequence in 1..=AGREEMENT_MAX as u64 + 10 {
            chain.push(sequence, 5, b"m", std::iter::empty());
            proofs.push(chain.last());
        }
        for (sequence, proof) in proofs.iter().enumerate() {
            let expected = match sequence {
                1..=10 => Compared::Unknown,
                _ => Compared::Same,
            };
            assert_eq!(chain.compare(*proof), expected, "{sequence}");
        }
        let other = Proof {
            digest: Digest(1),
            ..chain.last()
        };
        assert_eq!(chain.compare(other), Compared::Other);
        let ahead = Proof {
            sequence: chain.last().sequence + 1,
            ..chain.last()
        };
        assert_eq!(chain.compare(ahead), Compared::Ahead);
    }

    #[test]
    fn every_byte_every_time_and_every_message_before_counts() {
        let digest = |messages: &[(u64, &[u8])]| {
            let mut chain = Chain::default();
            for (sequence, (time_ns, bytes)) in (1..).zip(messages) {
                chain.push(sequence, *time_ns as i64, bytes, std::iter::empty());
            }
            chain.last().digest
        };
        let one = digest(&[(1, b"ab"), (2, b"c")]);
        assert_eq!(one, digest(&[(1, b"ab"), (2, b"c")]));
        for other in [
            digest(&[(1, b"ab"), (2, b"d")]),
            digest(&[(1, b"ab"), (3, b"c")]),
            digest(&[(1, b"a"), (2, b"c")]),
            digest(&[(2, b"c")]),
        ] {
            assert_ne!(one, other);
        }
    }
}
