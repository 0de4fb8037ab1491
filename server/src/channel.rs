//! A channel: everything that the subscribers of one (filter, encoding, pace) share.

use std::time::Duration;

use bytes::Bytes;
use fixedbitset::FixedBitSet;
use tickcast_protocol::{
    codec::BatchHead,
    message::{ChannelId, Epoch, Mode, Position, Resume, TopicId, TopicInfo},
    topic::Filter,
};

use crate::{
    frame::{BatchWriter, Wire},
    subscription::SubscriptionKey,
    tape::{Strip, Tape},
    topics::Topics,
};

/// A channel's index in its shard, and its name on the wire.
pub type ChannelKey = ChannelId;

/// When a channel's batches are closed, and what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Each update, in each round.
    Every,
    /// The newest value of each topic that changed, once per interval; with an interval of 0 in
    /// each round.
    Latest {
        /// Milliseconds from one batch to the next.
        interval_ms: u32,
    },
}

/// Slowest maximum rate: one batch in a hundred seconds.
const INTERVAL_MAX_MS: f64 = 100_000.0;

impl Pace {
    /// The pace that is granted to a wish. `None` if the rate is not finite or not above 0.
    ///
    /// Rates become whole milliseconds, so that clients with nearly the same wish share a channel;
    /// above 1,000 per second there is no limit left.
    pub fn grant(mode: Mode, max_rate_hz: Option<f64>) -> Option<Self> {
        match (mode, max_rate_hz) {
            (_, Some(rate)) if !rate.is_finite() || rate <= 0.0 => None,
            (Mode::Every, _) => Some(Self::Every),
            (Mode::Latest, None) => Some(Self::Latest { interval_ms: 0 }),
            (Mode::Latest, Some(rate)) => {
                let interval_ms = (1000.0 / rate).round().min(INTERVAL_MAX_MS) as u32;
                Some(Self::Latest { interval_ms })
            }
        }
    }

    /// The mode and the maximum rate it stands for.
    pub fn granted(self) -> (Mode, Option<f64>) {
        match self {
            Self::Every => (Mode::Every, None),
            Self::Latest { interval_ms: 0 } => (Mode::Latest, None),
            Self::Latest { interval_ms } => (Mode::Latest, Some(1000.0 / f64::from(interval_ms))),
        }
    }

    /// Time between batches; zero for "each round".
    pub fn interval(self) -> Duration {
        match self {
            Self::Every => Duration::ZERO,
            Self::Latest { interval_ms } => Duration::from_millis(interval_ms.into()),
        }
    }
}

/// What makes two subscriptions share a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelSpec {
    /// Which topics.
    pub filter: Filter,
    /// In which form.
    pub wire: Wire,
    /// How often.
    pub pace: Pace,
}

/// The topics of a channel.
#[derive(Debug)]
enum TopicSet {
    One(Option<TopicId>),
    Many(FixedBitSet),
}

/// The batch under way.
#[derive(Debug)]
enum Open {
    Every(BatchWriter),
    Latest {
        changed: Vec<TopicId>,
        is_changed: FixedBitSet,
    },
}

/// A batch that has been closed.
#[derive(Debug)]
pub struct Closed {
    /// A WebSocket frame.
    pub frame: Bytes,
    /// How many updates are in it.
    pub updates: u64,
    /// How many updates were replaced by newer ones before it was closed.
    pub conflated: u64,
}

/// See the module. Pure: it knows no sockets and no clock.
#[derive(Debug)]
pub struct Channel {
    /// Its name on the wire.
    pub key: ChannelKey,
    /// What it is for.
    pub spec: ChannelSpec,
    epoch: Epoch,
    /// Subscriptions that have all up to [`flushed`](Self::flushed).
    pub live: Vec<SubscriptionKey>,
    /// Subscriptions that have less, and may go on when the next batch is due.
    pub waiting: Vec<SubscriptionKey>,
    /// Subscriptions, live or not.
    pub subscriptions: usize,
    /// When its last batch was closed, as uptime.
    pub last_flush: Option<Duration>,
    /// Whether a timer for its next batch is set.
    pub is_scheduled: bool,
    /// Number of the newest change of status of one of its topics; see
    /// [`TopicState::status_number`](crate::topics::TopicState::status_number).
    pub status_number: u64,
    /// The same at the end of the last round: what those who are live know.
    pub status_told: u64,
    /// Topics whose status has changed in this round.
    pub statuses: Vec<TopicId>,
    topics: TopicSet,
    topic_count: usize,
    introduced: Vec<TopicInfo>,
    open: Open,
    flushed: Position,
    /// Updates of its topics in this epoch.
    count: u64,
    /// `count` at `flushed`.
    flushed_count: u64,
    /// The last answer of [`count_at`](Self::count_at).
    count_memo: (Position, u64),
}

impl Channel {
    /// A channel that has everything up to `head`, the newest position the shard has applied.
    pub fn new(
        key: ChannelKey,
        spec: ChannelSpec,
        epoch: Epoch,
        topics: &Topics,
        head: Position,
    ) -> Self {
        let open = match spec.pace {
            Pace::Every => Open::Every(BatchWriter::new(spec.wire)),
            Pace::Latest { .. } => Open::Latest {
                changed: Vec::new(),
                is_changed: FixedBitSet::new(),
            },
        };
        let mut channel = Self {
            key,
            epoch,
            topics: if spec.filter.is_exact() {
                TopicSet::One(None)
            } else {
                TopicSet::Many(FixedBitSet::new())
            },
            spec,
            live: Vec::new(),
            waiting: Vec::new(),
            subscriptions: 0,
            last_flush: None,
            is_scheduled: false,
            status_number: 0,
            status_told: 0,
            statuses: Vec::new(),
            topic_count: 0,
            introduced: Vec::new(),
            open,
            flushed: head,
            count: 0,
            flushed_count: 0,
            count_memo: (0, 0),
        };
        for id in topics.matching(&channel.spec.filter) {
            channel.add_topic(id);
            let topic = topics.get(id);
            channel.count += topic.seq;
            channel.status_number = channel.status_number.max(topic.status_number);
        }
        channel.flushed_count = channel.count;
        channel.status_told = channel.status_number;
        channel
    }

    /// Adds a topic that the filter matches.
    fn add_topic(&mut self, id: TopicId) {
        self.topic_count += 1;
        match &mut self.topics {
            TopicSet::One(one) => *one = Some(id),
            TopicSet::Many(many) => many.grow_and_insert(id as usize),
        }
    }

    /// Adds a topic that has just appeared; the open batch will introduce it.
    pub fn introduce(&mut self, info: &TopicInfo) {
        self.add_topic(info.id);
        self.introduced.push(info.clone());
    }

    /// Whether the channel has a topic.
    pub fn has(&self, id: TopicId) -> bool {
        match &self.topics {
            TopicSet::One(one) => *one == Some(id),
            TopicSet::Many(many) => many.contains(id as usize),
        }
    }

    /// Its topics.
    pub fn topics(&self) -> impl Iterator<Item = TopicId> {
        let (one, many) = match &self.topics {
            TopicSet::One(one) => (*one, None),
            TopicSet::Many(many) => (None, Some(many.ones())),
        };
        one.into_iter()
            .chain(many.into_iter().flatten().map(|id| id as TopicId))
    }

    /// How many topics it has.
    pub fn topic_count(&self) -> usize {
        self.topic_count
    }

    /// Takes the next update of one of its topics into the open batch.
    pub fn append(&mut self, strip: &Strip, index: usize, topics: &Topics) {
        self.count += 1;
        match &mut self.open {
            Open::Every(batch) => {
                batch.push(strip.encoded(index, self.spec.wire.encoding(), topics));
            }
            Open::Latest {
                changed,
                is_changed,
            } => {
                let topic = strip.get(index).topic;
                is_changed.grow(topic as usize + 1);
                if !is_changed.put(topic as usize) {
                    changed.push(topic);
                }
            }
        }
    }

    /// Whether something came since the last batch was closed.
    pub fn is_open(&self) -> bool {
        self.count != self.flushed_count
    }

    /// Where its subscribers are who have everything it has sent.
    pub fn flushed(&self) -> Position {
        self.flushed
    }

    /// How many updates its topics had so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many updates its topics had at [`flushed`](Self::flushed).
    pub fn flushed_count(&self) -> u64 {
        self.flushed_count
    }

    /// The position up to which a snapshot can be given now: all that has been applied, `head`, if
    /// a batch is open, else no further than the last batch.
    pub fn reached(&self, head: Position) -> Position {
        if self.is_open() { head } else { self.flushed }
    }

    /// Closes the open batch, which then reaches up to `head`, the newest position applied. `None`
    /// if nothing came.
    pub fn close(&mut self, topics: &mut Topics, head: Position) -> Option<Closed> {
        if !self.is_open() {
            return None;
        }
        let wire = self.spec.wire;
        let place = self.place(head, Some(self.count), None);
        let introduced = std::mem::take(&mut self.introduced);
        let batch_head = BatchHead {
            channel: self.key,
            from: self.flushed,
            to: head,
            snapshot: false,
            topics: &introduced,
        };
        let came = self.count - self.flushed_count;
        let (frame, updates) = match &mut self.open {
            Open::Every(batch) => {
                let updates = batch.updates() as u64;
                (batch.finish(&batch_head, &place), updates)
            }
            Open::Latest {
                changed,
                is_changed,
            } => {
                changed.sort_unstable_by_key(|id| topics.position(*id));
                let mut batch = BatchWriter::new(wire);
                for &id in &*changed {
                    batch.push(topics.get_mut(id).latest(wire.encoding()));
                    is_changed.set(id as usize, false);
                }
                let updates = changed.len() as u64;
                changed.clear();
                (batch.finish(&batch_head, &place), updates)
            }
        };
        self.flushed = head;
        self.flushed_count = self.count;
        Some(Closed {
            frame,
            updates,
            conflated: came - updates,
        })
    }

    /// A place on the tape as a client of the channel would bring it back.
    pub fn place(
        &self,
        position: Position,
        count: Option<u64>,
        snapshot: Option<Position>,
    ) -> Resume {
        Resume {
            epoch: self.epoch,
            position,
            count,
            snapshot,
        }
    }

    /// How many updates its topics had at a position that is still on the tape, or its floor.
    /// Walks the tape from there on, so the last answer is kept for others who ask the same.
    pub fn count_at(&mut self, position: Position, tape: &Tape) -> u64 {
        if self.count_memo.0 != position {
            let later = tape.between(position, tape.head());
            let later = later
                .filter(|(strip, index)| self.has(strip.get(*index).topic))
                .count();
            self.count_memo = (position, self.count - later as u64);
        }
        self.count_memo.1
    }

    /// Up to `limit` of its topics whose newest update has a position in (`after`, `until`], by
    /// that position, ascending; and whether these are all.
    pub fn latest_between(
        &self,
        after: Position,
        until: Position,
        limit: usize,
        topics: &Topics,
        tape: &Tape,
    ) -> (Vec<(Position, TopicId)>, bool) {
        let mut earliest = Earliest::new(limit);
        if after >= tape.floor() && until.saturating_sub(after) < self.topic_count as u64 {
            for (strip, index) in tape.between(after, until) {
                let update = strip.get(index);
                if self.has(update.topic) && topics.position(update.topic) == update.position {
                    earliest.push(update.position, update.topic);
                }
            }
        } else {
            for id in self.topics() {
                let position = topics.position(id);
                if after < position && position <= until {
                    earliest.push(position, id);
                }
            }
        }
        earliest.finish()
    }
}

/// Finds the topics with the earliest positions among any number of them, without keeping all.
#[derive(Debug)]
struct Earliest {
    found: Vec<(Position, TopicId)>,
    limit: usize,
    /// There are enough with lower positions than this.
    bound: Position,
}

impl Earliest {
    /// Up to `limit`, one at least.
    fn new(limit: usize) -> Self {
        Self {
            found: Vec::new(),
            limit,
            bound: Position::MAX,
        }
    }

    fn push(&mut self, position: Position, topic: TopicId) {
        if position < self.bound {
            self.found.push((position, topic));
            // Not each time, so that it costs the same for each topic however many there are.
            if self.found.len() >= 2 * self.limit {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.limit {
            let (_, &mut (first_left_out, _), _) = self.found.select_nth_unstable(self.limit);
            self.bound = first_left_out;
            self.found.truncate(self.limit);
        }
    }

    /// By position, ascending; and whether these are all.
    fn finish(mut self) -> (Vec<(Position, TopicId)>, bool) {
        self.cut();
        self.found.sort_unstable();
        (self.found, self.bound == Position::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_of_many_are_found(
            mut positions in prop::collection::hash_set(1..1000u64, 0..200),
            limit in 1..20usize,
        ) {
            let mut earliest = Earliest::new(limit);
            for &position in &positions {
                earliest.push(position, position as TopicId);
            }
            let mut expected: Vec<_> = positions.drain().map(|p| (p, p as TopicId)).collect();
            expected.sort_unstable();
            let is_all = expected.len() <= limit;
            expected.truncate(limit);
            prop_assert_eq!(earliest.finish(), (expected, is_all));
        }
    }

    #[test]
    fn rates_are_granted_in_whole_milliseconds() {
        let grant = |rate| Pace::grant(Mode::Latest, Some(rate)).map(|pace| pace.granted().1);
        assert_eq!(grant(10.0), Some(Some(10.0)));
        assert_eq!(grant(3.0), Some(Some(1000.0 / 333.0)));
        assert_eq!(grant(5000.0), Some(None));
        assert_eq!(grant(1e-9), Some(Some(0.01)));
        assert_eq!(grant(f64::INFINITY), None);
        assert_eq!(grant(0.0), None);
        assert_eq!(grant(f64::NAN), None);
        assert_eq!(Pace::grant(Mode::Every, None), Some(Pace::Every));
    }
}
