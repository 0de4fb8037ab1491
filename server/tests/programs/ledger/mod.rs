//! What is known about all updates of servers that are killed, lose power or come apart again and
//! again, with its publishers and subscribers.

mod publishers;
mod subscriber;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tickcast_protocol::{
    message::{Epoch, Lineage, Position, Update},
    topic::Topic,
};
use tickcast_server_testkit::subscriber::number;

pub(crate) use self::{
    publishers::{
        Timing, lineage, lineage_if_any, publish, publish_anywhere, publish_last, publish_once,
    },
    subscriber::Subscriber,
};

/// Topics `k/0` to `k/7`, in turn.
pub(crate) const TOPICS: u64 = 8;

/// The topic of a feed, whose values only rise.
pub(crate) const FEED_TOPIC: &str = "feed";

/// What the number of an update of the feed has, besides its value.
const OF_FEED: u64 = 1 << 63;

/// The topic of a publisher that sends again what is not answered.
const ONCE_TOPIC: &str = "once";

/// What the number of an update of this publisher has, besides its value.
const OF_ONCE: u64 = 1 << 62;

/// Updates of a publish.
pub(crate) const TOGETHER: u64 = 200;

/// Time between two tries to connect.
const RETRY: Duration = Duration::from_millis(20);

/// Where an update was seen: the epoch of the connection, and the position.
type Seen = (u64, Position);

/// What is known about all updates.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The update at each place, as far as a client got it.
    tape: Mutex<HashMap<Seen, Update<Topic>>>,
    /// Places at which clients got different updates: their epoch must have lost them.
    contradicted: Mutex<BTreeSet<Seen>>,
    /// Where an update was acknowledged, by its number.
    acked: Mutex<BTreeMap<u64, Seen>>,
    /// Publishes whose publisher has given the server up: they may come late, or not at all. By the
    /// number of their first update, with the session that has published them.
    late: Mutex<BTreeMap<u64, usize>>,
    /// Updates of which the client was told that they may be on the tape or not.
    unknown: Mutex<BTreeSet<u64>>,
    /// Everything up to this position was compared and forgotten.
    compared: AtomicU64,
    /// The greatest position after which a subscriber has begun.
    begun: AtomicU64,
    /// The position of the last update that was published: what a feed brings later is compared the
    /// next time.
    end: AtomicU64,
    /// The longest time without an update of a subscriber to everything, in ms.
    pub(crate) silence_ms: AtomicU64,
    /// The number of the next update.
    next: AtomicU64,
    /// The number of the next update that is published once.
    next_once: AtomicU64,
    /// Subscribers that were accepted once.
    pub(crate) accepted: AtomicUsize,
    /// Updates that subscribers were told to be lost.
    pub(crate) lost: AtomicU64,
    /// Updates in gaps that subscribers were told of.
    pub(crate) gaps: AtomicU64,
    /// Whether publishers end once all they have sent is acknowledged.
    pub(crate) is_pausing: AtomicBool,
    /// Whether the publisher goes to another server, without waiting for acknowledgements.
    pub(crate) is_moving: AtomicBool,
    /// From this number on an update of each topic ends a subscriber; 0 while none does.
    pub(crate) last: AtomicU64,
}

impl Ledger {
    /// All subscribers must get the same update at a place, with the same numbers and times.
    fn got(&self, seen: Seen, update: &Update<Topic>) {
        if seen.1 <= self.compared.load(Ordering::Relaxed) {
            return;
        }
        let mut tape = self.tape.lock().unwrap();
        let known = tape.entry(seen).or_insert_with(|| update.clone());
        if known != update {
            self.contradicted.lock().unwrap().insert(seen);
        }
    }

    /// Compares from where all subscribers have begun.
    pub(crate) fn begin(&self) {
        let begun = self.begun.load(Ordering::Relaxed);
        self.compared.store(begun, Ordering::Relaxed);
        let mut tape = self.tape.lock().unwrap();
        tape.retain(|(_, position), _| *position > begun);
    }

    /// A ledger for other subscribers, with what may still come of the publishers of this one.
    pub(crate) fn next(&self) -> Self {
        Self {
            next: AtomicU64::new(self.next.load(Ordering::Relaxed)),
            next_once: AtomicU64::new(self.next_once.load(Ordering::Relaxed)),
            late: Mutex::new(self.late.lock().unwrap().clone()),
            unknown: Mutex::new(self.unknown.lock().unwrap().clone()),
            ..Self::default()
        }
    }

    /// Up to where everything was compared.
    pub(crate) fn compared(&self) -> Position {
        self.compared.load(Ordering::Relaxed)
    }

    pub(crate) fn acked(&self) -> usize {
        self.acked.lock().unwrap().len()
    }

    /// How many updates may be on the tape or not, as their client was told.
    pub(crate) fn unknown(&self) -> usize {
        self.unknown.lock().unwrap().len()
    }

    /// Compares what subscribers have with what was acknowledged. `lineage` has all epochs. Returns
    /// how many acknowledged updates are lost.
    pub(crate) fn compare<'s>(
        &self,
        subscribers: impl IntoIterator<Item = &'s Subscriber>,
        lineage: &Lineage,
    ) -> usize {
        let kept = |epoch: u64| lineage.kept(Epoch(epoch)).unwrap_or(0);
        let last = self.end.load(Ordering::Relaxed);
        for (epoch, position) in &*self.contradicted.lock().unwrap() {
            let is_lost = lineage
                .kept(Epoch(*epoch))
                .is_none_or(|kept| *position > kept);
            assert!(is_lost, "two updates have place {position} of {epoch}");
        }
        let mut tape = BTreeMap::new();
        for (&(epoch, position), update) in &*self.tape.lock().unwrap() {
            if position <= kept(epoch).min(last) {
                let number = number_of(update);
                let known = *tape.entry(position).or_insert(number);
                assert_eq!(known, number, "two updates are left at position {position}");
            }
        }
        let start = self.compared.load(Ordering::Relaxed);
        let end = start + tape.len() as Position;
        assert!(
            tape.keys().copied().eq(start + 1..=end),
            "each position has an update"
        );
        let mut lost = 0;
        for (number, &(epoch, position)) in &*self.acked.lock().unwrap() {
            match position <= kept(epoch) {
                true => assert_eq!(tape.get(&position), Some(number), "it was acknowledged"),
                false => lost += 1,
            }
        }
        for subscriber in subscribers {
            subscriber.compare(&tape, start, last);
        }
        self.compare_order(&tape);
        lost
    }

    /// The order is that of the publisher, that of the feed, and that of the client which sends
    /// again what is not answered. What was given up may come later, each publish whole and each
    /// session in its order. None comes twice.
    fn compare_order(&self, tape: &BTreeMap<Position, u64>) {
        let (late, unknown) = (self.late.lock().unwrap(), self.unknown.lock().unwrap());
        let (mut newest, mut lengths) = (BTreeMap::new(), BTreeMap::new());
        let mut late_once = BTreeSet::new();
        for (position, &number) in tape {
            if unknown.contains(&number) {
                assert!(late_once.insert(number), "{number} comes twice");
                continue;
            }
            let publish = number / TOGETHER * TOGETHER;
            let session = late.get(&publish);
            if session.is_some() {
                *lengths.entry(publish).or_insert(0) += 1;
            }
            let before = newest.insert((number & (OF_FEED | OF_ONCE), session), number);
            assert!(
                before.is_none_or(|before| before < number),
                "{number} follows {before:?} at position {position} (session {session:?})"
            );
        }
        for (publish, length) in lengths {
            assert_eq!(
                length, TOGETHER,
                "publish {publish} is there whole or not at all"
            );
        }
    }

    /// Forgets what was compared, so that the subscribers go on from there. Returns how many
    /// updates that were, and the longest time between two of the feed, whose values are times
    /// in microseconds.
    pub(crate) fn forget(&self, subscribers: &mut [&mut Subscriber]) -> (usize, Duration) {
        let end = self.end.load(Ordering::Relaxed);
        self.compared.store(end, Ordering::Relaxed);
        let mut tape = self.tape.lock().unwrap();
        let numbers = tape.values().map(number_of);
        let mut times: Vec<_> = numbers.filter(|number| number & OF_FEED > 0).collect();
        times.sort_unstable();
        let silence = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        let before = tape.len();
        tape.retain(|(_, position), _| *position > end);
        let updates = before - tape.len();
        self.acked.lock().unwrap().clear();
        self.late.lock().unwrap().clear();
        self.unknown.lock().unwrap().clear();
        self.last.store(0, Ordering::Release);
        for subscriber in subscribers {
            subscriber.forget(end);
        }
        (updates, Duration::from_micros(silence.unwrap_or(0)))
    }
}

/// What tells an update from all others.
fn number_of(update: &Update<Topic>) -> u64 {
    let number = number(update) as u64;
    match update.topic.as_str() {
        FEED_TOPIC => OF_FEED | number,
        ONCE_TOPIC => OF_ONCE | number,
        _ => number,
    }
}

/// The topics that only publishers have.
pub(crate) fn quiet_topics() -> impl Iterator<Item = String> {
    (0..TOPICS).chain([OF_ONCE]).map(topic_of)
}

/// The topic of an update, by its number.
fn topic_of(number: u64) -> String {
    match number & (OF_FEED | OF_ONCE) {
        0 => format!("k/{}", number % TOPICS),
        OF_FEED => FEED_TOPIC.to_owned(),
        _ => ONCE_TOPIC.to_owned(),
    }
}
