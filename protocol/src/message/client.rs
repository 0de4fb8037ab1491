//! All messages of a client.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    candles::CandlesRequest,
    history::HistoryRequest,
    identity::Authenticate,
    publish::{Publish, PublishOnce},
    subscribe::Subscribe,
    subscriptions::{Change, List, Unsubscribe},
    time::TimeRequest,
};

/// A message of a client. In JSON the variant is the member `type`, in bincode it is a number.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Subscribes to filters. The answer is [`Subscribed`](super::Subscribed).
    Subscribe(Subscribe),
    /// Ends subscriptions. The answer is [`Unsubscribed`](super::Unsubscribed).
    Unsubscribe(Unsubscribe),
    /// Puts updates on the tape. The answer is [`Published`](super::Published) if the request has
    /// an id.
    Publish(Publish),
    /// Asks for the server's time. The answer is [`TimeAnswer`](super::TimeAnswer).
    Time(TimeRequest),
    /// Asks for the connection's subscriptions. The answer is
    /// [`Subscriptions`](super::Subscriptions).
    List(List),
    /// Gives a subscription another mode or rate. The answer is [`Changed`](super::Changed).
    Change(Change),
    /// Asks for earlier updates of a topic. The answer is [`History`](super::History).
    History(HistoryRequest),
    /// Asks for candles of a topic, or for rows. The answer is [`Candles`](super::Candles).
    Candles(CandlesRequest),
    /// Proves an identity, or renews it. The answer is [`Authenticated`](super::Authenticated).
    Authenticate(Authenticate),
    /// Puts updates on the tape, unless the same publish has put them there before. The answer is
    /// [`Published`](super::Published), and that of the first time for a repetition.
    PublishOnce(PublishOnce),
}

impl ClientMessage {
    /// The names of the variants in JSON. The index is the number in bincode.
    pub(crate) const TYPES: &'static [&'static str] = &[
        "subscribe",
        "unsubscribe",
        "publish",
        "time",
        "list",
        "change",
        "history",
        "candles",
        "authenticate",
        "publish_once",
    ];
}
