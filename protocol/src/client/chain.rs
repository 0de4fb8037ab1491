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

    /// The server may go back a little, never forward: what it repeats does no harm.
    fn check_resumed(&self, token: &Resume) -> Result<(), ChainError> {
        if self.position > token.position {
            return Err(ChainError::Position {
                expected: token.position,
                position: self.position,
            });
        }
        if self.snapshot_starts_behind(token.snapshot.unwrap_or(token.position)) {
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

    /// Whether what changed behind `known` is left out of the snapshot that should bring it.
    fn snapshot_starts_behind(&self, known: Position) -> bool {
        match self.snapshot {
            Some(snapshot) => snapshot.at > known,
            None => self.position > known,
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

    /// Takes in that the subscription has another mode now. It may go back a little.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Quality, Update},
        value::Value,
    };

    const EPOCH: Epoch = Epoch(1);

    fn accepted(position: Position, snapshot: Option<Position>, start: Start) -> Accepted {
        Accepted {
            filter: "#".into(),
            channel: 1,
            mode: Mode::Every,
            max_rate_hz: None,
            epoch: EPOCH,
            position,
            count: position * 2,
            snapshot,
            start,
        }
    }

    fn at(position: Position, snapshot: Option<Position>) -> Chain {
        Chain::new(&accepted(position, snapshot, Start::Fresh))
    }

    fn batch(from: Position, to: Position, snapshot: bool) -> Batch<()> {
        Batch {
            channel: 1,
            from,
            to,
            snapshot,
            topics: vec![],
            updates: vec![],
        }
    }

    fn update(position: Position) -> Update<()> {
        Update {
            topic: (),
            position,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value: Value::Reading(0.0),
        }
    }

    fn gap(from: Position, to: Position, lost: Option<u64>, snapshot: Position) -> Gap {
        Gap {
            channel: 1,
            from,
            to,
            lost,
            snapshot,
        }
    }

    fn token(position: Position, count: Option<u64>, snapshot: Option<Position>) -> Resume {
        Resume {
            epoch: EPOCH,
            position,
            count,
            snapshot,
        }
    }

    #[test]
    fn a_snapshot_chains_to_where_live_batches_begin() {
        let mut chain = at(10, Some(0));
        chain.batch(&batch(0, 7, true)).unwrap();
        assert_eq!(chain.token(), token(10, Some(20), Some(7)));
        chain.batch(&batch(7, 10, true)).unwrap();
        assert_eq!(chain.token(), token(10, Some(20), None));
        let mut live = batch(10, 15, false);
        live.updates = vec![update(11), update(15)];
        chain.batch(&live).unwrap();
        assert_eq!(chain.token(), token(15, Some(22), None));
    }

    #[test]
    fn a_gap_moves_position_and_count_and_starts_a_snapshot() {
        let mut chain = at(10, None);
        chain.gap(&gap(10, 50, Some(30), 10)).unwrap();
        assert_eq!(chain.token(), token(50, Some(50), Some(10)));
        chain.batch(&batch(10, 50, true)).unwrap();
        chain.batch(&batch(50, 51, false)).unwrap();
        chain.gap(&gap(51, 60, None, 40)).unwrap();
        assert_eq!(chain.token(), token(60, None, Some(40)));
    }

    #[track_caller]
    fn check(mut chain: Chain, batch: Batch<()>, expected: ChainError) {
        assert_eq!(chain.batch(&batch), Err(expected));
    }

    #[test]
    fn batches_that_do_not_go_on_where_the_last_one_ended_are_proof_of_a_loss() {
        let live = |expected, from| ChainError::Live { expected, from };
        check(at(10, None), batch(11, 12, false), live(10, 11));
        check(at(10, None), batch(9, 12, false), live(10, 9));
        let snapshot = |expected, from| ChainError::Snapshot { expected, from };
        check(at(10, Some(0)), batch(1, 5, true), snapshot(Some(0), 1));
        check(at(10, Some(0)), batch(0, 11, true), snapshot(Some(0), 0));
        check(at(10, None), batch(0, 10, true), snapshot(None, 0));
        let cut = ChainError::SnapshotCut { at: 0, end: 10 };
        check(at(10, Some(0)), batch(10, 11, false), cut);
    }

    #[test]
    fn ranges_that_cannot_be_are_refused() {
        let range = |from, to| ChainError::Range { from, to };
        check(at(10, None), batch(10, 9, false), range(10, 9));
        for positions in [vec![10], vec![16], vec![12, 12], vec![13, 12]] {
            let mut wrong = batch(10, 15, false);
            wrong.updates = positions.into_iter().map(update).collect();
            check(at(10, None), wrong, range(10, 15));
        }
        assert_eq!(at(10, None).gap(&gap(10, 9, None, 10)), Err(range(10, 9)));
    }

    #[test]
    fn a_gap_elsewhere_or_with_too_short_a_snapshot_is_proof_of_a_loss() {
        let elsewhere = ChainError::Live {
            expected: 10,
            from: 11,
        };
        assert_eq!(at(10, None).gap(&gap(11, 20, None, 10)), Err(elsewhere));
        let too_short = |expected, from| {
            Err(ChainError::Snapshot {
                expected: Some(expected),
                from,
            })
        };
        let from_11 = gap(10, 20, None, 11);
        assert_eq!(at(10, None).gap(&from_11), too_short(10, 11));
        let from_5 = gap(10, 20, None, 5);
        assert_eq!(at(10, Some(4)).gap(&from_5), too_short(4, 5));
    }

    #[test]
    fn a_resumed_subscription_may_go_back_but_not_forward() {
        #[track_caller]
        fn check(accepted: &Accepted, token: Resume, expected: Result<(), ChainError>) {
            assert_eq!(Chain::resume(accepted, Some(&token)).1, expected);
        }
        let resumed = |position, snapshot| accepted(position, snapshot, Start::Resumed);
        check(&resumed(10, None), token(10, Some(20), None), Ok(()));
        check(&resumed(9, None), token(10, Some(20), None), Ok(()));
        let position = ChainError::Position {
            expected: 10,
            position: 11,
        };
        check(&resumed(11, None), token(10, None, None), Err(position));
        let count = ChainError::Count {
            expected: 19,
            count: 20,
        };
        check(&resumed(10, None), token(10, Some(19), None), Err(count));
        // The rest of the snapshot must come, or live batches must begin before it.
        check(&resumed(10, Some(4)), token(10, None, Some(4)), Ok(()));
        check(&resumed(4, None), token(10, None, Some(4)), Ok(()));
        let rest = |from| ChainError::Snapshot {
            expected: Some(4),
            from,
        };
        check(
            &resumed(10, Some(5)),
            token(10, None, Some(4)),
            Err(rest(5)),
        );
        check(&resumed(10, None), token(10, None, Some(4)), Err(rest(10)));
        // Of what the server does not resume it may give another position.
        let fresh = accepted(11, None, Start::EpochChanged);
        check(&fresh, token(10, None, None), Ok(()));
    }

    #[test]
    fn a_change_of_mode_takes_the_servers_count_and_may_go_back() {
        let mut chain = at(10, None);
        let changed = |mode, position| Changed {
            id: 1,
            previous: 1,
            channel: 2,
            mode,
            max_rate_hz: None,
            position,
            count: 7,
        };
        chain.changed(&changed(Mode::Latest, 10)).unwrap();
        assert_eq!(chain.token(), token(10, None, None));
        chain.changed(&changed(Mode::Every, 9)).unwrap();
        assert_eq!(chain.token(), token(9, Some(7), None));
        assert!(chain.changed(&changed(Mode::Every, 10)).is_err());
    }

    #[test]
    fn a_heartbeat_tells_of_a_lost_tail() {
        assert_eq!(at(10, None).heartbeat(10), Ok(()));
        assert_eq!(
            at(10, None).heartbeat(12),
            Err(ChainError::Position {
                expected: 10,
                position: 12
            })
        );
    }
}
