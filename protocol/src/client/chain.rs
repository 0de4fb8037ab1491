//! One subscription's proof that nothing is missing, and the token to resume it with.
//!
//! Batches cover ranges of positions (`from`, `to`]. Live ones follow each other without a hole, and
//! so do those of a snapshot, on a chain of their own that ends where the live one begins.

use crate::message::{Accepted, Batch, Changed, Epoch, Gap, Mode, Position, Resume, Start};

/// A snapshot that is not complete yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Snapshot {
    at: Position,
    end: Position,
}

/// Where a subscription is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    epoch: Epoch,
    mode: Mode,
    position: Position,
    /// Updates accounted for at `position`; unknown after a gap that could not be counted.
    count: Option<u64>,
    snapshot: Option<Snapshot>,
}

/// Proof that something was lost, or that the server is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// A live batch or gap does not start where the last one ended.
    #[error("the client is at {expected}, the server goes on from {from}")]
    Live {
        /// Where we are.
        expected: Position,
        /// Where the server believes us to be.
        from: Position,
    },
    /// A batch of a snapshot does not start where the last one ended.
    #[error("the snapshot is at {expected:?}, the server goes on from {from}")]
    Snapshot {
        /// Where we are; `None` if no snapshot is under way.
        expected: Option<Position>,
        /// Where the server believes us to be.
        from: Position,
    },
    /// A live batch came before the snapshot was complete.
    #[error("the snapshot ended at {at} instead of {end}")]
    SnapshotCut {
        /// How far it came.
        at: Position,
        /// How far it should have come.
        end: Position,
    },
    /// A range that ends before it starts, or an update outside of its batch's range or order.
    #[error("the range ({from}, {to}] holds what it cannot hold")]
    Range {
        /// Start of the range.
        from: Position,
        /// End of the range.
        to: Position,
    },
    /// A heartbeat or an answer tells another position than ours.
    #[error("the client is at {expected}, the server has sent up to {position}")]
    Position {
        /// Where we are.
        expected: Position,
        /// Up to where the server has sent.
        position: Position,
    },
    /// The server resumed at another number of updates than we had.
    #[error("the client has accounted for {expected} updates, the server for {count}")]
    Count {
        /// Ours.
        expected: u64,
        /// The server's.
        count: u64,
    },
}

impl Chain {
    /// Starts where the server says.
    pub fn new(accepted: &Accepted) -> Self {
        Self {
            epoch: accepted.epoch,
            mode: accepted.mode,
            position: accepted.position,
            count: Some(accepted.count),
            snapshot: Snapshot::new(accepted.snapshot, accepted.position),
        }
    }

    /// Starts where the server says, and checks that this is where `token` ended, if the server
    /// says that it resumed there.
    pub fn resume(accepted: &Accepted, token: Option<&Resume>) -> (Self, Result<(), ChainError>) {
        let chain = Self::new(accepted);
        let check = match token {
            Some(token) if accepted.start == Start::Resumed => chain.check_resumed(token),
            _ => Ok(()),
        };
        (chain, check)
    }

    fn check_resumed(&self, token: &Resume) -> Result<(), ChainError> {
        if self.position != token.position {
            return Err(ChainError::Position {
                expected: token.position,
                position: self.position,
            });
        }
        match (self.mode, self.count, token.count) {
            (Mode::Every, Some(count), Some(expected)) if count != expected => {
                Err(ChainError::Count { expected, count })
            }
            _ => Ok(()),
        }
    }

    /// Takes a batch in, live or of a snapshot.
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
            // A snapshot of nothing.
            None if from == to => Ok(()),
            snapshot => Err(ChainError::Snapshot {
                expected: snapshot.map(|snapshot| snapshot.at),
                from,
            }),
        }
    }

    fn live_batch(&mut self, from: Position, to: Position, updates: u64) -> Result<(), ChainError> {
        if let Some(Snapshot { at, end }) = self.snapshot {
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

    /// Takes a gap in: what was lost is accounted for, and a snapshot starts.
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
        // A snapshot that starts later than where we are would leave a hole.
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
        self.snapshot = Snapshot::new(Some(gap.snapshot), to);
        Ok(())
    }

    /// Takes in that the subscription has another mode now.
    pub fn changed(&mut self, changed: &Changed) -> Result<(), ChainError> {
        self.heartbeat(changed.position)?;
        self.mode = changed.mode;
        self.count = Some(changed.count);
        Ok(())
    }

    /// Checks the position up to which the server says to have sent.
    pub fn heartbeat(&self, position: Position) -> Result<(), ChainError> {
        if position != self.position {
            return Err(ChainError::Position {
                expected: self.position,
                position,
            });
        }
        Ok(())
    }

    /// What to resume with.
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

    /// Up to where everything has arrived.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a snapshot is under way.
    pub fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }
}

impl Snapshot {
    fn new(at: Option<Position>, end: Position) -> Option<Self> {
        at.filter(|&at| at < end).map(|at| Self { at, end })
    }
}
