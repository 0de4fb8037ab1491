//! The updates that are published, by position.
//!
//! One publisher writes the whole tape, and the update at a position follows from the position
//! alone. So a receiver can check each message at once: nothing is missing, nothing is wrong.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tickcast_protocol::{
    message::{Epoch, Position, Publication, Update},
    topic::{Filter, Topic},
    value::Value,
};

use crate::subscriber::publication;

/// Topics that change all the time: `m/0/0` to `m/7/7`.
const MOVING: u64 = 64;

/// Bulk values: long ones, published first and once only, so that a snapshot takes several frames.
pub const BULK: u64 = 400;
const BULK_VALUE_BYTES: usize = 2_000;

/// One topic changes this rarely: its subscribers' positions leave the tape meanwhile.
///
/// At 4,000 updates a second that is every 375 ms. A server looks every 500 ms whether a client was
/// silent for the heartbeat interval, so it sees another moment of the silence each time: the two
/// must not keep step.
const RARE_EVERY: u64 = 1_499;

/// Distance between the values of two runs of the server.
const LIFE: u64 = 1 << 40;

/// Filters to subscribe to: one topic, some, many, all, a rare one, none.
pub const FILTERS: [&str; 9] = [
    "m/3/5", "m/+/2", "m/4/#", "+/0/+", "rare", "none/yet", "bulk/#", "m/#", "#",
];

/// All updates up to a capacity.
#[derive(Debug)]
pub struct Truth {
    capacity: Position,
    names: Vec<String>,
    /// The positions of each topic, ascending.
    positions: Vec<Vec<Position>>,
    /// By filter.
    filters: BTreeMap<&'static str, Selected>,
    /// The last position that was published.
    head: AtomicU64,
    /// The epoch of each life of the server.
    epochs: Mutex<BTreeMap<u64, Epoch>>,
}

/// What a filter selects.
#[derive(Debug, Default)]
struct Selected {
    topics: Vec<usize>,
    /// Of all its topics.
    positions: Vec<Position>,
}

/// The topic at a position, as an index: bulk topics, the rare one, moving ones.
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
    /// Computes all updates up to `capacity`.
    pub fn new(capacity: Position) -> Self {
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

    /// The last position that was published.
    pub fn head(&self) -> Position {
        self.head.load(Ordering::SeqCst)
    }

    /// `count` updates from `first` on, with the values of a life of the server.
    ///
    /// # Panics
    ///
    /// Beyond the capacity.
    pub fn publish(&self, first: Position, count: u64, life: u64) -> Vec<Publication> {
        let last = first + count - 1;
        assert!(last <= self.capacity, "the test takes too long");
        self.head.fetch_max(last, Ordering::SeqCst);
        let update = |position| {
            let topic = &self.names[topic_at(position)];
            publication(topic, value_at(position, life))
        };
        (first..=last).map(update).collect()
    }

    /// How many lives of the server were seen.
    pub fn lives(&self) -> usize {
        self.epochs.lock().expect("no thread panics with it").len()
    }

    /// The indices of a filter's topics.
    pub(crate) fn topics(&self, filter: &str) -> &[usize] {
        &self.filters[filter].topics
    }

    fn all(&self, filter: &str) -> &[Position] {
        &self.filters[filter].positions
    }

    /// The number of updates of a filter up to a position.
    pub(crate) fn count(&self, filter: &str, to: Position) -> u64 {
        self.all(filter).partition_point(|position| *position <= to) as u64
    }

    /// The positions of a filter after `from`, up to `to`.
    pub(crate) fn between(&self, filter: &str, from: Position, to: Position) -> &[Position] {
        let at = |position| self.count(filter, position) as usize;
        &self.all(filter)[at(from)..at(to).max(at(from))]
    }

    /// The positions of a topic up to `to`.
    pub(crate) fn until(&self, topic: usize, to: Position) -> &[Position] {
        let positions = &self.positions[topic];
        &positions[..positions.partition_point(|position| *position <= to)]
    }

    /// Whether a topic may have changed after a position.
    pub(crate) fn may_have_changed_after(&self, topic: usize, position: Position) -> bool {
        let next = self.positions[topic].get(self.until(topic, position).len());
        next.is_some_and(|next| *next <= self.head())
    }

    /// Checks an update by its position alone. Returns the index of its topic.
    pub(crate) fn check(&self, update: &Update<Topic>, epoch: Epoch) -> usize {
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
        let mut epochs = self.epochs.lock().expect("no thread panics with it");
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
