//! All messages of a server.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    batch::{Batch, Gap},
    candles::Candles,
    history::History,
    identity::{Authenticated, Expiring},
    notices::{Draining, ErrorMessage, Heartbeat},
    publish::Published,
    status::Statuses,
    subscribe::Subscribed,
    subscriptions::{Changed, Subscriptions, Unsubscribed},
    time::TimeAnswer,
    welcome::Welcome,
};

/// A message of the server. In JSON the variant is the member `type`, in bincode it is a number.
///
/// `T` names the topic of an update: [`TopicId`](super::TopicId) in bincode,
/// [`Topic`](crate::topic::Topic) in JSON.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<T> {
    /// The first message on every connection.
    Welcome(Welcome),
    /// Answer to [`Subscribe`](super::Subscribe).
    Subscribed(Subscribed),
    /// Updates of one subscription.
    Batch(Batch<T>),
    /// A range of one subscription whose updates will never come.
    Gap(Gap),
    /// Sent when no other message was sent for a while.
    Heartbeat(Heartbeat),
    /// Answer to [`Unsubscribe`](super::Unsubscribe), or the end of subscriptions that are no
    /// longer allowed.
    Unsubscribed(Unsubscribed),
    /// Answer to [`Publish`](super::Publish) and [`PublishOnce`](super::PublishOnce).
    Published(Published),
    /// Answer to [`TimeRequest`](super::TimeRequest).
    Time(TimeAnswer),
    /// A request failed, or the client should know about a problem.
    Error(ErrorMessage),
    /// The server is about to close the connection: reconnect within the window.
    Draining(Draining),
    /// Answer to [`List`](super::List).
    Subscriptions(Subscriptions),
    /// Answer to [`Change`](super::Change).
    Changed(Changed),
    /// Topics of one subscription whose source became silent, died or came back.
    Status(Statuses<T>),
    /// Answer to [`HistoryRequest`](super::HistoryRequest).
    History(History<T>),
    /// Answer to [`CandlesRequest`](super::CandlesRequest).
    Candles(Candles),
    /// Answer to [`Authenticate`](super::Authenticate), or what a client may do from now on.
    Authenticated(Authenticated),
    /// The identity is about to expire: authenticate again.
    Expiring(Expiring),
}

impl<T> ServerMessage<T> {
    /// The names of the variants in JSON. The index is the number in bincode.
    pub(crate) const TYPES: &'static [&'static str] = &[
        "welcome",
        "subscribed",
        "batch",
        "gap",
        "heartbeat",
        "unsubscribed",
        "published",
        "time",
        "error",
        "draining",
        "subscriptions",
        "changed",
        "status",
        "history",
        "candles",
        "authenticated",
        "expiring",
    ];
}
