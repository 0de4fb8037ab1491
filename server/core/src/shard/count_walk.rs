//! Counting the updates of a channel up to a position, by reading the tape from the nearest
//! position at which the number is known.

use tickcast_protocol::message::Position;

use super::{channel::Channel, steps::Steps};
use crate::tape::Tape;

/// A count that can be interrupted; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CountWalk {
    /// How far it has come, and the number of updates up to there.
    at: (Position, u64),
}

/// The result of [`CountWalk::advance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// The number of updates of the channel up to the position.
    Known(u64),
    /// The tape does not hold the updates after the position any more.
    Unknown,
    /// The steps are used up.
    Searching,
}

impl CountWalk {
    /// Starts where the distance to `target` is shortest, out of positions with known counts. One
    /// of them must be the head of the tape.
    pub(super) fn from_nearest(
        target: Position,
        known: impl IntoIterator<Item = (Position, u64)>,
    ) -> Self {
        let nearest = known
            .into_iter()
            .min_by_key(|(position, _)| position.abs_diff(target));
        Self {
            at: nearest.unwrap_or_default(),
        }
    }

    /// Goes on towards `target`, which may have moved since the last call.
    pub(super) fn advance(
        &mut self,
        target: Position,
        channel: &mut Channel,
        tape: &Tape,
        steps: &mut Steps,
    ) -> Counted {
        let head = tape.head();
        let (mut position, mut count) = self.at;
        if position == target {
            return Counted::Known(count);
        }
        if target < tape.floor() {
            return Counted::Unknown;
        }
        if position < tape.floor() {
            // The tape has dropped what lies between: start again.
            (position, count) = (head, channel.count());
        }
        while position != target {
            let left = steps.left() as u64;
            if left == 0 {
                self.at = (position, count);
                return Counted::Searching;
            }
            let reads = left.min(position.abs_diff(target));
            steps.take(reads as usize);
            if position > target {
                count -= channel.count_between(position - reads, position, tape);
                position -= reads;
            } else {
                count += channel.count_between(position, position + reads, tape);
                position += reads;
            }
        }
        self.at = (position, count);
        channel.remember_count(position, count);
        Counted::Known(count)
    }
}
