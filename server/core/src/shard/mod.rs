//! A shard: a group of connections, the channels they share, and the rounds in which updates are
//! sent.
//!
//! The shard has no clock and no sockets. Callers pass the time in, a socket is a [`Socket`], and
//! [`Event`] tells the caller what the shard cannot do itself. The shard's thread calls
//! [`turn`](Shard::turn), [`catch_up`](Shard::catch_up) and [`take_events`](Shard::take_events)
//! repeatedly and in this order. Clients and timers cause these calls in between:
//!
//! | event | call |
//! |---|---|
//! | a client connects | [`connect`](Shard::connect) |
//! | a request arrives | [`heard`](Shard::heard), [`handle`](Shard::handle) |
//! | a request is under way | [`work`](Shard::work), between two turns |
//! | a blocked socket accepts bytes again | [`on_writable`](Shard::on_writable) |
//! | a part of the log was read | [`take_window`](Shard::take_window) |
//! | [`CoreSettings::tick`] has passed | [`tick`](Shard::tick) |
//! | the connection ends | [`lost`](Shard::lost), [`disconnect`](Shard::disconnect) |
//!
//! This file holds the state. The other files, in reading order:
//!
//! | file | job |
//! |---|---|
//! | `age`, `keys`, `pace`, `publish_budget`, `request_budget`, `socket`, `steps` | types that all below use |
//! | `topics`, `topic_index`, `earliest` | the newest value of each topic, and how to find topics |
//! | `channel`, `channels`, `ended_channels` | batches that several subscribers share |
//! | `latest_batch` | a batch of newest values, which is sent in parts |
//! | `count_walk` | how many updates a channel had up to a position |
//! | `statuses`, `status_cursor` | status changes, and how far each subscriber knows them |
//! | `log_windows` | what was read of the log, for those that the tape has left behind |
//! | `log_pace` | their part of the shard's time |
//! | `subscription`, `behind` | a cursor into a channel, live or behind |
//! | `latest_frame` | a frame of latest values for a subscription that is behind |
//! | `connection`, `joint`, `output`, `rounds` | a client's state, its unsent frames, the order of writes |
//! | `link` | what a client's link takes, and how much may be unsent |
//! | `turn`, `applying`, `unapplied` | applies strips, closes batches, writes |
//! | `catch_up`, `beyond_tape` | serves subscriptions that are behind, from the tape and from the log |
//! | `requests`, `under_way`, `slices` | the requests of clients, and their slices |
//! | `subscribing`, `changing`, `unsubscribing`, `history_requests`, `candle_requests` | what takes several slices |
//! | `publishing` | the limits of a connection that publishes |
//! | `posting` | publishes without a connection |
//! | `joint_limits` | what a connection does together with others of its identity and its address |
//! | `identities` | who the clients are, and what follows when that changes |
//! | `audited` | what an audit is told |
//! | `replies` | answers and errors to one connection |
//! | `offsets` | where a client of Socket.IO is with all its subscriptions |
//! | `lifecycle`, `timers` | greeting, heartbeats, timeouts, close and drain |
//! | `lag_report` | the slowest connections, for operators |
//!
//! The shard may use the tape, the wire and the [`work`](crate::work) types. It knows no sequencer:
//! requests for it are returned to the caller as work.

mod age;
mod keys;
mod pace;
mod publish_budget;
mod request_budget;
mod socket;
mod steps;

mod earliest;
mod topic_index;
mod topics;

mod channel;
mod channels;
mod count_walk;
mod ended_channels;
mod latest_batch;
mod status_cursor;
mod statuses;

mod behind;
mod latest_frame;
mod log_pace;
mod log_windows;
mod subscription;

mod connection;
mod joint;
mod link;
mod output;
mod rounds;

mod applying;
mod audited;
mod beyond_tape;
mod candle_requests;
mod catch_up;
mod changing;
mod history_requests;
mod identities;
mod joint_limits;
mod lag_report;
mod lifecycle;
mod offsets;
mod posting;
mod publishing;
mod replies;
mod requests;
mod slices;
mod subscribing;
mod timers;
mod turn;
mod unapplied;
mod under_way;
mod unsubscribing;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tickcast_protocol::{
    codec::{self, Encoding},
    message::{Epoch, Lineage, Position, TopicId},
};

use self::{
    channels::Channels,
    connection::Connections,
    keys::{Keyed, SubscriptionKey},
    log_pace::LogPace,
    log_windows::LogWindows,
    rounds::Rounds,
    statuses::Statuses,
    subscription::Subscription,
    unapplied::Unapplied,
    under_way::Slices,
};
use crate::{
    audit::Audit,
    identity::Verify,
    now::Now,
    permissions::Permissions,
    restored::Restored,
    settings::CoreSettings,
    stats::ShardStats,
    tape::{AckResult, Tape},
    wire::BATCH_MAX_BYTES,
};

pub use self::{
    behind::{CATCH_UP_FRAME_MAX_BYTES, CATCH_UP_FRAME_MIN_BYTES},
    channel::{Channel, ChannelSpec, Closed},
    keys::{ChannelKey, ConnectionKey},
    lag_report::{SlowClient, SlowSubscription},
    link::{UNSENT_MAX_BYTES, UNSENT_MIN_BYTES, UNSENT_START_BYTES},
    log_windows::{LOG_READS_MAX, LOG_WINDOW_BYTES, LOG_WINDOWS_MAX_BYTES, LogBegin, LogPart},
    offsets::Kept,
    pace::{Pace, RATE_MAX_HZ},
    posting::{Posting, Publisher},
    socket::{KernelBound, Path, Socket, WRITE_MANY_MAX, Write, WriteMany, Written},
    steps::{SLICE_MAX_STEPS, STEPS_PER_REQUEST, Steps, TURN_MAX_STEPS},
    timers::CLOSE_TIMEOUT,
    topic_index::Search,
    topics::{TopicState, Topics},
};

/// An idle shard polls for updates at least this often, so that a new client finds them applied.
const QUIET_MAX: Duration = Duration::from_millis(50);

/// A task that the shard leaves to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The kernel accepts no more bytes of this connection: call [`Shard::on_writable`] when it
    /// does.
    Blocked(ConnectionKey),
    /// The connection is over: drop it and call [`Shard::disconnect`].
    Broken(ConnectionKey),
    /// The connection's request is no longer under way: its next one can be
    /// [handled](Shard::handle).
    Ready(ConnectionKey),
    /// Clients need updates that the tape has dropped: read the log and call
    /// [`Shard::take_window`].
    Read {
        /// The position of the first update that is needed.
        from: Position,
        /// The position of the last update that the tape has dropped. Later ones are not needed.
        until: Position,
    },
    /// The answer to a publish [without a connection](Shard::post).
    Posted(AckResult),
}

/// A shard; see the module.
#[derive(Debug)]
pub struct Shard<S> {
    index: usize,
    lineage: Lineage,
    settings: Arc<CoreSettings>,
    stats: Arc<ShardStats>,
    tape: Tape,
    unapplied: Unapplied,
    topics: Topics,
    channels: Channels,
    subscriptions: Keyed<SubscriptionKey, Subscription>,
    /// Number of these that have ended and only keep their keys.
    ended_subscriptions: usize,
    connections: Connections<S>,
    rounds: Rounds<S>,
    statuses: Statuses,
    /// Connections with subscriptions that are behind, queued for [`catch_up`](Self::catch_up).
    catching_up: VecDeque<ConnectionKey>,
    /// What was read of the log, if there is one.
    log: Option<LogWindows>,
    /// Connections that come back from it, queued as well.
    log_pace: LogPace,
    slices: Slices,
    slice_max_steps: usize,
    turn_max_steps: usize,
    batch_max_bytes: usize,
    events: Vec<Event>,
    /// During a drain: uptime at the end of the window.
    drain_ends: Option<Duration>,
    /// Checks the tokens of clients, if the server has identities.
    verify: Option<Box<dyn Verify>>,
    /// Is told who received what, if there is an audit.
    audit: Option<Box<dyn Audit>>,
}

impl<S: Socket> Shard<S> {
    /// A shard without connections, at the start of an epoch.
    pub fn new(
        index: usize,
        epoch: Epoch,
        settings: Arc<CoreSettings>,
        stats: Arc<ShardStats>,
    ) -> Self {
        Self {
            index,
            lineage: Lineage::new(epoch),
            tape: Tape::new(settings.tape_bytes),
            unapplied: Unapplied::default(),
            settings,
            stats,
            topics: Topics::default(),
            channels: Channels::new(),
            subscriptions: Keyed::new(),
            ended_subscriptions: 0,
            connections: Connections::new(),
            rounds: Rounds::new(),
            statuses: Statuses::default(),
            catching_up: VecDeque::new(),
            log: None,
            log_pace: LogPace::default(),
            slices: Slices::default(),
            slice_max_steps: SLICE_MAX_STEPS,
            turn_max_steps: TURN_MAX_STEPS,
            batch_max_bytes: BATCH_MAX_BYTES,
            events: Vec::new(),
            drain_ends: None,
            verify: None,
            audit: None,
        }
    }

    /// Goes on where the shards of another server have stopped. To be called before the first
    /// connection and the first strip.
    pub fn restore(&mut self, restored: &Restored) {
        self.tape = Tape::restored(self.settings.tape_bytes, &restored.strips, restored.next);
        for topic in &restored.topics {
            let statuses = &mut self.statuses;
            self.topics
                .restore(topic, restored.next, || statuses.count());
        }
        self.lineage.continues.clone_from(&restored.continues);
        self.stats.topics.set(self.topics.len() as u64);
        self.stats.position.set(self.tape.head());
    }

    /// Lets a turn write to fewer connections than would normally justify one, so that a round of a
    /// few connections has several turns.
    pub fn with_turn_writes_min(mut self, writes: usize) -> Self {
        self.rounds.set_turn_writes_min(writes);
        self
    }

    /// Lets slices and turns end after fewer steps than normally, so that small requests and strips
    /// take several.
    pub fn with_max_steps(mut self, steps: usize) -> Self {
        self.slice_max_steps = steps;
        self.turn_max_steps = steps;
        self
    }

    /// Lets batches be closed at fewer bytes than normally, so that small ones have several parts.
    pub fn with_batch_max_bytes(mut self, bytes: usize) -> Self {
        self.batch_max_bytes = bytes;
        self
    }

    /// Sets the way to write to several connections at once.
    pub fn with_write_many(mut self, write_many: impl WriteMany<S> + 'static) -> Self {
        self.rounds.set_write_many(Box::new(write_many));
        self
    }

    /// Its index among the shards of the server.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Appends the newest values of topics, in JSON, to a list without brackets. A topic whose
    /// first update is not applied yet is left out. What else is known about a topic stands with
    /// its value.
    pub fn append_latest(&mut self, ids: &[TopicId], list: &mut Vec<u8>) {
        for &id in ids {
            if self.topics.position(id) == 0 {
                continue;
            }
            if !list.is_empty() {
                list.push(b',');
            }
            let topic = &mut self.topics[id];
            list.extend_from_slice(topic.latest(Encoding::Json));
            codec::append_known_json(&topic.info, list);
        }
    }

    /// Its topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Number of connections.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// What clients may do.
    pub fn permissions(&self) -> &Permissions {
        &self.settings.permissions
    }

    /// The epoch of the tape.
    pub fn epoch(&self) -> Epoch {
        self.lineage.epoch
    }

    /// The newest position applied.
    pub fn position(&self) -> Position {
        self.tape.head()
    }

    /// Whether the round has written to every connection that had unsent frames when it began.
    pub fn is_round_over(&self) -> bool {
        self.rounds.is_over()
    }

    /// Whether a connection or a strip waits for a turn.
    pub fn has_unsent(&self) -> bool {
        self.is_applying() || !self.rounds.is_line_empty() || !self.rounds.touched.is_empty()
    }

    /// Uptime at which [`turn`](Self::turn), [`work`](Self::work) and
    /// [`catch_up`](Self::catch_up) must be called even if no strip arrives.
    pub fn next_due(&self) -> Option<Duration> {
        let dues = [
            self.rounds.next_due(),
            self.slices.next_due(),
            self.log_pace.next_due(),
        ];
        dues.into_iter().flatten().min()
    }

    /// Uptime until which a new update need not be sent before [`next_due`](Self::next_due). Up to
    /// then all channels have a pace, and none is due earlier. Returns `None` if the next update
    /// may have to be sent at once.
    pub fn quiet_until(&self, now: Now) -> Option<Duration> {
        let until = self.channels.quiet_until(now.uptime + QUIET_MAX)?;
        (until > now.uptime).then_some(until)
    }

    /// Takes the tasks for the caller.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
