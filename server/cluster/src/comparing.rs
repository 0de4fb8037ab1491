//! How far the stream is what an earlier life of the node has read.

use tickcast_protocol::message::{Epoch, Lineage, Position};

use crate::chain::{Chain, Proof};

/// What a life of a node had read before this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The epoch, and the earlier ones that it continues.
    pub lineage: Lineage,
    /// The digests.
    pub chain: Chain,
}

/// Compares each message with what is known.
#[derive(Debug)]
pub(crate) struct Comparing {
    known: Known,
    /// The position at the last message that is the same.
    kept: Position,
}

/// The stream does not have everything of an epoch any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndLost {
    pub(crate) before: Epoch,
    /// The last position of it that is left.
    pub(crate) kept: Position,
    /// What the node had read.
    pub(crate) read: Proof,
}

impl Comparing {
    pub(crate) fn new(known: Known) -> Self {
        Self { known, kept: 0 }
    }

    /// Notes that a message was read, after which the position is `position`.
    pub(crate) fn note(&mut self, read: &Chain, position: Position) {
        let last = read.last();
        if self.known.chain.last().sequence >= last.sequence
            && self.known.chain.at(last.sequence) == Some(last.digest)
        {
            self.kept = position;
        }
    }

    /// What the stream has lost, if it is not what was known. `now` is what it says of its epochs.
    pub(crate) fn lost(&self, read: &Chain, now: &Lineage) -> Option<EndLost> {
        let Known { lineage, chain } = &self.known;
        let last = chain.last();
        // An earlier life of which too much has passed since cannot be compared.
        let is_same = last.sequence <= read.last().sequence
            && read.at(last.sequence).is_none_or(|at| at == last.digest);
        if is_same {
            return None;
        }
        // The stream may also have lost that an epoch had begun. Then the newest one that it knows
        // has lost its end.
        let earlier = lineage.continues.iter().rev().map(|ended| ended.epoch);
        let mut epochs = std::iter::once(lineage.epoch).chain(earlier);
        let before = epochs.find(|epoch| now.kept(*epoch).is_some())?;
        let kept = self.kept.min(lineage.kept(before)?);
        let read = last;
        Some(EndLost { before, kept, read })
    }
}
