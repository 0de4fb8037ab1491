//! What a [`Client`](super::Client) tells its caller.

use std::time::Duration;

use crate::{
    client::{chain::ChainError, clock::ClockEstimate, connection::CloseReason},
    error::ErrorCode,
    message::{
        Accepted, ChannelId, Draining, Epoch, ErrorMessage, Heartbeat, History, Mode, Position,
        Published, RequestId, Start, Subscriptions, TopicInfo, TopicStatus, Update, Welcome,
    },
    topic::{Filter, Topic},
};

/// Something that happened. In the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An attempt to connect begins. The first has number 1; counted until one succeeds.
    Connecting {
        /// Number of the attempt.
        attempt: u32,
    },
    /// The server has greeted. Subscriptions are being asked for.
    Connected(Welcome),
    /// A subscription stands.
    Accepted {
        /// Which.
        filter: Filter,
        /// How it starts.
        accepted: Accepted,
    },
    /// There is no such subscription, and it will not be asked for again.
    Refused {
        /// Which.
        filter: Filter,
        /// Why, as a number.
        code: ErrorCode,
        /// Why, for people.
        reason: String,
    },
    /// A subscription could not be resumed and starts from scratch: a snapshot, then live. What
    /// happened in between is not known. [`Event::Accepted`] follows.
    Reset {
        /// Which.
        filter: Filter,
        /// The epoch from now on.
        epoch: Epoch,
        /// Why: [`Start::EpochChanged`] or [`Start::PositionAhead`]; [`Start::Fresh`] if the client
        /// itself had to start again, because it missed the introduction of a topic.
        start: Start,
    },
    /// Updates of one subscription.
    Batch(ClientBatch),
    /// Updates of one subscription that will never come. A snapshot follows.
    Gap {
        /// Which.
        filter: Filter,
        /// The last position before the gap.
        from: Position,
        /// The last position in the gap.
        to: Position,
        /// How many updates were lost, if the server can tell.
        lost: Option<u64>,
    },
    /// Proof that something was lost without a [`Event::Gap`]. The client resubscribes by itself
    /// and resumes where the caller is.
    ChainBroken {
        /// Which subscription.
        filter: Filter,
        /// The proof.
        error: ChainError,
    },
    /// A subscription has ended, as asked.
    Unsubscribed {
        /// Which.
        filter: Filter,
    },
    /// A subscription has another mode or maximum rate, as asked.
    Changed {
        /// Which.
        filter: Filter,
        /// As granted.
        mode: Mode,
        /// As granted.
        max_rate_hz: Option<f64>,
    },
    /// The server lives, and has sent everything up to the positions in here. They were checked.
    Heartbeat(Heartbeat),
    /// A better or newer idea of the server's clock.
    Clock(ClockEstimate),
    /// What was published is on the tape.
    Published(Published),
    /// What was published is not on the tape, or, if the connection was lost, perhaps is.
    Unpublished {
        /// From [`ClientHandle::publish`](super::ClientHandle::publish).
        id: RequestId,
        /// What is known.
        why: Unpublished,
    },
    /// Topics of one subscription whose source fell silent, died or came back.
    ///
    /// With [`Event::Accepted`] all topics of a subscription count as live again, unless it starts as
    /// [`Start::Existing`]; the server tells which are not before it sends what is older.
    Status {
        /// Which subscription.
        filter: Filter,
        /// Topics that are introduced, with their units.
        topics: Vec<TopicInfo>,
        /// Each topic at most once.
        statuses: Vec<TopicStatus<Topic>>,
    },
    /// Answer to [`ClientHandle::history`](super::ClientHandle::history).
    History(History<Topic>),
    /// There is no answer to [`ClientHandle::history`](super::ClientHandle::history). It can be
    /// asked again, unless the server has refused it for good.
    NoHistory {
        /// From [`ClientHandle::history`](super::ClientHandle::history).
        id: RequestId,
        /// What is known.
        why: NoAnswer,
    },
    /// Answer to [`ClientHandle::list`](super::ClientHandle::list).
    Subscriptions(Subscriptions),
    /// The server could not do something, or wants something to be known.
    Error(ErrorMessage),
    /// The server is about to close the connection. The client reconnects by itself.
    Draining(Draining),
    /// There is no connection any more.
    Disconnected(Disconnected),
}

/// Updates of one subscription. See [`crate::message::Batch`].
#[derive(Debug, Clone, PartialEq)]
pub struct ClientBatch {
    /// Which subscription.
    pub filter: Filter,
    /// Its number on this connection.
    pub channel: ChannelId,
    /// Where the subscription was.
    pub from: Position,
    /// Where it is now.
    pub to: Position,
    /// Whether these are latest values of a snapshot, not news.
    pub snapshot: bool,
    /// Topics that are introduced, with their units.
    pub topics: Vec<TopicInfo>,
    /// By position, ascending.
    pub updates: Vec<Update<Topic>>,
}

/// See [`Event::Unpublished`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unpublished {
    /// There was no connection: it was not sent.
    NotConnected,
    /// Longer than the server takes: it was not sent.
    TooLong {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The connection was lost before the answer: nobody knows.
    Unknown,
    /// The server refused it.
    Refused(ErrorMessage),
}

/// See [`Event::NoHistory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// There was no connection, or it was lost before the answer came.
    NotConnected,
    /// The server refused it.
    Refused(ErrorMessage),
}

/// See [`Event::Disconnected`].
#[derive(Debug, Clone, PartialEq)]
pub struct Disconnected {
    /// What ended the connection, or the attempt to have one.
    pub why: Why,
    /// When the next attempt begins. `None`: the client has ended, no event will follow.
    pub retry_in: Option<Duration>,
}

/// What ended a connection, or the attempt to have one. Texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The attempt to connect failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server closed it.
    #[error("the server closed the connection: {0}")]
    Closed(CloseReason),
    /// The caller closed it.
    #[error("closed")]
    ByCaller,
    /// The server asked its clients to leave.
    #[error("the server is draining")]
    Draining,
    /// Nothing came for so long that the server or the way to it must be dead.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The server sent something that cannot be.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
}

impl Disconnected {
    /// The close code, if the server sent one.
    pub fn close_code(&self) -> Option<u16> {
        match &self.why {
            Why::Closed(reason) => Some(reason.code),
            _ => None,
        }
    }
}
