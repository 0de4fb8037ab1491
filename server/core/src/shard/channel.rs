//! A channel: the state that all subscribers of one (filter, wire, pace) share.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fixedbitset::FixedBitSet;
use tickcast_protocol::{
    codec::{BatchHead, Encoding},
    message::{Epoch, Position, Resume, TopicId},
    topic::Filter,
};

use super::{
    earliest::Earliest,
    keys::{ChannelKey, SubscriptionKey},
    latest_batch::{Built, LatestBatch},
    pace::Pace,
    steps::Steps,
    topic_index::Search,
    topics::{TopicState, Topics},
};
use crate::{
    tape::{Tape, TapeUpdate},
    wire::{BatchWriter, Place, Wire, subscription_name},
};

/// Topics whose positions are compared in one step: they lie next to each other.
const TOPICS_PER_STEP: usize = 8;

/// The key of a channel: two subscriptions with equal specs share a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelSpec {
    /// The topics it selects.
    pub filter: Filter,
    /// The form of the messages.
    pub wire: Wire,
    /// All updates, or the latest values at a maximum rate.
    pub pace: Pace,
}

/// The topics of a channel.
#[derive(Debug)]
enum TopicSet {
    One(Option<TopicId>),
    Many(FixedBitSet),
}

/// The open batch.
#[derive(Debug)]
enum Open {
    /// None: the channel has no subscriber yet, or none any more, and only counts.
    Silent,
    Every(EveryBatch),
    Latest(LatestBatch),
}

/// The open batch of a channel with all updates.
#[derive(Debug)]
struct EveryBatch {
    writer: BatchWriter,
    /// Topics whose first update it has.
    introduced: Vec<TopicId>,
}

/// What is left to do for an update that a channel has got.
#[derive(Debug)]
pub enum Appended<'a> {
    /// Nothing.
    Done,
    /// The batch needs the update in JSON: the caller pushes it.
    InJson(&'a mut BatchWriter),
    /// The batch is so long that it has to be closed.
    Full,
}

/// The result of closing a batch.
#[derive(Debug)]
pub enum Close {
    /// There was no update.
    Nothing,
    /// No step is left. The caller closes it again before anything changes.
    Unfinished,
    /// It is closed.
    Closed(Closed),
}

/// A closed batch, or a part of it.
#[derive(Debug)]
pub struct Closed {
    /// Its bytes.
    pub frame: Bytes,
    /// Updates in it.
    pub updates: u64,
    /// Updates that newer ones replaced before the batch was closed. The last part counts them.
    pub conflated: u64,
    /// Whether it is a whole batch or the last part of one. Else the caller goes on to close the
    /// batch before anything changes.
    pub is_last: bool,
}

/// A channel; see the module.
#[derive(Debug)]
pub struct Channel {
    /// Its key in the shard, which is also its id in the protocol.
    pub key: ChannelKey,
    /// Filter, wire and pace.
    pub spec: ChannelSpec,
    /// What is subscribed, in the form in which clients of Socket.IO bring it back.
    pub name: Option<Arc<str>>,
    epoch: Epoch,
    /// Subscriptions that have everything up to [`flushed`](Self::flushed).
    pub live: Vec<SubscriptionKey>,
    /// Subscriptions that are behind and wait for the next batch.
    pub waiting: Vec<SubscriptionKey>,
    /// Number of subscriptions, live or not.
    pub subscriptions: usize,
    /// Uptime at which its last batch was closed.
    pub last_flush: Option<Duration>,
    /// Whether the timer for its next batch is set.
    pub is_scheduled: bool,
    /// Number of the newest change of a status or an info among its topics; see
    /// [`TopicState::status_number`](super::topics::TopicState::status_number).
    pub status_number: u64,
    /// The status number at the end of the last round, which live subscribers know.
    pub status_known: u64,
    /// Topics whose status or info changed in this round.
    pub statuses: Vec<TopicId>,
    /// The search for the topics that existed when the channel was created.
    pub search: Option<Box<Search>>,
    topics: TopicSet,
    topic_count: usize,
    open: Open,
    /// The end of the last batch, or of the last part of the open one.
    flushed: Position,
    /// Updates of its topics in this epoch.
    count: u64,
    /// `count` at the end of the last batch.
    flushed_count: u64,
    /// Updates in the parts of the open batch that are closed.
    closed_updates: u64,
    /// The number of updates up to a position, as it was last found.
    count_cache: (Position, u64),
}

impl Channel {
    /// A channel whose topics are still searched for. It is silent until [`start`](Self::start).
    pub fn new(key: ChannelKey, spec: ChannelSpec, epoch: Epoch, search: Search) -> Self {
        Self {
            key,
            name: (spec.wire == Wire::SocketIo).then(|| {
                let (mode, max_rate_hz) = spec.pace.granted();
                subscription_name(&spec.filter, mode, max_rate_hz).into()
            }),
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
            status_known: 0,
            statuses: Vec::new(),
            search: Some(Box::new(search)),
            topic_count: 0,
            open: Open::Silent,
            flushed: 0,
            count: 0,
            flushed_count: 0,
            closed_updates: 0,
            count_cache: (0, 0),
        }
    }

    /// Adds a topic that the search has found. From now on its updates are counted here.
    pub fn find_topic(&mut self, topic: &TopicState) {
        self.add_topic(topic.info.id);
        self.count += topic.seq;
        self.status_number = self.status_number.max(topic.news_number());
    }

    /// Begins the first batch after `head`, the newest position that the shard has applied.
    pub fn start(&mut self, head: Position) {
        self.open = match self.spec.pace {
            Pace::Every => Open::Every(EveryBatch {
                writer: BatchWriter::new(self.spec.wire),
                introduced: Vec::new(),
            }),
            Pace::Latest { .. } => Open::Latest(LatestBatch::new(self.spec.wire)),
        };
        self.flushed = head;
        self.flushed_count = self.count;
        self.closed_updates = 0;
        self.status_known = self.status_number;
        self.statuses.clear();
    }

    /// Ends the channel: it has no subscription any more, and will be removed.
    pub fn end(&mut self) {
        self.search = None;
        self.open = Open::Silent;
        self.is_scheduled = false;
    }

    /// Whether the channel only counts: it has not started, or it has ended.
    pub fn is_silent(&self) -> bool {
        matches!(self.open, Open::Silent)
    }

    /// Adds a topic that the filter matches.
    pub fn add_topic(&mut self, id: TopicId) {
        self.topic_count += 1;
        match &mut self.topics {
            TopicSet::One(one) => *one = Some(id),
            TopicSet::Many(many) => many.grow_and_insert(id as usize),
        }
    }

    /// Lets the open batch introduce one of its topics, whose first update it has.
    pub fn introduce(&mut self, id: TopicId) {
        match &mut self.open {
            Open::Silent => {}
            Open::Every(batch) => batch.introduced.push(id),
            Open::Latest(batch) => batch.introduce(id),
        }
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

    /// Number of topics.
    pub fn topic_count(&self) -> usize {
        self.topic_count
    }

    /// Adds the next update of one of its topics to the open batch. If that is one of all updates,
    /// it is full at `max_bytes`. `is_newest` is whether the update is the newest value of its
    /// topic.
    #[inline]
    pub fn append(
        &mut self,
        update: &TapeUpdate<'_>,
        is_newest: bool,
        max_bytes: usize,
    ) -> Appended<'_> {
        self.count += 1;
        match &mut self.open {
            Open::Silent => {}
            Open::Every(batch) => match self.spec.wire.encoding() {
                Encoding::Bincode => {
                    batch.writer.push(update.bincode);
                    if batch.writer.len_bytes() >= max_bytes {
                        return Appended::Full;
                    }
                }
                Encoding::Json => return Appended::InJson(&mut batch.writer),
            },
            Open::Latest(batch) => {
                // A historical update has not become the newest value.
                if is_newest {
                    batch.add(update);
                }
            }
        }
        Appended::Done
    }

    /// Whether the open batch has an update that no closed part has.
    pub fn is_open(&self) -> bool {
        self.count != self.flushed_count
    }

    /// The position of subscribers that have received everything that the channel has sent.
    pub fn flushed(&self) -> Position {
        self.flushed
    }

    /// Number of updates of its topics so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Number of updates of its topics up to the end of the last batch.
    pub fn flushed_count(&self) -> u64 {
        self.flushed_count
    }

    /// Updates sent after the end of the last batch, in parts of the open one, which reach up to
    /// [`flushed`](Self::flushed).
    pub fn closed_updates(&self) -> u64 {
        self.closed_updates
    }

    /// The position that a snapshot can reach now: `head` (everything applied) while a batch is
    /// open, otherwise the end of the last batch.
    pub fn reached(&self, head: Position) -> Position {
        if self.is_open() { head } else { self.flushed }
    }

    /// Closes the open batch or the next part of it, at about `max_bytes`. The last part reaches up
    /// to `head`, the newest position applied. A batch of newest values takes its steps; the bytes
    /// of all others were made before.
    pub fn close(
        &mut self,
        topics: &mut Topics,
        head: Position,
        max_bytes: usize,
        steps: &mut Steps,
    ) -> Close {
        if !self.is_open() {
            return Close::Nothing;
        }
        let wire = self.spec.wire;
        let built = match &mut self.open {
            Open::Silent => return Close::Nothing,
            Open::Every(EveryBatch { writer, introduced }) => {
                // What is known about a topic may have changed since its first update.
                for id in introduced.drain(..) {
                    writer.introduce(&topics[id].info);
                }
                Built::Last
            }
            Open::Latest(batch) => batch.build(wire, max_bytes, topics, steps),
        };
        let (to, count) = match built {
            Built::Unfinished => return Close::Unfinished,
            Built::Part(reached) => (reached, None),
            Built::Last => (head, Some(self.count)),
        };
        let place = self.resume_at(to, count, None);
        let batch_head = BatchHead {
            channel: self.key.id(),
            from: self.flushed,
            to,
            snapshot: false,
            topics: &[],
        };
        let (frame, updates) = match &mut self.open {
            Open::Silent => return Close::Nothing,
            Open::Every(EveryBatch { writer, .. }) => {
                let updates = writer.updates() as u64;
                (writer.finish(&batch_head, &place), updates)
            }
            Open::Latest(batch) => batch.finish(&batch_head, &place),
        };
        self.flushed = to;
        self.closed_updates += updates;
        let is_last = built == Built::Last;
        let mut conflated = 0;
        if is_last {
            if let Open::Latest(batch) = &mut self.open {
                batch.begin_next();
            }
            let arrived = self.count - self.flushed_count;
            conflated = arrived - std::mem::take(&mut self.closed_updates);
            self.flushed_count = self.count;
        }
        Close::Closed(Closed {
            frame,
            updates,
            conflated,
            is_last,
        })
    }

    /// A position in the form in which a client of the channel sends it to resume.
    pub fn resume_at(
        &self,
        position: Position,
        count: Option<u64>,
        snapshot: Option<Position>,
    ) -> Place {
        Place {
            resume: Resume {
                epoch: self.epoch,
                position,
                count,
                snapshot,
            },
            subscription: self.name.clone(),
        }
    }

    /// Positions at which the number of updates of its topics is known, each with that number.
    pub fn known_counts(&self, head: Position) -> [(Position, u64); 3] {
        let flushed = match self.closed_updates {
            0 => (self.flushed, self.flushed_count),
            // The end of a part is among the updates that it has conflated.
            _ => (head, self.count),
        };
        [(head, self.count), flushed, self.count_cache]
    }

    /// Number of updates of its topics in a part of the tape.
    pub fn count_between(&self, after: Position, until: Position, tape: &Tape) -> u64 {
        let updates = tape.between(after, until);
        let of_channel = updates.filter(|(strip, index)| self.has(strip.topic(*index)));
        of_channel.count() as u64
    }

    /// Remembers the number of updates of its topics up to a position, for the next subscriber.
    pub fn remember_count(&mut self, position: Position, count: u64) {
        self.count_cache = (position, count);
    }

    /// The topics as a set, for a channel that can have several.
    pub fn topic_set(&self) -> Option<&FixedBitSet> {
        match &self.topics {
            TopicSet::One(_) => None,
            TopicSet::Many(many) => Some(many),
        }
    }

    /// Steps that [`latest_between`](Self::latest_between) takes.
    pub fn latest_steps(&self, after: Position, until: Position, tape: &Tape) -> usize {
        match self.is_read_from_tape(after, until, tape) {
            true => (until - after) as usize,
            false => self.topic_count / TOPICS_PER_STEP + 1,
        }
    }

    /// Whether it is faster to look for changed topics on the tape than among all topics.
    fn is_read_from_tape(&self, after: Position, until: Position, tape: &Tape) -> bool {
        let topics = (self.topic_count / TOPICS_PER_STEP) as u64;
        after >= tape.floor() && until.saturating_sub(after) < topics
    }

    /// Up to `limit` of its topics whose newest update has a position in (`after`, `until`], in
    /// order of that position. Also returns whether these are all.
    pub fn latest_between(
        &self,
        after: Position,
        until: Position,
        limit: usize,
        topics: &Topics,
        tape: &Tape,
    ) -> (Vec<(Position, TopicId)>, bool) {
        let mut earliest = Earliest::new(limit);
        if self.is_read_from_tape(after, until, tape) {
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
