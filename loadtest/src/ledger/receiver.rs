//! Follows one subscription of Tickcast's protocol: the chain of positions from batch to batch, and
//! the seq of each topic. Pure.

use tickcast_protocol::message::{Accepted, Epoch, Gap, Mode, Position, Resume, Seq, Start};

use super::{
    account::{Account, Arrived, TopicKey},
    tally::Tally,
};
use crate::scan::BatchHead;

/// Marks a topic of which nothing is known. No seq comes near it.
const NEVER: Seq = Seq::MAX;

/// What is known of topics that a receiver has not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// The topics do not exist yet: their first seq is 1.
    New,
    /// Nothing is known: any first seq is accepted.
    Unknown,
}

/// One subscription's state.
///
/// Call [`accepted`](Self::accepted) when the server confirms the subscription, then
/// [`batch`](Self::batch) with [`update`](Self::update) for each of its updates, and
/// [`gap`](Self::gap) and [`heartbeat`](Self::heartbeat) as they come. [`resume`](Self::resume) is
/// the place to resume from after a reconnect. Call [`finish`](Self::finish) at the end.
#[derive(Debug)]
pub struct Receiver {
    mode: Mode,
    baseline: Baseline,
    epoch: Epoch,
    position: Position,
    count: u64,
    snapshot: Option<Position>,
    /// Whether the snapshot under way, or the one before the next live batch, belongs to a gap.
    in_gap: bool,
    head: BatchHead,
    at: Position,
    last: Vec<Seq>,
    account: Account,
}

impl Receiver {
    /// Nothing received yet.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            baseline: Baseline::Unknown,
            epoch: Epoch(0),
            position: 0,
            count: 0,
            snapshot: None,
            in_gap: false,
            head: BatchHead {
                channel: 0,
                from: 0,
                to: 0,
                snapshot: false,
            },
            at: 0,
            last: Vec::new(),
            account: Account::default(),
        }
    }

    /// The server confirmed the subscription.
    pub fn accepted(&mut self, accepted: &Accepted, baseline: Baseline, tally: &mut Tally) {
        if accepted.start == Start::Resumed {
            // The server may go back where nothing of the subscription lies between, never forward.
            if accepted.position > self.position {
                tally.chain_breaks += 1;
            }
        } else {
            *self = Self::new(accepted.mode);
            self.baseline = baseline;
        }
        self.epoch = accepted.epoch;
        self.position = accepted.position;
        self.count = accepted.count;
        self.start_snapshot(accepted.snapshot, false);
    }

    /// Where to resume after a reconnect.
    pub fn resume(&self) -> Resume {
        Resume {
            epoch: self.epoch,
            position: self.position,
            count: (self.mode == Mode::Every).then_some(self.count),
            snapshot: self.snapshot,
        }
    }

    /// The position up to which this receiver has everything.
    pub fn position(&self) -> Position {
        self.position
    }

    /// A batch begins.
    pub fn batch(&mut self, head: BatchHead, tally: &mut Tally) {
        if head.snapshot {
            if self.snapshot != Some(head.from) || head.to > self.position {
                tally.chain_breaks += 1;
            }
            self.snapshot = Some(head.to).filter(|&to| to < self.position);
        } else {
            if self.position != head.from || self.snapshot.is_some() {
                tally.chain_breaks += 1;
            }
            self.snapshot = None;
            self.in_gap = false;
            self.position = head.to;
        }
        self.head = head;
        self.at = head.from;
    }

    /// One update of the batch.
    pub fn update(&mut self, topic: TopicKey, position: Position, seq: Seq, tally: &mut Tally) {
        if position <= self.at || position > self.head.to {
            tally.misplaced += 1;
        }
        self.at = position;
        let is_snapshot = self.head.snapshot;
        if is_snapshot {
            tally.snapshot += 1;
        } else {
            tally.live += 1;
            self.count += 1;
        }
        let index = topic as usize;
        if self.last.len() <= index {
            self.last.resize(index + 1, NEVER);
        }
        let last = &mut self.last[index];
        if *last == NEVER {
            if self.baseline == Baseline::Unknown || is_snapshot && !self.in_gap {
                *last = seq;
                if self.in_gap {
                    tally.gaps_unchecked += 1;
                }
                return;
            }
            *last = 0;
        }
        if !is_snapshot && Account::is_next(last, seq) {
            return;
        }
        let before = Balance::of(&self.account, self.mode);
        let arrived = self
            .account
            .arrived(self.mode, topic, last, seq, is_snapshot);
        match arrived {
            Arrived::InOrder { conflated } => tally.conflated += conflated,
            Arrived::Duplicate => tally.duplicated += 1,
            Arrived::Reordered => tally.reordered += 1,
        }
        self.carry(before, tally);
    }

    /// The server announces a gap: updates will not come one by one.
    pub fn gap(&mut self, gap: &Gap, tally: &mut Tally) {
        tally.gaps += 1;
        if gap.from != self.position || self.mode == Mode::Latest {
            tally.chain_breaks += 1;
        }
        self.position = gap.to;
        match gap.lost {
            Some(lost) => {
                tally.announced += lost;
                self.count += lost;
                let before = Balance::of(&self.account, self.mode);
                self.account.announce(lost);
                self.carry(before, tally);
            }
            None => tally.gaps_unchecked += 1,
        }
        self.start_snapshot(Some(gap.snapshot), true);
    }

    /// The server states up to where it has sent this subscription.
    pub fn heartbeat(&mut self, position: Position, tally: &mut Tally) {
        if position != self.position {
            tally.chain_breaks += 1;
        }
    }

    /// Called at the end with the newest seq of each topic of this subscription. Counts as missing,
    /// in mode `every`, the updates that did not come, and in mode `latest` the final value.
    pub fn finish(&mut self, topic: TopicKey, newest: Seq, tally: &mut Tally) {
        let last = match (self.newest(topic), self.baseline) {
            (Some(last), _) => last,
            (None, Baseline::New) => 0,
            // The snapshot should have brought its newest value.
            (None, Baseline::Unknown) => newest.saturating_sub(1),
        };
        let behind = newest.saturating_sub(last);
        match self.mode {
            Mode::Every => {
                let before = Balance::of(&self.account, self.mode);
                self.account.skip(behind);
                self.carry(before, tally);
            }
            Mode::Latest => tally.missing += behind.min(1),
        }
    }

    /// The newest seq of a topic that came.
    pub fn newest(&self, topic: TopicKey) -> Option<Seq> {
        self.last
            .get(topic as usize)
            .copied()
            .filter(|&seq| seq != NEVER)
    }

    fn start_snapshot(&mut self, from: Option<Position>, in_gap: bool) {
        self.snapshot = from.filter(|&from| from < self.position);
        self.in_gap = in_gap;
    }

    /// Carries a change of the account into the tally.
    fn carry(&self, before: Balance, tally: &mut Tally) {
        let after = Balance::of(&self.account, self.mode);
        tally.missing = tally.missing - before.missing + after.missing;
        tally.overstated = tally.overstated - before.overstated + after.overstated;
    }
}

/// What is wrong with an account at a moment.
struct Balance {
    missing: u64,
    overstated: u64,
}

impl Balance {
    fn of(account: &Account, mode: Mode) -> Self {
        Self {
            missing: account.missing(mode),
            overstated: account.overstated(mode),
        }
    }
}
