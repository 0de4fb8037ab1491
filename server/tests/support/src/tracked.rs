//! A subscription that is compared with the truth.

use std::collections::BTreeMap;

use tickcast_protocol::{
    client::Chain,
    message::{Accepted, Batch, Epoch, Gap, Lineage, Mode, Position, Resume, Start},
    topic::Topic,
};

use crate::truth::Truth;

/// A state that a subscription can return to.
#[derive(Debug, Clone)]
struct Saved {
    token: Resume,
    known: BTreeMap<usize, Position>,
}

/// Counts of what subscriptions have seen.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    /// Updates received.
    pub updates: u64,
    /// Subscriptions that were resumed.
    pub resumed: u64,
    /// Resumed subscriptions that were in the middle of a snapshot.
    pub resumed_in_snapshot: u64,
    /// Gaps.
    pub gaps: u64,
    /// Updates lost in gaps.
    pub lost: u64,
    /// Subscriptions that started afresh because the server was another one.
    pub epoch_changes: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.resumed += other.resumed;
        self.resumed_in_snapshot += other.resumed_in_snapshot;
        self.gaps += other.gaps;
        self.lost += other.lost;
        self.epoch_changes += other.epoch_changes;
    }
}

/// A subscription over all its connections. Each message is compared with the truth.
#[derive(Debug)]
pub struct Tracked<'a> {
    truth: &'a Truth,
    /// What it subscribes to.
    pub filter: &'static str,
    /// Its mode.
    pub mode: Mode,
    epoch: Epoch,
    chain: Option<Chain>,
    /// The newest position received of each topic.
    known: BTreeMap<usize, Position>,
    /// From this position on every topic must be known: it may have changed during the snapshot.
    complete_at: Option<Position>,
    /// Newest last.
    saved: Vec<Saved>,
    /// What it has seen.
    pub seen: Seen,
}

/// How many states a client can go back.
const SAVED_MAX: usize = 4;

impl<'a> Tracked<'a> {
    /// A subscription that has seen nothing.
    pub fn new(truth: &'a Truth, filter: &'static str, mode: Mode) -> Self {
        Self {
            truth,
            filter,
            mode,
            epoch: Epoch(0),
            chain: None,
            known: BTreeMap::new(),
            complete_at: None,
            saved: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// Returns to the state of `steps` messages ago, or to the earliest saved one.
    /// The result is the token to resume with.
    pub fn go_back(&mut self, steps: usize) -> Option<Resume> {
        let keep = self.saved.len().saturating_sub(steps).max(1);
        self.saved.truncate(keep);
        self.chain = None;
        self.complete_at = None;
        let saved = self.saved.last()?;
        self.known = saved.known.clone();
        Some(saved.token)
    }

    /// Takes the answer to a subscribe request.
    pub fn accepted(&mut self, accepted: &Accepted, token: Option<&Resume>) {
        let truth = self.truth;
        match (accepted.start, token) {
            (Start::Fresh, None) => self.start_afresh(accepted),
            (Start::EpochChanged, Some(token)) => {
                assert_ne!(accepted.epoch, token.epoch);
                self.seen.epoch_changes += 1;
                self.start_afresh(accepted);
            }
            (Start::Resumed, Some(token)) => {
                assert_eq!(accepted.epoch, token.epoch);
                let skipped = truth.between(self.filter, accepted.position, token.position);
                assert_eq!(skipped, [] as [Position; 0], "{token:?} {accepted:?}");
                self.seen.resumed += 1;
                self.seen.resumed_in_snapshot += u64::from(token.snapshot.is_some());
            }
            other => panic!("{other:?}"),
        }
        self.epoch = accepted.epoch;
        let (chain, check) = Chain::resume(accepted, token, &Lineage::new(accepted.epoch));
        check.expect("it resumes where it was");
        self.chain = Some(chain);
        self.step();
    }

    fn start_afresh(&mut self, accepted: &Accepted) {
        self.known.clear();
        self.saved.clear();
        let wanted = (accepted.count > 0).then_some(0);
        assert_eq!(accepted.snapshot, wanted, "{accepted:?}");
    }

    /// Takes a gap.
    pub fn gap(&mut self, gap: &Gap) {
        assert_eq!(self.mode, Mode::Every);
        let lost = self.truth.between(self.filter, gap.from, gap.to).len() as u64;
        assert_eq!(gap.lost, Some(lost), "{gap:?}");
        assert!(lost > 0, "a gap in which nothing is lost: {gap:?}");
        let chain = self.chain.as_mut().expect("it was accepted");
        chain.gap(gap).expect("the gap continues");
        self.seen.gaps += 1;
        self.seen.lost += lost;
        self.step();
    }

    /// Takes the position in a heartbeat.
    pub fn heartbeat(&self, position: Position) {
        let chain = self.chain.as_ref().expect("it was accepted");
        chain.heartbeat(position).expect("the position is ours");
    }

    /// Takes a batch.
    pub fn batch(&mut self, batch: &Batch<Topic>) {
        let truth = self.truth;
        let chain = self.chain.as_mut().expect("it was accepted");
        chain.batch(batch).expect("nothing is missing");
        let came: Vec<Position> = batch.updates.iter().map(|update| update.position).collect();
        self.seen.updates += came.len() as u64;
        // The values are the newest ones up to here.
        let at = if batch.snapshot {
            chain.position()
        } else {
            batch.to
        };
        for update in &batch.updates {
            let topic = truth.check(update, self.epoch);
            assert!(truth.topics(self.filter).contains(&topic));
            if batch.snapshot || self.mode == Mode::Latest {
                let newest = truth.until(topic, at).last();
                assert_eq!(newest, Some(&update.position), "it is an old value");
            }
            let known = self.known.entry(topic).or_default();
            // An update may only be known already if it is repeated after going back.
            assert!(*known <= update.position, "an old value after a newer one");
            *known = update.position;
        }
        if self.mode == Mode::Every && !batch.snapshot {
            let all = truth.between(self.filter, batch.from, batch.to);
            assert_eq!(came, all, "each update once");
        } else {
            self.check_conflated(batch, at);
        }
        self.step();
    }

    /// A batch of newest values has each topic that changed in its range, unless the topic has a
    /// newer value beyond the range.
    fn check_conflated(&self, batch: &Batch<Topic>, at: Position) {
        let truth = self.truth;
        for topic in truth.topics(self.filter) {
            let Some(&newest) = truth.until(*topic, at).last() else {
                continue;
            };
            let is_due = (batch.from + 1..=batch.to).contains(&newest);
            let has_come = self.known.get(topic).is_some_and(|known| *known >= newest);
            assert!(
                !is_due || has_come || truth.may_have_changed_after(*topic, at),
                "{newest} is missing in {}..{}",
                batch.from,
                batch.to
            );
        }
    }

    /// Checks and saves the state after each message that moves it.
    fn step(&mut self) {
        let chain = self.chain.as_ref().expect("it was accepted");
        let token = chain.token();
        if self.mode == Mode::Every {
            let count = self.truth.count(self.filter, token.position);
            assert_eq!(token.count, Some(count), "delivered and lost");
        }
        if chain.has_snapshot() {
            self.complete_at = None;
        } else {
            let complete_at = *self.complete_at.get_or_insert(self.truth.head());
            if self.mode == Mode::Every && token.position >= complete_at {
                assert!(self.is_complete(), "a topic's newest value never came");
            }
        }
        if self.saved.len() == SAVED_MAX {
            self.saved.remove(0);
        }
        self.saved.push(Saved {
            token,
            known: self.known.clone(),
        });
    }

    /// Whether the newest value of each topic is known, as of its position.
    fn is_complete(&self) -> bool {
        let Some(chain) = self.chain.as_ref().filter(|chain| !chain.has_snapshot()) else {
            return false;
        };
        let truth = self.truth;
        let mut topics = truth.topics(self.filter).iter();
        topics.all(|topic| {
            let newest = truth.until(*topic, chain.position()).last();
            self.known.get(topic) == newest
        })
    }

    /// Whether it has received everything up to a position.
    pub fn has_all(&self, position: Position) -> bool {
        let is_there = |chain: &Chain| {
            let missing = self.truth.between(self.filter, chain.position(), position);
            missing.is_empty()
        };
        self.chain.as_ref().is_some_and(is_there) && self.is_complete()
    }

    /// Whether a snapshot is incomplete.
    pub fn has_snapshot(&self) -> bool {
        self.chain.as_ref().is_some_and(Chain::has_snapshot)
    }
}
