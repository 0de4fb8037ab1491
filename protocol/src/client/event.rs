//! What a [`Client`](super::Client) tells its caller.

use super::{chain::ChainError, clock::ClockEstimate, disconnected::Disconnected};
use crate::{
    error::ErrorCode,
    message::{
        Accepted, Authenticated, Candles, ChannelId, Draining, Epoch, ErrorMessage, Expiring,
        Heartbeat, History, Mode, Position, Published, RequestId, Start, Subscriptions, TopicInfo,
        TopicStatus, Update, Welcome,
    },
    topic::{Filter, Topic},
};

/// What happened. Events come in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An attempt to connect starts.
    Connecting {
        /// Number of the attempt, from 1. A successful attempt resets it.
        attempt: u32,
    },
    /// The server has sent its welcome. The client now asks for its subscriptions.
    Connected(Welcome),
    /// The server accepted a subscription.
    Accepted {
        /// The subscription.
        filter: Filter,
        /// How it starts.
        accepted: Accepted,
    },
    /// The server refused a subscription. The client does not ask for it again.
    Refused {
        /// The subscription.
        filter: Filter,
        /// The reason as a number.
        code: ErrorCode,
        /// The reason for people.
        reason: String,
    },
    /// The server has lost updates of a subscription that the caller has: it had to begin a new
    /// epoch, after a power cut for example. The subscription goes on at the last update that the
    /// server has: a snapshot of everything, then all updates after that. [`Event::Accepted`]
    /// follows.
    Truncated {
        /// The subscription.
        filter: Filter,
        /// The last position of the old epoch that the server has.
        kept: Position,
        /// The caller's position in the old epoch. The server has lost what lies between.
        position: Position,
        /// The number of updates of the subscription between the two, if it is known.
        lost: Option<u64>,
    },
    /// A subscription could not be resumed and starts anew: a snapshot, then live updates. What
    /// happened in between is unknown. [`Event::Accepted`] follows.
    Reset {
        /// The subscription.
        filter: Filter,
        /// The new epoch.
        epoch: Epoch,
        /// Why: [`Start::EpochChanged`], [`Start::PositionAhead`], or [`Start::Fresh`] if the
        /// client itself had to start anew, because it missed the introduction of a topic.
        start: Start,
    },
    /// Updates of one subscription.
    Batch(ClientBatch),
    /// A range of one subscription whose updates will never come. A snapshot follows.
    Gap {
        /// The subscription.
        filter: Filter,
        /// The last position before the gap.
        from: Position,
        /// The last position in the gap.
        to: Position,
        /// Number of lost updates, if the server knows it.
        lost: Option<u64>,
    },
    /// Proof that something was lost without an [`Event::Gap`]. The client subscribes again by
    /// itself and resumes at the caller's position.
    ChainBroken {
        /// The subscription.
        filter: Filter,
        /// The proof.
        error: ChainError,
    },
    /// A subscription has ended, as requested.
    Unsubscribed {
        /// The subscription.
        filter: Filter,
    },
    /// The server has ended a subscription that is no longer allowed. The client does not ask for
    /// it again.
    Ended {
        /// The subscription.
        filter: Filter,
        /// Everything up to it has come, and nothing after it will.
        position: Position,
        /// The reason for people.
        reason: String,
    },
    /// The server knows the identity, or what the identity may do has changed.
    Authenticated(Authenticated),
    /// The identity is about to expire. A client with [a source of
    /// tokens](super::ClientOptions::token) renews it by itself.
    Expiring(Expiring),
    /// A subscription has another mode or maximum rate, as requested.
    Changed {
        /// The subscription.
        filter: Filter,
        /// The granted mode.
        mode: Mode,
        /// The granted maximum rate.
        max_rate_hz: Option<f64>,
    },
    /// The server is alive, and has sent everything up to these positions, which were checked.
    Heartbeat(Heartbeat),
    /// A better or newer estimate of the server's clock.
    Clock(ClockEstimate),
    /// Published updates are on the tape.
    Published(Published),
    /// Published updates are not on the tape, or may not be, if the connection was lost.
    Unpublished {
        /// From [`ClientHandle::publish`](super::ClientHandle::publish) or
        /// [`ClientHandle::publish_once`](super::ClientHandle::publish_once).
        id: RequestId,
        /// The reason.
        why: Unpublished,
    },
    /// Topics of one subscription whose source became silent, died or came back.
    ///
    /// With [`Event::Accepted`] all topics of a subscription count as live again, unless it starts
    /// as [`Start::Existing`]. The server names the topics that are not live before it sends older
    /// values.
    Status {
        /// The subscription.
        filter: Filter,
        /// Introduced topics, with their units.
        topics: Vec<TopicInfo>,
        /// Each topic at most once.
        statuses: Vec<TopicStatus<Topic>>,
    },
    /// Answer to [`ClientHandle::history`](super::ClientHandle::history).
    History(History<Topic>),
    /// Answer to [`ClientHandle::candles`](super::ClientHandle::candles).
    Candles(Candles),
    /// [`ClientHandle::history`](super::ClientHandle::history) or
    /// [`ClientHandle::candles`](super::ClientHandle::candles) has no answer. The caller may ask
    /// again, unless the server refused the request permanently.
    NoHistory {
        /// From the handle.
        id: RequestId,
        /// The reason.
        why: NoAnswer,
    },
    /// Answer to [`ClientHandle::list`](super::ClientHandle::list).
    Subscriptions(Subscriptions),
    /// A request failed, or the server reports a problem.
    Error(ErrorMessage),
    /// The server is about to close the connection. The client reconnects by itself.
    Draining(Draining),
    /// The connection has ended.
    Disconnected(Disconnected),
}

/// Updates of one subscription. See [`Batch`](crate::message::Batch).
#[derive(Debug, Clone, PartialEq)]
pub struct ClientBatch {
    /// The subscription.
    pub filter: Filter,
    /// Its number on this connection.
    pub channel: ChannelId,
    /// Where the subscription was.
    pub from: Position,
    /// Where it is now.
    pub to: Position,
    /// Whether these are the latest values of a snapshot instead of news.
    pub snapshot: bool,
    /// Introduced topics, with their units.
    pub topics: Vec<TopicInfo>,
    /// In ascending order of position.
    pub updates: Vec<Update<Topic>>,
}

/// See [`Event::Unpublished`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpublished {
    /// There was no connection, so the request was not sent.
    NotConnected,
    /// The request is longer than the server accepts, so it was not sent.
    TooLong {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The connection was lost before the answer. The updates may be on the tape. Of
    /// [`publish_once`](super::ClientHandle::publish_once): the client has ended before that, or the
    /// server has refused to put them there again, because it cannot tell whether they are there
    /// ([`Event::Error`] tells why).
    Unknown,
    /// The server refused the request.
    Refused(ErrorMessage),
}

/// See [`Event::NoHistory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// There was no connection, or it was lost before the answer came.
    NotConnected,
    /// The server refused the request.
    Refused(ErrorMessage),
}
