//! A shard: some connections, the channels they share, and the rounds in which updates go out.
//!
//! It knows no clock and no network: the time is passed in, sockets are a [`Socket`], and what it
//! cannot do itself it returns as an [`Event`]. Its thread calls, in this order and again and
//! again: [`turn`](Shard::turn), [`catch_up`](Shard::catch_up), and
//! [`take_events`](Shard::take_events); in between what clients and timers bring
//! (`connect`, `handle`, `on_writable`, `tick`, `disconnect`).
//!
//! In a round each connection that had something waiting at its beginning is written to, once. It
//! goes in turns, and each turn takes in what has come by then: whoever is written to late in a
//! round gets it in the same write, and has not waited for it longer than those who were early.
//!
//! Rounds are in this file; `requests`, `catch_up` and `upkeep` are the same shard's answers to
//! what clients ask, to those who are behind, and to the passing of time.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hashbrown::HashMap;
use slab::Slab;
use smallvec::SmallVec;
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{
        Epoch, ErrorMessage, Position, Published, RequestId, ServerMessage, TopicId, TopicInfo,
    },
    topic::Filter,
};

use crate::{
    channel::{Channel, ChannelKey, ChannelSpec, Pace},
    clock::Now,
    connection::{Connection, ConnectionKey, Flushed, Socket, Taken, WRITE_MANY_MAX, WriteMany},
    frame,
    levels::FilterTree,
    metrics::ShardStats,
    settings::ServerSettings,
    statuses::StatusCursor,
    subscription::{Behind, Progress, Subscription, SubscriptionKey},
    tape::{AckResult, Strip, Tape},
    topics::Topics,
};

/// A shard without clients who are due looks for updates after so long, at the latest: what waits for
/// it is to be applied before somebody comes who needs it.
const QUIET_MAX: Duration = Duration::from_millis(50);

/// A round goes in so many turns, about. More would make those who wait get newer values, but each
/// turn may add a frame of its own to every connection.
const TURNS_PER_ROUND: usize = 4;

/// A turn writes to so many connections, if there are as many: about 150 µs.
const TURN_WRITES_MIN: usize = 32;

/// What a shard cannot do itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The kernel takes no more for this connection: call [`Shard::on_writable`] when it does.
    Blocked(ConnectionKey),
    /// The connection is over: drop it and call [`Shard::disconnect`].
    Broken(ConnectionKey),
}

/// See the module.
#[derive(Debug)]
pub struct Shard<S> {
    pub(crate) index: usize,
    pub(crate) epoch: Epoch,
    pub(crate) settings: Arc<ServerSettings>,
    pub(crate) stats: Arc<ShardStats>,
    pub(crate) tape: Tape,
    pub(crate) topics: Topics,
    pub(crate) channels: Slab<Channel>,
    pub(crate) by_spec: HashMap<ChannelSpec, ChannelKey>,
    /// Channels by their filters.
    by_filter: FilterTree<ChannelKey>,
    pub(crate) subscriptions: Slab<Subscription>,
    pub(crate) connections: Slab<Connection<S>>,
    pub(crate) generation: u32,
    /// How many channels have no pace: what they get goes out at once.
    unpaced: usize,
    /// Channels with an open batch to be closed in this turn, or when the round is over.
    touched: Vec<ChannelKey>,
    /// When the next batches of paced channels are due, as uptime.
    pub(crate) due: BinaryHeap<Reverse<(Duration, ChannelKey)>>,
    /// Connections with updates or statuses to write; who has waited longest is first.
    dirty: VecDeque<u32>,
    /// How many of them this round is still to write to.
    round_left: usize,
    /// How many of them a turn of this round writes to.
    turn_writes: usize,
    turn_writes_min: usize,
    write_many: Option<Box<dyn WriteMany<S>>>,
    /// Connections with answers to write at the end of this call.
    answered: Vec<u32>,
    pub(crate) catching_up: VecDeque<ConnectionKey>,
    pub(crate) events: Vec<Event>,
    rounds: usize,
    /// Changes of status so far.
    pub(crate) status_changes: u64,
    /// Channels with changes to be told in this round.
    pub(crate) status_channels: Vec<ChannelKey>,
    /// While draining: when the window ends, as uptime.
    pub(crate) drain_ends: Option<Duration>,
}

impl<S: Socket> Shard<S> {
    /// A shard without connections, at the beginning of an epoch.
    pub fn new(
        index: usize,
        epoch: Epoch,
        settings: Arc<ServerSettings>,
        stats: Arc<ShardStats>,
    ) -> Self {
        Self {
            index,
            epoch,
            tape: Tape::new(settings.tape_bytes),
            settings,
            stats,
            topics: Topics::default(),
            channels: Slab::new(),
            by_spec: HashMap::new(),
            by_filter: FilterTree::default(),
            subscriptions: Slab::new(),
            connections: Slab::new(),
            generation: 0,
            unpaced: 0,
            touched: Vec::new(),
            due: BinaryHeap::new(),
            dirty: VecDeque::new(),
            round_left: 0,
            turn_writes: 0,
            turn_writes_min: TURN_WRITES_MIN,
            write_many: None,
            answered: Vec::new(),
            catching_up: VecDeque::new(),
            events: Vec::new(),
            rounds: 0,
            status_changes: 0,
            status_channels: Vec::new(),
            drain_ends: None,
        }
    }

    /// Lets a turn write to fewer connections than are worth a turn, so that a few make a round of
    /// several turns.
    pub fn with_turn_writes_min(mut self, writes: usize) -> Self {
        self.turn_writes_min = writes;
        self
    }

    /// Has connections written to several at a time.
    pub fn with_write_many(mut self, write_many: impl WriteMany<S> + 'static) -> Self {
        self.write_many = Some(Box::new(write_many));
        self
    }

    /// A round in one call: the strips go to everybody.
    pub fn round(&mut self, strips: &[Arc<Strip>], now: Now) {
        self.turn(strips, now);
        while self.has_unsent() {
            self.turn(&[], now);
        }
    }

    /// A turn of a round: takes strips in, closes the batches that are due, and writes to those who
    /// have waited longest.
    pub fn turn(&mut self, strips: &[Arc<Strip>], now: Now) {
        for strip in strips {
            self.apply(strip);
        }
        let nobody_waited = self.dirty.is_empty();
        self.close_touched(now);
        self.close_due(now);
        self.send_statuses();
        if nobody_waited && !self.dirty.is_empty() {
            // Another one is the first each time, so that nobody is always last.
            self.dirty.rotate_left(self.rounds % self.dirty.len());
            self.rounds = self.rounds.wrapping_add(1);
        }
        self.flush_answers(now);
        self.flush_dirty(now);
        self.stats.tape_bytes.set(self.tape.bytes() as u64);
        self.stats.position.set(self.tape.head());
    }

    fn apply(&mut self, strip: &Arc<Strip>) {
        for info in strip.topics() {
            self.introduce(info);
        }
        self.tape.push(Arc::clone(strip));
        for (index, update) in strip.updates().enumerate() {
            self.topics.apply(update);
            let topic = self.topics.get(update.topic);
            for &key in &topic.channels {
                let channel = &mut self.channels[key as usize];
                if !channel.is_open() {
                    self.touched.push(key);
                }
                channel.append(strip, index, &self.topics);
            }
        }
        for &change in strip.statuses() {
            self.change_status(change);
        }
        for ack in strip.acks() {
            self.acknowledge(*ack);
        }
    }

    fn introduce(&mut self, info: &TopicInfo) {
        let channels = self.by_filter.matching(&info.topic);
        for &key in &channels {
            self.channels[key as usize].introduce(info);
        }
        self.topics.introduce(info.clone(), channels);
        self.stats.topics.set(self.topics.len() as u64);
    }

    fn acknowledge(&mut self, AckResult { ack, result }: AckResult) {
        if ack.shard != self.index {
            return;
        }
        let key = ConnectionKey::from_u64(ack.connection);
        match result {
            Ok(position) => {
                let published = Published {
                    id: ack.id,
                    position,
                };
                self.answer(key, &ServerMessage::Published(published));
            }
            Err(code) => self.refuse(key, Some(ack.id), code, code.text()),
        }
    }

    /// Closes the batches of channels without a pace; sets a timer for the others. Newest values wait
    /// until the round is over, so that as few as possible are sent.
    fn close_touched(&mut self, now: Now) {
        for key in std::mem::take(&mut self.touched) {
            let Some(channel) = self.channels.get(key as usize) else {
                continue;
            };
            match channel.spec.pace {
                Pace::Latest { interval_ms: 0 } if !self.is_round_over() => self.touched.push(key),
                Pace::Every | Pace::Latest { interval_ms: 0 } => self.close_batch(key),
                Pace::Latest { .. } => self.schedule(key, now),
            }
        }
    }

    /// Sets a paced channel's timer, unless it is set: an interval after its last batch, which for
    /// the first one is now.
    pub(crate) fn schedule(&mut self, key: ChannelKey, now: Now) {
        let channel = &mut self.channels[key as usize];
        if !channel.is_scheduled {
            channel.is_scheduled = true;
            let interval = channel.spec.pace.interval();
            let due = channel
                .last_flush
                .map_or(now.uptime, |last| last + interval);
            self.due.push(Reverse((due, key)));
        }
    }

    fn close_due(&mut self, now: Now) {
        while let Some(&Reverse((due, key))) = self.due.peek()
            && due <= now.uptime
        {
            self.due.pop();
            // A channel that ended meanwhile, or another one that has its key since.
            let Some(channel) = self
                .channels
                .get_mut(key as usize)
                .filter(|c| c.is_scheduled)
            else {
                continue;
            };
            channel.is_scheduled = false;
            channel.last_flush = Some(now.uptime);
            self.close_batch(key);
        }
    }

    /// Closes a channel's batch, hands it to those who are live, and lets those go on who waited
    /// for it.
    fn close_batch(&mut self, key: ChannelKey) {
        let channel = &mut self.channels[key as usize];
        let head = self.tape.head();
        if let Some(closed) = channel.close(&mut self.topics, head) {
            let live = channel.live.len() as u64;
            self.stats.batches.add(live);
            self.stats.deliveries.add(live * closed.updates);
            self.stats.conflated.add(live * closed.conflated);
            for &subscription in &channel.live {
                let index = self.subscriptions[subscription as usize].connection.index;
                let connection = &mut self.connections[index as usize];
                line_up(connection, index, closed.frame.clone(), &mut self.dirty);
            }
        }
        for subscription in std::mem::take(&mut channel.waiting) {
            if let Some(Subscription {
                connection,
                progress: Progress::Behind(behind),
                ..
            }) = self.subscriptions.get_mut(subscription as usize)
            {
                behind.is_due = true;
                let connection = *connection;
                self.go_on(connection, subscription);
            }
        }
    }

    /// Writes to those who have waited longest, a turn's worth of them.
    fn flush_dirty(&mut self, now: Now) {
        if self.round_left == 0 {
            self.round_left = self.dirty.len();
            let share = self.round_left.div_ceil(TURNS_PER_ROUND);
            self.turn_writes = share.max(self.turn_writes_min);
        }
        let mut left = self.round_left.min(self.turn_writes);
        self.round_left -= left;
        while left > 0 {
            let many = left.min(WRITE_MANY_MAX);
            left -= many;
            let connections = &mut self.connections;
            // It may have been written to meanwhile, for an answer, or be over. Whoever stands in the
            // line twice is taken once.
            let was_dirty = |&index: &u32| {
                let connection = connections.get_mut(index as usize);
                connection.is_some_and(|connection| std::mem::take(&mut connection.is_dirty))
            };
            let some = self.dirty.drain(..many.min(self.dirty.len()));
            let some: SmallVec<[u32; WRITE_MANY_MAX]> = some.filter(was_dirty).collect();
            self.flush_many(&some, now);
        }
    }

    /// Writes what several connections have waiting.
    fn flush_many(&mut self, indices: &[u32], now: Now) {
        let mut taken = Taken::new();
        if let Some(write_many) = &mut self.write_many {
            let unsent = |&index: &u32| self.connections[index as usize].unsent();
            let writes: SmallVec<[_; WRITE_MANY_MAX]> = indices.iter().map(unsent).collect();
            write_many.write_many(&writes, &mut taken);
        }
        taken.resize(indices.len(), 0);
        for (&index, taken) in indices.iter().zip(taken) {
            self.flush_rest(index, taken, now);
        }
    }

    /// Writes to those who were answered since the last call, also what else they have waiting.
    pub(crate) fn flush_answers(&mut self, now: Now) {
        let mut answered = std::mem::take(&mut self.answered);
        for index in answered.drain(..) {
            let connection = self.connections.get(index as usize);
            if connection.is_some_and(|connection| connection.unsent_bytes() > 0) {
                self.flush(index, now);
            }
        }
        // Nobody was answered meanwhile; this only gives the memory back.
        self.answered = answered;
    }

    /// Writes what a connection has waiting.
    pub(crate) fn flush(&mut self, index: u32, now: Now) -> Flushed {
        self.flush_rest(index, 0, now)
    }

    /// Writes what a connection has waiting, of which its socket has taken some bytes already.
    fn flush_rest(&mut self, index: u32, taken: usize, now: Now) -> Flushed {
        let Some(connection) = self.connections.get_mut(index as usize) else {
            return Flushed::Broken;
        };
        connection.is_dirty = false;
        let key = ConnectionKey {
            index,
            generation: connection.generation,
        };
        let was_blocked = connection.is_blocked();
        let (flushed, written) = connection.flush(taken, now.uptime);
        self.stats.bytes.add(written as u64);
        match flushed {
            Flushed::Clear => {}
            Flushed::Blocked if was_blocked => {}
            Flushed::Blocked => {
                self.stats.blocked.add(1);
                self.fall_behind(key);
                self.events.push(Event::Blocked(key));
            }
            Flushed::Broken => self.events.push(Event::Broken(key)),
        }
        flushed
    }

    /// Takes a blocked connection's subscriptions out of their channels' live lists.
    fn fall_behind(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        for subscription in connection.subscriptions.clone() {
            if let Progress::Live(_) = self.subscriptions[subscription as usize].progress {
                let behind = self.leave_live(subscription);
                self.subscriptions[subscription as usize].progress = Progress::Behind(behind);
                self.connections[key.index as usize]
                    .behind
                    .push_back(subscription);
            }
        }
    }

    /// Takes a live subscription out of its channel's list, and says where it is.
    pub(crate) fn leave_live(&mut self, subscription: SubscriptionKey) -> Behind {
        let Subscription {
            channel,
            ref progress,
            ..
        } = self.subscriptions[subscription as usize];
        let channel = &mut self.channels[channel as usize];
        if let Progress::Live(at) = *progress {
            channel.live.swap_remove(at as usize);
            if let Some(&moved) = channel.live.get(at as usize) {
                self.subscriptions[moved as usize].progress = Progress::Live(at);
            }
        }
        let statuses = StatusCursor::current(channel);
        Behind::at(channel.flushed(), Some(channel.flushed_count()), statuses)
    }

    /// The connection, unless it is over.
    pub(crate) fn connection_mut(&mut self, key: ConnectionKey) -> Option<&mut Connection<S>> {
        let connection = self.connections.get_mut(key.index as usize);
        connection.filter(|connection| connection.generation == key.generation)
    }

    /// The channel for a spec, made if there is none.
    pub(crate) fn channel_for(&mut self, spec: ChannelSpec) -> ChannelKey {
        if let Some(&key) = self.by_spec.get(&spec) {
            return key;
        }
        let entry = self.channels.vacant_entry();
        let key = entry.key() as ChannelKey;
        let channel = Channel::new(
            key,
            spec.clone(),
            self.epoch,
            &self.topics,
            self.tape.head(),
        );
        for id in channel.topics() {
            self.topics.get_mut(id).channels.push(key);
        }
        entry.insert(channel);
        self.by_filter.insert(&spec.filter, key);
        self.unpaced += usize::from(spec.pace.interval().is_zero());
        self.by_spec.insert(spec, key);
        self.stats.channels.set(self.channels.len() as u64);
        key
    }

    /// Ends a subscription; its channel, too, if it was the last one.
    pub(crate) fn end_subscription(&mut self, key: SubscriptionKey) {
        if let Progress::Live(_) = self.subscriptions[key as usize].progress {
            self.leave_live(key);
        }
        let Subscription {
            connection,
            channel,
            ..
        } = self.subscriptions.remove(key as usize);
        self.stats
            .subscriptions
            .set(self.subscriptions.len() as u64);
        if let Some(connection) = self.connection_mut(connection) {
            connection
                .subscriptions
                .retain(|&mut subscription| subscription != key);
            connection
                .behind
                .retain(|&subscription| subscription != key);
        }
        let state = &mut self.channels[channel as usize];
        state.waiting.retain(|&subscription| subscription != key);
        state.subscriptions -= 1;
        if state.subscriptions == 0 {
            self.end_channel(channel);
        }
    }

    fn end_channel(&mut self, key: ChannelKey) {
        let channel = self.channels.remove(key as usize);
        for id in channel.topics() {
            self.topics
                .get_mut(id)
                .channels
                .retain(|&mut channel| channel != key);
        }
        self.by_filter.remove(&channel.spec.filter, key);
        self.unpaced -= usize::from(channel.spec.pace.interval().is_zero());
        self.touched.retain(|&channel| channel != key);
        self.status_channels.retain(|&channel| channel != key);
        self.due.retain(|&Reverse((_, channel))| channel != key);
        self.by_spec.remove(&channel.spec);
        self.stats.channels.set(self.channels.len() as u64);
    }

    /// Sends a message that is not a batch.
    pub(crate) fn answer(&mut self, key: ConnectionKey, message: &ServerMessage<TopicId>) {
        if let Some(connection) = self.connection_mut(key) {
            let frame = frame::message(message, connection.wire);
            self.send(key, frame);
        }
    }

    /// Sends an error message.
    pub(crate) fn refuse(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        code: ErrorCode,
        reason: impl Into<String>,
    ) {
        self.refuse_for(key, id, code, reason, None);
    }

    pub(crate) fn refuse_for(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        code: ErrorCode,
        reason: impl Into<String>,
        retry_after_ms: Option<u32>,
    ) {
        self.stats.refused.add(1);
        let error = ErrorMessage {
            id,
            code,
            reason: reason.into(),
            temporary: code.is_temporary(),
            retry_after_ms,
        };
        self.answer(key, &ServerMessage::Error(error));
    }

    /// Adds an answer to what a connection will be sent at the end of this call.
    pub(crate) fn send(&mut self, key: ConnectionKey, frame: Bytes) {
        if let Some(connection) = self.connection_mut(key) {
            connection.push(frame);
            self.answered.push(key.index);
        }
    }

    /// Adds a frame to what a connection will be sent when its turn comes.
    pub(crate) fn deliver(&mut self, key: ConnectionKey, frame: Bytes) {
        let connection = self.connections.get_mut(key.index as usize);
        if let Some(connection) = connection.filter(|c| c.generation == key.generation) {
            line_up(connection, key.index, frame, &mut self.dirty);
        }
    }

    /// The newest values of the topics that a filter selects, in JSON, at most `limit`; and whether
    /// these are all.
    pub fn latest(&mut self, filter: &Filter, limit: usize) -> (Vec<&[u8]>, bool) {
        let mut ids = self.topics.matching(filter);
        let is_all = ids.len() <= limit;
        ids.truncate(limit);
        for &id in &ids {
            self.topics.get_mut(id).latest(Encoding::Json);
        }
        let json = |id| self.topics.get(id).latest_json();
        (ids.into_iter().map(json).collect(), is_all)
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The epoch of the tape.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The newest position applied.
    pub fn position(&self) -> Position {
        self.tape.head()
    }

    /// Whether all have been written to who had something waiting when the round began.
    pub fn is_round_over(&self) -> bool {
        self.round_left == 0
    }

    /// Whether somebody waits for a turn.
    pub fn has_unsent(&self) -> bool {
        !self.dirty.is_empty() || !self.touched.is_empty()
    }

    /// When [`turn`](Self::turn) must be called even if no strip comes, as uptime.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.peek().map(|&Reverse((due, _))| due)
    }

    /// Until when, as uptime, no update that comes has to go out before what
    /// [`next_due`](Self::next_due) says: all channels have a pace, and what would open a batch comes
    /// too early for its channel. `None` if the next update may have to go out at once.
    pub fn quiet_until(&self, now: Now) -> Option<Duration> {
        if self.unpaced > 0 {
            return None;
        }
        let mut until = now.uptime + QUIET_MAX;
        for (_, channel) in self.channels.iter().filter(|(_, c)| !c.is_scheduled) {
            until = until.min(channel.last_flush? + channel.spec.pace.interval());
        }
        (until > now.uptime).then_some(until)
    }

    /// What has come up for the caller to do.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// Adds a frame to what a connection will be sent, and the connection to those who wait for their
/// turn.
fn line_up<S: Socket>(
    connection: &mut Connection<S>,
    index: u32,
    frame: Bytes,
    dirty: &mut VecDeque<u32>,
) {
    connection.push(frame);
    if !connection.is_dirty {
        connection.is_dirty = true;
        dirty.push_back(index);
    }
}
