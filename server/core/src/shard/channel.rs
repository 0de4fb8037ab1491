//! A channel: everything that the subscribers of one (filter, wire, pace) share.

use std::time::Duration;

use bytes::Bytes;
use fixedbitset::FixedBitSet;
use tickcast_protocol::{
    codec::BatchHead,
    message::{Epoch, Position, Resume, TopicId, TopicInfo},
    topic::Filter,
};

use super::{
    earliest::Earliest,
    keys::{ChannelKey, SubscriptionKey},
    pace::Pace,
    topics::Topics,
};
use crate::{
    tape::{Strip, Tape},
    wire::{BatchWriter, Wire},
};

/// What makes two subscriptions share a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelSpec {
    /// The topics.
    pub filter: Filter,
    /// The form of the messages.
    pub wire: Wire,
    /// All updates, or newest values and how often.
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

/// A closed batch.
#[derive(Debug)]
pub struct Closed {
    /// Its bytes.
    pub frame: Bytes,
    /// Updates in it.
    pub updates: u64,
    /// Updates that newer ones replaced before it was closed.
    pub conflated: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Channel {
    /// Its key in the shard and, as a number, its name on the wire.
    pub key: ChannelKey,
    /// Filter, wire and pace.
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
    /// [`TopicState::status_number`](super::topics::TopicState::status_number).
    pub status_number: u64,
    /// The same at the end of the last round: what live subscribers know.
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
    count_cache: (Position, u64),
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
            count_cache: (0, 0),
        };
        for id in topics.matching(&channel.spec.filter) {
            channel.add_topic(id);
            let topic = &topics[id];
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
                batch.push(strip.encoded(index, self.spec.wire.encoding(), |id| topics.name(id)));
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

    /// Whether an update came since the last batch was closed.
    pub fn is_open(&self) -> bool {
        self.count != self.flushed_count
    }

    /// The position of subscribers that have everything the channel has sent.
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

    /// The position up to which a snapshot can be given now: `head` (everything applied) while a
    /// batch is open, else the end of the last batch.
    pub fn reached(&self, head: Position) -> Position {
        if self.is_open() { head } else { self.flushed }
    }

    /// Closes the open batch, which then reaches up to `head`, the newest position applied. `None`
    /// if no update came.
    pub fn close(&mut self, topics: &mut Topics, head: Position) -> Option<Closed> {
        if !self.is_open() {
            return None;
        }
        let wire = self.spec.wire;
        let resume = self.resume_at(head, Some(self.count), None);
        let introduced = std::mem::take(&mut self.introduced);
        let batch_head = BatchHead {
            channel: self.key.id(),
            from: self.flushed,
            to: head,
            snapshot: false,
            topics: &introduced,
        };
        let came = self.count - self.flushed_count;
        let (frame, updates) = match &mut self.open {
            Open::Every(batch) => {
                let updates = batch.updates() as u64;
                (batch.finish(&batch_head, &resume), updates)
            }
            Open::Latest {
                changed,
                is_changed,
            } => {
                changed.sort_unstable_by_key(|id| topics.position(*id));
                let mut batch = BatchWriter::new(wire);
                for &id in &*changed {
                    batch.push(topics[id].latest(wire.encoding()));
                    is_changed.set(id as usize, false);
                }
                let updates = changed.len() as u64;
                changed.clear();
                (batch.finish(&batch_head, &resume), updates)
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

    /// A position as a client of the channel would send it to resume.
    pub fn resume_at(
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

    /// Updates of its topics up to a position that is still on the tape, or up to its floor.
    /// Walks the tape from there on, so the last answer is kept for the next subscriber.
    pub fn count_at(&mut self, position: Position, tape: &Tape) -> u64 {
        if self.count_cache.0 != position {
            let later = tape.between(position, tape.head());
            let later = later
                .filter(|(strip, index)| self.has(strip.get(*index).topic))
                .count();
            self.count_cache = (position, self.count - later as u64);
        }
        self.count_cache.1
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
