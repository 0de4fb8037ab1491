//! Requests under way: those that need more steps than one slice has, or an answer of the
//! sequencer. They go on between the turns of the shard, one slice at a time, each connection in
//! its turn.
//!
//! A connection has one request under way at most, and its next request waits: so a client's
//! requests are answered in their order. Steps count against the client's requests, so one
//! client's work cannot keep the shard busy.
//!
//! This file has their state. `slices` goes on with them, and the file of each kind knows how.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    ops::Range,
    time::Duration,
    vec,
};

use tickcast_protocol::{
    message::{
        ChannelId, FilterRequest, Mode, Position, RequestId, Resume, Start, Subscribe, Unsubscribe,
    },
    topic::Topic,
};

use super::{
    behind::SnapshotRange,
    count_walk::CountWalk,
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    status_cursor::StatusCursor,
};
use crate::work::HistoryAnswer;

/// A request under way; see the module.
#[derive(Debug)]
pub(super) enum UnderWay {
    Subscribe(Subscribing),
    Unsubscribe(Unsubscribing),
    Change(Changing),
    History(AskingHistory),
}

/// Whether a request is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// It needs more steps.
    Unfinished,
    /// It waits for the sequencer.
    Asking,
}

/// The connections whose requests go on.
#[derive(Debug, Default)]
pub(super) struct Slices {
    /// Connections that can go on now. The one that has waited longest comes first.
    line: VecDeque<ConnectionKey>,
    /// Connections whose client has no tokens left, with the uptime at which they go on.
    resting: BinaryHeap<Reverse<(Duration, ConnectionKey)>>,
}

impl Slices {
    /// Adds a connection that can go on now.
    pub(super) fn push(&mut self, key: ConnectionKey) {
        self.line.push_back(key);
    }

    /// Takes the connection that has waited longest.
    pub(super) fn pop(&mut self) -> Option<ConnectionKey> {
        self.line.pop_front()
    }

    /// Number of connections that can go on now.
    pub(super) fn len(&self) -> usize {
        self.line.len()
    }

    /// Adds a connection that can go on at an uptime.
    pub(super) fn push_resting(&mut self, until: Duration, key: ConnectionKey) {
        self.resting.push(Reverse((until, key)));
    }

    /// The uptime at which a client has a request again, if all of them wait for that.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.resting.peek().map(|&Reverse((due, _))| due)
    }

    /// Lets connections go on whose time has come.
    pub(super) fn wake(&mut self, uptime: Duration) {
        while self.next_due().is_some_and(|due| due <= uptime) {
            let woken = self.resting.pop();
            self.line.extend(woken.map(|Reverse((_, key))| key));
        }
    }
}

/// A request to subscribe that is under way.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) id: RequestId,
    pub(super) filters: vec::IntoIter<FilterRequest>,
    pub(super) mode: Mode,
    pub(super) max_rate_hz: Option<f64>,
    pub(super) results: Vec<FilterResult>,
    /// The refusals among them, encoded one after the other.
    pub(super) refused: Vec<u8>,
    /// The filter whose subscription is about to begin.
    pub(super) starting: Option<Starting>,
}

/// The result for a filter.
#[derive(Debug)]
pub(super) enum FilterResult {
    Accepted {
        filter: String,
        subscription: SubscriptionKey,
        begin: Begin,
    },
    /// The range of the encoded refusal.
    Refused(Range<usize>),
}

/// How a subscription begins, for the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begin {
    pub(super) start: Start,
    /// Updates that the client has and the server has lost.
    pub(super) lost: Option<u64>,
}

impl From<Start> for Begin {
    fn from(start: Start) -> Self {
        Self { start, lost: None }
    }
}

/// A subscription that is about to begin.
#[derive(Debug)]
pub(super) struct Starting {
    pub(super) filter: String,
    /// Its channel, in which it has a part.
    pub(super) channel: ChannelKey,
    pub(super) resume: Option<Resume>,
    /// If its count has to be found: its position, and the way there.
    pub(super) walk: Option<(Position, CountWalk)>,
}

impl From<Subscribe> for Subscribing {
    fn from(request: Subscribe) -> Self {
        Self {
            id: request.id,
            results: Vec::with_capacity(request.filters.len()),
            refused: Vec::new(),
            filters: request.filters.into_iter(),
            mode: request.mode,
            max_rate_hz: request.max_rate_hz,
            starting: None,
        }
    }
}

/// A request to unsubscribe that is under way.
#[derive(Debug)]
pub(super) struct Unsubscribing {
    pub(super) id: RequestId,
    pub(super) channels: vec::IntoIter<ChannelId>,
    pub(super) ended: Vec<ChannelId>,
}

impl From<Unsubscribe> for Unsubscribing {
    fn from(Unsubscribe { id, channels }: Unsubscribe) -> Self {
        Self {
            id,
            channels: channels.into_iter(),
            ended: Vec::new(),
        }
    }
}

/// A request to change the pace that is under way.
#[derive(Debug)]
pub(super) struct Changing {
    pub(super) id: RequestId,
    pub(super) previous: ChannelId,
    pub(super) subscription: SubscriptionKey,
    /// The other channel, in which the subscription has a part.
    pub(super) to: ChannelKey,
    /// The subscription, once it has left its channel.
    pub(super) left: Option<Left>,
}

/// What remains of a subscription that has left its channel.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) cursor: Position,
    pub(super) snapshot: Option<SnapshotRange>,
    pub(super) statuses: StatusCursor,
    /// The way to the count at the cursor.
    pub(super) walk: CountWalk,
}

/// A request for history that is under way.
#[derive(Debug)]
pub(super) struct AskingHistory {
    pub(super) topic: Topic,
    /// The sequencer's answer, once it has arrived.
    pub(super) answer: Option<HistoryAnswer>,
    /// The updates in JSON, or the intervals, as far as they are encoded, and their number.
    pub(super) bytes: Vec<u8>,
    pub(super) encoded: usize,
}

impl AskingHistory {
    /// A question that waits for its answer.
    pub(super) fn of(topic: Topic) -> Self {
        Self {
            topic,
            answer: None,
            bytes: Vec::new(),
            encoded: 0,
        }
    }
}
