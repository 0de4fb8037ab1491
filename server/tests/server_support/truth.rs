//! What was published, and a subscription that is held to it.
//!
//! One publisher writes the whole tape, and what stands at a position follows from the position
//! alone. So whoever receives something knows at once whether it is all, and only, what it should
//! be.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tickcast_protocol::{
    client::Chain,
    message::{Accepted, Batch, Epoch, Gap, Mode, Position, Publication, Resume, Start, Update},
    topic::{Filter, Topic},
    value::Value,
};

use super::subscriber::publication;

/// Topics that change all the time: `m/0/0` to `m/7/7`.
const MOVING: u64 = 64;

/// Long values that are published first and never again, so that a snapshot takes several frames.
pub(crate) const BULK: u64 = 400;
const BULK_VALUE_BYTES: usize = 2_000;

/// One topic changes so seldom that its subscribers' places leave the tape.
const RARE_EVERY: u64 = 997;

/// Values of different lives of the server are so far apart.
const LIFE: u64 = 1 << 40;

/// What is subscribed to: one topic, some, many, all, one that is quiet, none.
pub(crate) const FILTERS: [&str; 9] = [
    "m/3/5", "m/+/2", "m/4/#", "+/0/+", "rare", "none/yet", "bulk/#", "m/#", "#",
];

/// See the module.
pub(crate) struct Truth {
    capacity: Position,
    names: Vec<String>,
    /// Positions of each topic, ascending.
    positions: Vec<Vec<Position>>,
    /// By filter.
    filters: BTreeMap<&'static str, Selected>,
    /// Nothing was published beyond.
    head: AtomicU64,
    /// The epoch of each life.
    epochs: Mutex<BTreeMap<u64, Epoch>>,
}

/// What a filter selects.
#[derive(Default)]
struct Selected {
    topics: Vec<usize>,
    /// Of all its topics.
    positions: Vec<Position>,
}

/// The topic of an update, as a number: the long values, the rare one, the moving ones.
fn topic_at(position: Position) -> usize {
    if position <= BULK {
        return position as usize - 1;
    }
    if position.is_multiple_of(RARE_EVERY) {
        return BULK as usize;
    }
    // splitmix64, as a hash.
    let mut hash = position.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (BULK + 1 + (hash ^ (hash >> 27)) % MOVING) as usize
}

fn names() -> Vec<String> {
    let bulk = (0..BULK).map(|number| format!("bulk/{number}"));
    let moving = (0..MOVING).map(|number| format!("m/{}/{}", number / 8, number % 8));
    bulk.chain(["rare".to_owned()]).chain(moving).collect()
}

impl Truth {
    /// So many positions can be published.
    pub(crate) fn new(capacity: Position) -> Self {
        let names = names();
        let select = |text| {
            let filter = Filter::new(text).expect("a good filter");
            let topics = 0..names.len();
            Selected {
                topics: topics
                    .filter(|topic| filter.matches(&names[*topic]))
                    .collect(),
                positions: Vec::new(),
            }
        };
        let mut selected = FILTERS.map(select);
        let selecting = |topic: usize| -> Vec<usize> {
            let all = 0..FILTERS.len();
            all.filter(|filter| selected[*filter].topics.contains(&topic))
                .collect()
        };
        let filters_of: Vec<Vec<usize>> = (0..names.len()).map(selecting).collect();
        let mut positions = vec![Vec::new(); names.len()];
        for position in 1..=capacity {
            let topic = topic_at(position);
            positions[topic].push(position);
            for filter in &filters_of[topic] {
                selected[*filter].positions.push(position);
            }
        }
        Self {
            capacity,
            names,
            positions,
            filters: FILTERS.into_iter().zip(selected).collect(),
            head: AtomicU64::new(0),
            epochs: Mutex::default(),
        }
    }

    /// Nothing was published beyond this position.
    pub(crate) fn head(&self) -> Position {
        self.head.load(Ordering::SeqCst)
    }

    /// The next `count` updates, of this life of the server.
    pub(crate) fn publish(&self, first: Position, count: u64, life: u64) -> Vec<Publication> {
        let last = first + count - 1;
        assert!(last <= self.capacity, "the test takes too long");
        self.head.fetch_max(last, Ordering::SeqCst);
        let update = |position| {
            let topic = &self.names[topic_at(position)];
            publication(topic, value_at(position, life))
        };
        (first..=last).map(update).collect()
    }

    /// So many lives of the server have been seen.
    pub(crate) fn lives(&self) -> usize {
        self.epochs.lock().expect("nobody panics with it").len()
    }

    fn all(&self, filter: &str) -> &[Position] {
        &self.filters[filter].positions
    }

    /// Updates of a filter up to a position.
    fn count(&self, filter: &str, to: Position) -> u64 {
        self.all(filter).partition_point(|position| *position <= to) as u64
    }

    fn between(&self, filter: &str, from: Position, to: Position) -> &[Position] {
        let at = |position| self.count(filter, position) as usize;
        &self.all(filter)[at(from)..at(to).max(at(from))]
    }

    /// A topic's updates up to a position.
    fn until(&self, topic: usize, to: Position) -> &[Position] {
        let positions = &self.positions[topic];
        &positions[..positions.partition_point(|position| *position <= to)]
    }

    /// Whether a topic may have changed after a position.
    fn may_have_changed_after(&self, topic: usize, position: Position) -> bool {
        let next = self.positions[topic].get(self.until(topic, position).len());
        next.is_some_and(|next| *next <= self.head())
    }

    /// Checks all of an update by its position alone.
    fn check(&self, update: &Update<Topic>, epoch: Epoch) -> usize {
        let position = update.position;
        let topic = topic_at(position);
        assert_eq!(update.topic.as_str(), self.names[topic], "at {position}");
        assert_eq!(update.seq, self.until(topic, position).len() as u64);
        let life = match &update.value {
            Value::Reading(number) => (*number as u64 - position) / LIFE,
            Value::Text(text) => text.len() as u64 - BULK_VALUE_BYTES as u64,
            other => panic!("{other:?} was never published"),
        };
        assert_eq!(update.value, value_at(position, life), "at {position}");
        let mut epochs = self.epochs.lock().expect("nobody panics with it");
        let known = *epochs.entry(life).or_insert(epoch);
        assert_eq!(known, epoch, "a value of life {life}");
        topic
    }
}

fn value_at(position: Position, life: u64) -> Value {
    if position <= BULK {
        return Value::Text("x".repeat(BULK_VALUE_BYTES + life as usize));
    }
    Value::Reading((life * LIFE + position) as f64)
}

/// Where a subscription was at some time: enough to go on there.
#[derive(Debug, Clone)]
struct Saved {
    token: Resume,
    known: BTreeMap<usize, Position>,
}

/// What all subscriptions of a test have seen together.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) updates: u64,
    pub(crate) resumed: u64,
    pub(crate) resumed_in_snapshot: u64,
    pub(crate) gaps: u64,
    pub(crate) lost: u64,
    pub(crate) epoch_changes: u64,
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

/// A subscription over all its connections, held to the truth with each message.
pub(crate) struct Tracked<'a> {
    truth: &'a Truth,
    pub(crate) filter: &'static str,
    pub(crate) mode: Mode,
    epoch: Epoch,
    chain: Option<Chain>,
    /// Newest position of each topic.
    known: BTreeMap<usize, Position>,
    /// From this place on every topic must be known, which changed while the snapshot was taken.
    complete_at: Option<Position>,
    /// Newest last.
    saved: Vec<Saved>,
    pub(crate) seen: Seen,
}

/// How far back a client may go on.
const SAVED_MAX: usize = 4;

impl<'a> Tracked<'a> {
    pub(crate) fn new(truth: &'a Truth, filter: &'static str, mode: Mode) -> Self {
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

    /// Goes back to where it was so many steps ago, or to the earliest that is known. Returns what
    /// to resume with.
    pub(crate) fn go_back(&mut self, steps: usize) -> Option<Resume> {
        let keep = self.saved.len().saturating_sub(steps).max(1);
        self.saved.truncate(keep);
        self.chain = None;
        self.complete_at = None;
        let saved = self.saved.last()?;
        self.known = saved.known.clone();
        Some(saved.token)
    }

    pub(crate) fn accepted(&mut self, accepted: &Accepted, token: Option<&Resume>) {
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
        let (chain, check) = Chain::resume(accepted, token);
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

    pub(crate) fn gap(&mut self, gap: &Gap) {
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

    pub(crate) fn heartbeat(&self, position: Position) {
        let chain = self.chain.as_ref().expect("it was accepted");
        chain.heartbeat(position).expect("it knows where we are");
    }

    pub(crate) fn batch(&mut self, batch: &Batch<Topic>) {
        let truth = self.truth;
        let chain = self.chain.as_mut().expect("it was accepted");
        chain.batch(batch).expect("nothing is missing");
        let came: Vec<Position> = batch.updates.iter().map(|update| update.position).collect();
        self.seen.updates += came.len() as u64;
        // Up to where the values are the newest ones.
        let at = if batch.snapshot {
            chain.position()
        } else {
            batch.to
        };
        for update in &batch.updates {
            let topic = truth.check(update, self.epoch);
            assert!(truth.filters[self.filter].topics.contains(&topic));
            if batch.snapshot || self.mode == Mode::Latest {
                let newest = truth.until(topic, at).last();
                assert_eq!(newest, Some(&update.position), "it is an old value");
            }
            let known = self.known.entry(topic).or_default();
            // Only what is repeated after going back may be known already.
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

    /// A topic that changed in the range of a batch of newest values is in it, or its newest value
    /// is beyond.
    fn check_conflated(&self, batch: &Batch<Topic>, at: Position) {
        let truth = self.truth;
        for topic in &truth.filters[self.filter].topics {
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

    /// After each message that moves it.
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

    /// Whether the newest value of each topic is known, as of its place.
    fn is_complete(&self) -> bool {
        let Some(chain) = self.chain.as_ref().filter(|chain| !chain.has_snapshot()) else {
            return false;
        };
        let truth = self.truth;
        let mut topics = truth.filters[self.filter].topics.iter();
        topics.all(|topic| {
            let newest = truth.until(*topic, chain.position()).last();
            self.known.get(topic) == newest
        })
    }

    /// Whether it has everything up to a position.
    pub(crate) fn has_all(&self, position: Position) -> bool {
        let is_there = |chain: &Chain| {
            let missing = self.truth.between(self.filter, chain.position(), position);
            missing.is_empty()
        };
        self.chain.as_ref().is_some_and(is_there) && self.is_complete()
    }

    /// Whether a snapshot is under way.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.chain.as_ref().is_some_and(Chain::has_snapshot)
    }
}
