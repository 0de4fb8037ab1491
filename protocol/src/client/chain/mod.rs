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
            (Some(token), Start::Resumed) => {
                let kept = chain.kept(token, lineage);
                kept.and_then(|kept| match token.position > kept {
                    false => chain.check_resumed(token),
                    true => Err(kept_otherwise(token, kept)),
                })
            }
            (Some(token), Start::Truncated) => {
                let kept = chain.kept(token, lineage);
                kept.and_then(|kept| chain.check_truncated(token, kept, accepted.lost))
            }
            _ => Ok(()),
        };
        (chain, check)
    }

    /// The last position of the token's epoch that the server has.
    fn kept(&self, token: &Resume, lineage: &Lineage) -> Result<Position, ChainError> {
        let kept = lineage.kept(token.epoch);
        kept.filter(|_| self.epoch == lineage.epoch)
            .ok_or(ChainError::Epoch {
                expected: token.epoch,
                epoch: self.epoch,
            })
    }

    /// What the client has beyond `kept` is taken back, so a snapshot of everything comes.
    fn check_truncated(
        &self,
        token: &Resume,
        kept: Position,
        lost: Option<u64>,
    ) -> Result<(), ChainError> {
        if token.position <= kept {
            return Err(kept_otherwise(token, kept));
        }
        if self.position > kept {
            return Err(ChainError::Position {
                expected: kept,
                position: self.position,
            });
        }
        if self.snapshot_starts_after(0) {
            return Err(ChainError::Snapshot {
                expected: Some(0),
                from: self.snapshot.map_or(self.position, |snapshot| snapshot.at),
            });
        }
        match (self.count, token.count, lost) {
            (Some(count), Some(expected), Some(lost))
                if count.checked_add(lost) != Some(expected) =>
            {
                Err(ChainError::Count { expected, count })
            }
            _ => Ok(()),
        }
    }

    /// The server may go back a little, but never forward: repetition is harmless.
    fn check_resumed(&self, token: &Resume) -> Result<(), ChainError> {
        if self.position > token.position {
            return Err(ChainError::Position {
                expected: token.position,
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
                expected: token.snapshot,
                from: self.snapshot.map_or(self.position, |snapshot| snapshot.at),
            });
        }
        match (self.mode, self.count, token.count) {
            (Mode::Every, Some(count), Some(expected))
                if count != expected && self.position == token.position =>
            {
                Err(ChainError::Count { expected, count })
            }
            _ => Ok(()),
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

fn kept_otherwise(token: &Resume, kept: Position) -> ChainError {
    ChainError::Kept {
        position: token.position,
        kept,
    }
}

impl OpenSnapshot {
    fn new(at: Option<Position>, end: Position) -> Option<Self> {
        at.filter(|&at| at < end).map(|at| Self { at, end })
    }
}

#[cfg(test)]
mod tests;
