//! A shard: some connections, the channels they share, and the rounds in which updates go out.
//!
//! It knows no clock and no network: the time is passed in, sockets are a [`Socket`], and what it
//! cannot do itself it returns as an [`Event`]. Its thread calls, in this order and again and
//! again: [`round`](Shard::round), [`catch_up`](Shard::catch_up), and
//! [`take_events`](Shard::take_events); in between what clients and timers bring
//! (`connect`, `handle`, `on_writable`, `tick`, `disconnect`).

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
    error::{CloseCode, ErrorCode},
    message::{
        ChannelPosition, Draining, Epoch, ErrorMessage, Heartbeat, Position, Published, RequestId,
        ServerMessage, TopicId, TopicInfo, Welcome,
    },
    topic::{Filter, Topic},
};

use crate::{
    channel::{Channel, ChannelKey, ChannelSpec},
    clock::Now,
    connection::{
        Connection, ConnectionKey, Flushed, Socket, TokenBucket, UNREAD_ANSWERS_MAX_BYTES,
    },
    frame,
    metrics::ShardStats,
    settings::ServerSettings,
    subscription::{Behind, CATCH_UP_FRAME_BYTES, Progress, Step, Subscription, SubscriptionKey},
    tape::{AckResult, Strip, Tape},
    topics::Topics,
};

/// Updates on the tape that one call of [`Shard::catch_up`] looks at, at most, so that those who
/// are behind do not delay those who are not: a few milliseconds' worth.
const CATCH_UP_BUDGET_UPDATES: usize = 100_000;

/// Bytes that one call of [`Shard::catch_up`] writes, at most, for the same reason.
const CATCH_UP_BUDGET_BYTES: usize = 4 * 1024 * 1024;

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

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
    exact: HashMap<Topic, SmallVec<[ChannelKey; 2]>>,
    wildcard: Vec<ChannelKey>,
    pub(crate) subscriptions: Slab<Subscription>,
    pub(crate) connections: Slab<Connection<S>>,
    generation: u32,
    /// Channels with an open batch to be closed in this round.
    touched: Vec<ChannelKey>,
    /// When the next batches of paced channels are due, as uptime.
    due: BinaryHeap<Reverse<(Duration, ChannelKey)>>,
    /// Connections with something to write in this round.
    dirty: Vec<u32>,
    catching_up: VecDeque<ConnectionKey>,
    events: Vec<Event>,
    rounds: usize,
    draining: bool,
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
            exact: HashMap::new(),
            wildcard: Vec::new(),
            subscriptions: Slab::new(),
            connections: Slab::new(),
            generation: 0,
            touched: Vec::new(),
            due: BinaryHeap::new(),
            dirty: Vec::new(),
            catching_up: VecDeque::new(),
            events: Vec::new(),
            rounds: 0,
            draining: false,
        }
    }

    /// One round: takes strips in, closes the batches that are due, and writes to each connection
    /// that got something, once.
    pub fn round(&mut self, strips: &[Arc<Strip>], now: Now) {
        for strip in strips {
            self.apply(strip);
        }
        self.close_touched(now);
        self.close_due(now);
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
        for ack in strip.acks() {
            self.acknowledge(*ack);
        }
    }

    fn introduce(&mut self, info: &TopicInfo) {
        let mut channels = self.exact.get(&info.topic).cloned().unwrap_or_default();
        for &key in &self.wildcard {
            if self.channels[key as usize]
                .spec
                .filter
                .matches(info.topic.as_str())
            {
                channels.push(key);
            }
        }
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

    /// Closes the batches of channels without a pace; sets a timer for the others.
    fn close_touched(&mut self, now: Now) {
        for key in std::mem::take(&mut self.touched) {
            let Some(channel) = self.channels.get_mut(key as usize) else {
                continue;
            };
            if channel.spec.pace.interval().is_zero() {
                self.close_batch(key);
            } else {
                self.schedule(key, now);
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
                connection.push(closed.frame.clone());
                if !connection.is_dirty {
                    connection.is_dirty = true;
                    self.dirty.push(index);
                }
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

    /// Puts a subscription that is behind in line for [`catch_up`](Self::catch_up).
    pub(crate) fn go_on(&mut self, key: ConnectionKey, subscription: SubscriptionKey) {
        if let Some(connection) = self.connection_mut(key) {
            connection.behind.push_back(subscription);
            if !connection.is_blocked() && !connection.is_catching_up {
                connection.is_catching_up = true;
                self.catching_up.push_back(key);
            }
        }
    }

    fn flush_dirty(&mut self, now: Now) {
        let mut dirty = std::mem::take(&mut self.dirty);
        if !dirty.is_empty() {
            // Another one is the first each time, so that nobody is always last.
            let first = self.rounds % dirty.len();
            self.rounds = self.rounds.wrapping_add(1);
            let (last, rest) = dirty.split_at(first);
            for &index in rest.iter().chain(last) {
                self.flush(index, now);
            }
            dirty.clear();
        }
        // Nothing became dirty meanwhile; this only gives the memory back.
        self.dirty = dirty;
    }

    /// Writes what a connection has waiting.
    fn flush(&mut self, index: u32, now: Now) {
        let Some(connection) = self.connections.get_mut(index as usize) else {
            return;
        };
        connection.is_dirty = false;
        let key = ConnectionKey {
            index,
            generation: connection.generation,
        };
        let was_blocked = connection.is_blocked();
        let (flushed, written) = connection.flush(now.uptime);
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
        Behind::at(channel.flushed(), Some(channel.flushed_count()))
    }

    /// The kernel takes bytes of a connection again.
    ///
    /// Returns whether the caller has to wait and call again.
    pub fn on_writable(&mut self, key: ConnectionKey, now: Now) -> bool {
        if self.connection_mut(key).is_none() {
            return false;
        }
        self.flush(key.index, now);
        let connection = &mut self.connections[key.index as usize];
        if connection.is_blocked() {
            return true;
        }
        if !connection.behind.is_empty() && !connection.is_catching_up {
            connection.is_catching_up = true;
            self.catching_up.push_back(key);
        }
        false
    }

    /// Lets connections that are behind catch up, within a budget. Returns whether there is more to
    /// do at once.
    pub fn catch_up(&mut self, now: Now) -> bool {
        let mut budget = CATCH_UP_BUDGET_UPDATES;
        let mut bytes = 0;
        for _ in 0..self.catching_up.len() {
            if budget == 0 || bytes >= CATCH_UP_BUDGET_BYTES {
                break;
            }
            let Some(key) = self.catching_up.pop_front() else {
                break;
            };
            let Some(connection) = self.connection_mut(key) else {
                continue;
            };
            connection.is_catching_up = false;
            if connection.is_blocked() {
                continue;
            }
            bytes += self.catch_up_connection(key, &mut budget, now);
            let connection = &mut self.connections[key.index as usize];
            if !connection.is_blocked() && !connection.behind.is_empty() {
                connection.is_catching_up = true;
                self.catching_up.push_back(key);
            }
        }
        !self.catching_up.is_empty()
    }

    /// About one frame's worth for one connection, in one write.
    fn catch_up_connection(&mut self, key: ConnectionKey, budget: &mut usize, now: Now) -> usize {
        let mut bytes = 0;
        for _ in 0..self.connections[key.index as usize].behind.len() {
            if bytes >= CATCH_UP_FRAME_BYTES || *budget == 0 {
                break;
            }
            let connection = &mut self.connections[key.index as usize];
            let Some(subscription) = connection.behind.pop_front() else {
                break;
            };
            bytes += self.catch_up_subscription(subscription, budget, now);
        }
        self.flush(key.index, now);
        bytes
    }

    /// Steps of one subscription until it is live, waits, or has a frame's worth. Returns the bytes
    /// handed to the connection.
    fn catch_up_subscription(
        &mut self,
        key: SubscriptionKey,
        budget: &mut usize,
        now: Now,
    ) -> usize {
        let mut bytes = 0;
        loop {
            let Some(subscription) = self.subscriptions.get_mut(key as usize) else {
                return bytes;
            };
            let Progress::Behind(behind) = &mut subscription.progress else {
                return bytes;
            };
            let channel = &mut self.channels[subscription.channel as usize];
            let connection = &mut self.connections[subscription.connection.index as usize];
            match behind.step(channel, &mut self.topics, &self.tape, budget) {
                Step::Frame { frame, updates } => {
                    self.stats.batches.add(1);
                    self.stats.deliveries.add(updates);
                    bytes += frame.len();
                    connection.push(frame);
                }
                Step::Gap { frame, lost } => {
                    self.stats.gaps.add(1);
                    self.stats.gap_updates.add(lost.unwrap_or(0));
                    bytes += frame.len();
                    connection.push(frame);
                }
                Step::Searching => {
                    connection.behind.push_back(key);
                    return bytes;
                }
                Step::Waiting => {
                    channel.waiting.push(key);
                    let channel = channel.key;
                    self.schedule(channel, now);
                    return bytes;
                }
                Step::Live => {
                    if let (Some(count), true) = (behind.count, behind.sent > 0) {
                        let came = channel.flushed_count().saturating_sub(count);
                        self.stats.conflated.add(came.saturating_sub(behind.sent));
                    }
                    subscription.progress = Progress::Live(channel.live.len() as u32);
                    channel.live.push(key);
                    return bytes;
                }
            }
            if bytes >= CATCH_UP_FRAME_BYTES {
                connection.behind.push_back(key);
                return bytes;
            }
        }
    }

    /// Takes a new connection in and greets it.
    pub fn connect(
        &mut self,
        socket: S,
        encoding: Encoding,
        may_publish: bool,
        now: Now,
    ) -> ConnectionKey {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let settings = &self.settings;
        let requests =
            TokenBucket::new(settings.requests_per_s, settings.request_burst, now.uptime);
        let connection = Connection::new(
            socket,
            generation,
            encoding,
            may_publish,
            requests,
            now.uptime,
        );
        let index = self.connections.insert(connection) as u32;
        let key = ConnectionKey { index, generation };
        self.stats.connections.set(self.connections.len() as u64);
        self.stats.connected.add(1);
        let welcome = Welcome {
            server: concat!("tickcast-server ", env!("CARGO_PKG_VERSION")).to_owned(),
            epoch: self.epoch,
            position: self.tape.head(),
            server_time_ns: now.wall_ns,
            heartbeat_ms: self.settings.heartbeat.as_millis() as u32,
            limits: self.settings.limits(),
        };
        self.answer(key, &ServerMessage::Welcome(welcome));
        if self.draining {
            self.announce_drain(key);
        }
        self.flush_dirty(now);
        key
    }

    /// Forgets a connection and its subscriptions.
    pub fn disconnect(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        for subscription in std::mem::take(&mut connection.subscriptions) {
            self.end_subscription(subscription);
        }
        self.connections.remove(key.index as usize);
        self.stats.connections.set(self.connections.len() as u64);
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
        let channel = Channel::new(key, spec.clone(), &self.topics, self.tape.head());
        for id in channel.topics() {
            self.topics.get_mut(id).channels.push(key);
        }
        entry.insert(channel);
        if spec.filter.is_exact()
            && let Ok(topic) = Topic::new(spec.filter.as_str())
        {
            self.exact.entry(topic).or_default().push(key);
        } else {
            self.wildcard.push(key);
        }
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
        if let Some(keys) = self.exact.get_mut(channel.spec.filter.as_str()) {
            keys.retain(|&mut channel| channel != key);
            if keys.is_empty() {
                self.exact.remove(channel.spec.filter.as_str());
            }
        }
        self.wildcard.retain(|&channel| channel != key);
        self.touched.retain(|&channel| channel != key);
        self.due.retain(|&Reverse((_, channel))| channel != key);
        self.by_spec.remove(&channel.spec);
        self.stats.channels.set(self.channels.len() as u64);
    }

    /// Sends a message that is not a batch.
    pub(crate) fn answer(&mut self, key: ConnectionKey, message: &ServerMessage<TopicId>) {
        if let Some(connection) = self.connection_mut(key) {
            let frame = frame::message(message, connection.encoding);
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

    /// Adds a frame to what a connection will be sent at the end of this call or round.
    pub(crate) fn send(&mut self, key: ConnectionKey, frame: Bytes) {
        if let Some(connection) = self.connection_mut(key) {
            connection.push(frame);
            if !connection.is_dirty {
                connection.is_dirty = true;
                self.dirty.push(key.index);
            }
        }
    }

    /// Sends a pong.
    pub fn pong(&mut self, key: ConnectionKey, payload: &[u8], now: Now) {
        self.send(key, frame::pong(payload));
        self.flush_dirty(now);
    }

    /// Sends what has been put in line since the last call.
    pub(crate) fn flush_answers(&mut self, now: Now) {
        self.flush_dirty(now);
    }

    /// Notes that something was received from a connection.
    pub fn heard(&mut self, key: ConnectionKey, now: Now) {
        if let Some(connection) = self.connection_mut(key) {
            connection.last_received = now.uptime;
            connection.ping_sent = None;
        }
    }

    /// Whether a client does not read its answers, so that it should not be read either.
    pub fn is_clogged(&mut self, key: ConnectionKey) -> bool {
        self.connection_mut(key).is_some_and(|connection| {
            connection.is_blocked() && connection.unsent_bytes() > UNREAD_ANSWERS_MAX_BYTES
        })
    }

    /// Begins the close handshake from our side, or answers the client's.
    pub fn close(&mut self, key: ConnectionKey, frame: Bytes, code: Option<u16>, now: Now) {
        let Some(connection) = self.connection_mut(key) else {
            return;
        };
        if connection.closing_since.is_some() {
            return;
        }
        connection.closing_since = Some(now.uptime);
        for subscription in std::mem::take(&mut connection.subscriptions) {
            self.end_subscription(subscription);
        }
        self.stats.closed(code);
        self.send(key, frame);
        self.flush_dirty(now);
    }

    /// Notes that a connection ended without a close frame.
    pub fn lost(&mut self, key: ConnectionKey) {
        let is_closing = |connection: &mut Connection<S>| connection.closing_since.is_some();
        if !self.connection_mut(key).is_none_or(is_closing) {
            self.stats.closed(None);
        }
    }

    /// What time demands: heartbeats, pings, and the end of connections that are silent, do not
    /// read, or whose time to be drained has come. To be called about once a second, more often
    /// while draining.
    pub fn tick(&mut self, now: Now) {
        let indices: Vec<u32> = self
            .connections
            .iter()
            .map(|(index, _)| index as u32)
            .collect();
        let (mut behind, mut lag) = (0, 0);
        for index in indices {
            self.tick_connection(index, now);
            if let Some(connection) = self.connections.get(index as usize)
                && connection.is_blocked()
            {
                behind += 1;
                lag = lag.max(self.lag_of(connection));
            }
        }
        self.stats.behind.set(behind);
        self.stats.lag_updates.set(lag);
        self.flush_dirty(now);
    }

    /// Updates on the tape that the slowest of a connection's subscriptions has not got.
    fn lag_of(&self, connection: &Connection<S>) -> u64 {
        let lags = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription as usize];
            let channel = &self.channels[subscription.channel as usize];
            channel
                .flushed()
                .saturating_sub(subscription.position(channel))
        });
        lags.max().unwrap_or(0)
    }

    fn tick_connection(&mut self, index: u32, now: Now) {
        let settings = Arc::clone(&self.settings);
        let connection = &mut self.connections[index as usize];
        let generation = connection.generation;
        let key = ConnectionKey { index, generation };
        let since = |then: Duration| now.uptime.saturating_sub(then);
        if connection
            .closing_since
            .is_some_and(|then| since(then) > CLOSE_TIMEOUT)
        {
            self.events.push(Event::Broken(key));
        } else if connection.closing_since.is_some() {
        } else if connection
            .blocked_since
            .is_some_and(|then| since(then) > settings.write_timeout)
        {
            // A close frame would not get through either.
            self.stats.closed(Some(CloseCode::WriteTimeout.number()));
            self.events.push(Event::Broken(key));
        } else if connection
            .ping_sent
            .is_some_and(|then| since(then) > settings.pong_timeout)
        {
            let reason = CloseCode::PongTimeout;
            self.close(
                key,
                frame::close_with(reason, reason.text()),
                Some(reason.number()),
                now,
            );
        } else if connection.close_due.is_some_and(|due| due <= now.uptime) {
            let reason = CloseCode::ServiceRestart;
            self.close(
                key,
                frame::close_with(reason, reason.text()),
                Some(reason.number()),
                now,
            );
        } else if !connection.is_blocked() {
            if connection.ping_sent.is_none() && since(connection.last_received) > settings.ping {
                connection.ping_sent = Some(now.uptime);
                self.send(key, frame::ping());
            }
            if since(self.connections[index as usize].last_sent) >= settings.heartbeat {
                self.send_heartbeat(key, now);
            }
        }
    }

    fn send_heartbeat(&mut self, key: ConnectionKey, now: Now) {
        let connection = &self.connections[key.index as usize];
        let channels = connection.subscriptions.iter().map(|&subscription| {
            let subscription = &self.subscriptions[subscription as usize];
            let channel = &self.channels[subscription.channel as usize];
            ChannelPosition {
                channel: channel.key,
                position: subscription.position(channel),
            }
        });
        let heartbeat = Heartbeat {
            server_time_ns: now.wall_ns,
            position: self.tape.head(),
            channels: channels.collect(),
        };
        self.answer(key, &ServerMessage::Heartbeat(heartbeat));
    }

    /// Tells all clients to reconnect within the time in which they will be closed, each at a time
    /// of its own.
    pub fn drain(&mut self, window: Duration, now: Now) {
        self.draining = true;
        let total = self.connections.len().max(1) as u32;
        let keys: Vec<ConnectionKey> = self.keys();
        for (nth, key) in (1..).zip(keys) {
            self.announce_drain(key);
            self.connections[key.index as usize].close_due =
                Some(now.uptime + window * nth / total);
        }
        self.flush_dirty(now);
    }

    fn announce_drain(&mut self, key: ConnectionKey) {
        let reconnect_within_ms = self.settings.drain.as_millis() as u32;
        self.answer(
            key,
            &ServerMessage::Draining(Draining {
                reconnect_within_ms,
            }),
        );
    }

    fn keys(&self) -> Vec<ConnectionKey> {
        let key = |(index, connection): (usize, &Connection<S>)| ConnectionKey {
            index: index as u32,
            generation: connection.generation,
        };
        self.connections.iter().map(key).collect()
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

    /// When [`round`](Self::round) must be called even if no strip comes, as uptime.
    pub fn next_due(&self) -> Option<Duration> {
        self.due.peek().map(|&Reverse((due, _))| due)
    }

    /// Whether [`catch_up`](Self::catch_up) has something to do.
    pub fn has_catching_up(&self) -> bool {
        !self.catching_up.is_empty()
    }

    /// What has come up for the caller to do.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
