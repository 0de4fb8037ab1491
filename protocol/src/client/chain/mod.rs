//! Proves that one subscription misses nothing, and gives the token to resume it with.
//!
//! Batches cover ranges of positions (`from`, `to`]. Live batches follow each other without a hole.
//! The batches of a snapshot do so on a chain of their own, which ends where the live chain starts.

mod error;

pub use error::ChainError;

use crate::message::{
    Accepted, Batch, Changed, Epoch, Gap, Lineage, Mode, Position, Resume, Start,
};

/// The position of one subscription, live and in its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    epoch: Epoch,
    mode: Mode,
    position: Position,
    /// Updates accounted for at `position`. Unknown after a gap without a count.
    count: Option<u64>,
    snapshot: Option<OpenSnapshot>,
}

/// A snapshot that is not complete yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenSnapshot {
    /// Where it is.
    at: Position,
    /// Where it ends.
    end: Position,
}

impl Chain {
    /// Starts at the server's position.
    pub fn new(accepted: &Accepted) -> Self {
        Self {
            epoch: accepted.epoch,
            mode: accepted.mode,
            position: accepted.position,
            count: Some(accepted.count),
            snapshot: OpenSnapshot::new(accepted.snapshot, accepted.position),
        }
    }

    /// Starts at the server's position. If the server says that it resumed, checks that this is
    /// where `token` ended, or where the epoch of `token` was truncated. `lineage` is that of the
    /// [`Welcome`](crate::message::Welcome).
    pub fn resume(
        accepted: &Accepted,
        token: Option<&Resume>,
        lineage: &Lineage,
    ) -> (Self, Result<(), ChainError>) {
        let chain = Self::new(accepted);
        let check = match (token, accepted.start) {
            (Some(token), Start::Resumed | Start::Truncated) => {
                chain.check_continued(accepted, token, lineage)
            }
            _ => Ok(()),
        };
        (chain, check)
    }

    /// The server may go back a little, but never forward: repetition is harmless.
    fn check_continued(
        &self,
        accepted: &Accepted,
        token: &Resume,
        lineage: &Lineage,
    ) -> Result<(), ChainError> {
        let kept = lineage.kept(token.epoch);
        let kept = kept
            .filter(|_| self.epoch == lineage.epoch)
            .ok_or(ChainError::Epoch {
                expected: token.epoch,
                epoch: self.epoch,
            })?;
        let is_truncated = accepted.start == Start::Truncated;
        if is_truncated != (token.position > kept) {
            return Err(ChainError::Kept {
                position: token.position,
                kept,
            });
        }
        let expected = token.position.min(kept);
        if self.position > expected {
            return Err(ChainError::Position {
                expected,
                position: self.position,
            });
        }
        // In another epoch everything comes again: values may be missing that lost ones replaced.
        let known = match token.epoch == self.epoch {
            true => token.snapshot.unwrap_or(token.position),
            false => 0,
        };
        if self.snapshot_starts_after(known) {
            return Err(ChainError::Snapshot {
                expected: if is_truncated {
                    Some(known)
                } else {
                    token.snapshot
                },
                from: self.snapshot.map_or(self.position, |snapshot| snapshot.at),
            });
        }
        self.check_count(accepted, token)
    }

    /// A subscription that goes on a little earlier than its token may have another count.
    fn check_count(&self, accepted: &Accepted, token: &Resume) -> Result<(), ChainError> {
        let (Some(count), Some(expected)) = (self.count, token.count) else {
            return Ok(());
        };
        let is_right = match (accepted.start, accepted.lost) {
            (Start::Truncated, None) => true,
            (Start::Truncated, Some(lost)) => count.checked_add(lost) == Some(expected),
            _ => {
                let is_counted = self.mode == Mode::Every && self.position == token.position;
                !is_counted || count == expected
            }
        };
        match is_right {
            true => Ok(()),
            false => Err(ChainError::Count { expected, count }),
        }
    }

    /// Whether the snapshot leaves out changes after `known`, which it should contain.
    fn snapshot_starts_after(&self, known: Position) -> bool {
        match self.snapshot {
            Some(snapshot) => snapshot.at > known,
            None => self.position > known,
        }
    }

    /// Checks a batch, live or of a snapshot, and moves to its end.
    pub fn batch<T>(&mut self, batch: &Batch<T>) -> Result<(), ChainError> {
        let &Batch { from, to, .. } = batch;
        let mut last = from;
        for update in &batch.updates {
            if update.position <= last || update.position > to {
                return Err(ChainError::Range { from, to });
            }
            last = update.position;
        }
        if to < from {
            return Err(ChainError::Range { from, to });
        }
        if batch.snapshot {
            self.snapshot_batch(from, to)
        } else {
            self.live_batch(from, to, batch.updates.len() as u64)
        }
    }

    fn snapshot_batch(&mut self, from: Position, to: Position) -> Result<(), ChainError> {
        match &mut self.snapshot {
            Some(snapshot) if snapshot.at == from && to <= snapshot.end => {
                snapshot.at = to;
                if to == snapshot.end {
                    self.snapshot = None;
                }
                Ok(())
            }
            // An empty snapshot.
            None if from == to => Ok(()),
            snapshot => Err(ChainError::Snapshot {
                expected: snapshot.map(|snapshot| snapshot.at),
                from,
            }),
        }
    }

    fn live_batch(&mut self, from: Position, to: Position, updates: u64) -> Result<(), ChainError> {
        if let Some(OpenSnapshot { at, end }) = self.snapshot {
            return Err(ChainError::SnapshotCut { at, end });
        }
        if from != self.position {
            return Err(ChainError::Live {
                expected: self.position,
                from,
            });
        }
        self.position = to;
        self.count = self.count.map(|count| count.saturating_add(updates));
        Ok(())
    }

    /// Checks a gap and moves to its end. The lost updates count as accounted for, and a snapshot
    /// starts.
    pub fn gap(&mut self, gap: &Gap) -> Result<(), ChainError> {
        let &Gap { from, to, .. } = gap;
        if from != self.position {
            return Err(ChainError::Live {
                expected: self.position,
                from,
            });
        }
        if to < from {
            return Err(ChainError::Range { from, to });
        }
        // A snapshot that starts after the client's position would leave a hole.
        let expected = self.snapshot.map_or(from, |snapshot| snapshot.at);
        if gap.snapshot > expected {
            return Err(ChainError::Snapshot {
                expected: Some(expected),
                from: gap.snapshot,
            });
        }
        self.position = to;
        self.count = self
            .count
            .zip(gap.lost)
            .map(|(count, lost)| count.saturating_add(lost));
        self.snapshot = OpenSnapshot::new(Some(gap.snapshot), to);
        Ok(())
    }

    /// Checks a change of the mode and adopts its position, which may be a little further back.
    pub fn changed(&mut self, changed: &Changed) -> Result<(), ChainError> {
        if changed.position > self.position {
            return Err(ChainError::Position {
                expected: self.position,
                position: changed.position,
            });
        }
        self.position = changed.position;
        self.mode = changed.mode;
        self.count = Some(changed.count);
        // A snapshot under way ends at the position of the new channel.
        let at = self.snapshot.map(|snapshot| snapshot.at);
        self.snapshot = OpenSnapshot::new(at, self.position);
        Ok(())
    }

    /// Checks the position up to which the server has sent.
    pub fn heartbeat(&self, position: Position) -> Result<(), ChainError> {
        if position != self.position {
            return Err(ChainError::Position {
                expected: self.position,
                position,
            });
        }
        Ok(())
    }

    /// The token to resume with.
    pub fn token(&self) -> Resume {
        Resume {
            epoch: self.epoch,
            position: self.position,
            count: match self.mode {
                Mode::Every => self.count,
                Mode::Latest => None,
            },
            snapshot: self.snapshot.map(|snapshot| snapshot.at),
        }
    }

    /// The position up to which everything has arrived.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a snapshot is under way.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }
}

impl OpenSnapshot {
    fn new(at: Option<Position>, end: Position) -> Option<Self> {
        at.filter(|&at| at < end).map(|at| Self { at, end })
    }
}

#[cfg(test)]
mod tests;
