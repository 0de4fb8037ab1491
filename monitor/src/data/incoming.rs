//! Items that come from a server or from a recording.

use tickcast_protocol::{
    client::{ClientBatch, ClockEstimate},
    message::{
        Authenticated, Candles, Mode, Position, RequestId, TimeNs, TopicInfo, TopicStatus, Update,
    },
    topic::{Filter, Topic},
};

use super::connection_state::ConnectionState;

/// An item from a server or from a recording.
#[derive(Debug, Clone, PartialEq)]
pub enum IncomingItem {
    /// The connection changed its state.
    Connection(ConnectionState),
    /// Updates.
    Batch {
        /// The updates.
        batch: ClientBatch,
        /// When they came, by this machine's clock.
        received_ns: TimeNs,
    },
    /// Statuses of topics.
    Statuses {
        /// Topics introduced with their units.
        topics: Vec<TopicInfo>,
        /// Each topic at most once.
        statuses: Vec<TopicStatus<Topic>>,
    },
    /// A subscription to every update of a topic was accepted.
    Accepted {
        /// The topic.
        topic: Topic,
        /// The subscription delivers all updates after this position.
        position: Position,
    },
    /// The server granted a subscription this mode.
    Granted {
        /// Its filter.
        filter: Filter,
        /// The mode.
        mode: Mode,
        /// The position after which it goes on, if the answer tells it.
        position: Option<Position>,
    },
    /// A page of a topic's history.
    History {
        /// The request that it answers.
        id: RequestId,
        /// Updates in ascending order, without gaps.
        updates: Vec<Update<Topic>>,
        /// Whether the server holds older ones.
        more: bool,
    },
    /// A page of history, or of long history, was not delivered.
    NoHistory {
        /// The request that it answers.
        id: RequestId,
        /// Whether a retry is pointless.
        is_final: bool,
    },
    /// A page of a topic's long history.
    Candles(Candles),
    /// A published value is on the tape, at this position, or the reason why it is not.
    Published {
        /// The request that it answers.
        id: RequestId,
        /// The answer.
        answer: Result<Position, String>,
    },
    /// The server has lost updates of its last epoch that are shown here.
    Truncated {
        /// The subscription that has received them.
        filter: Filter,
        /// The last position of that epoch that the server has.
        kept: Position,
        /// How many updates of the subscription were lost, if it is known.
        lost: Option<u64>,
    },
    /// Positions and seqs start again: what happened in between is not known.
    EpochChanged,
    /// The server has ended a subscription that is not allowed any more.
    Ended {
        /// Its filter.
        filter: Filter,
        /// Everything up to it has come.
        position: Position,
        /// The reason, as text for the user.
        reason: String,
    },
    /// What the server allows from now on.
    Identity(Authenticated),
    /// Something is wrong with the login, in words.
    LoginProblem(String),
    /// The server refused a subscription.
    Refused {
        /// Its filter.
        filter: Filter,
        /// The reason, as text for the user.
        reason: String,
    },
    /// The offset of the server's clock.
    Clock(ClockEstimate),
    /// A message for the user.
    Notice(String),
}
