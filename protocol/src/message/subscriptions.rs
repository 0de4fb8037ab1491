//! Requests about existing subscriptions, and their answers.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    ids::{ChannelId, Position, RequestId},
    subscribe::Mode,
};
use crate::strict_json::null_is_default;

/// See [`ClientMessage::Unsubscribe`](super::ClientMessage::Unsubscribe).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The subscriptions to end.
    pub channels: Vec<ChannelId>,
}

/// See [`ServerMessage::Unsubscribed`](super::ServerMessage::Unsubscribed).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Unsubscribed {
    /// From the request. Missing if the server has ended them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The subscriptions that ended. Channels without a subscription are left out.
    pub channels: Vec<ChannelId>,
    /// If the server has ended them: `to` of the last live batch. Everything up to it was sent, and
    /// nothing after it will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// If the server has ended them: why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Unsubscribed {
    /// The answer to a request.
    pub fn answer(id: RequestId, channels: Vec<ChannelId>) -> Self {
        Self {
            id: Some(id),
            channels,
            position: None,
            reason: None,
        }
    }
}

/// See [`ClientMessage::Change`](super::ClientMessage::Change).
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The subscription to change.
    pub channel: ChannelId,
    /// Its new mode.
    pub mode: Mode,
    /// Its new maximum rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
}

/// See [`ServerMessage::Changed`](super::ServerMessage::Changed). The subscription continues where
/// it is.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Changed {
    /// From the request.
    pub id: RequestId,
    /// The subscription's channel before the change.
    pub previous: ChannelId,
    /// The subscription's channel after the change.
    pub channel: ChannelId,
    /// The granted mode.
    pub mode: Mode,
    /// The granted maximum rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// Where live batches continue. It may be before the client's position, never after it.
    pub position: Position,
    /// How many updates the topics of this filter had up to `position` in this epoch.
    pub count: u64,
}

/// See [`ClientMessage::List`](super::ClientMessage::List).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
}

/// See [`ServerMessage::Subscriptions`](super::ServerMessage::Subscriptions).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Subscriptions {
    /// From the request.
    pub id: RequestId,
    /// In no particular order.
    pub subscriptions: Vec<SubscriptionInfo>,
}

/// The state of one subscription.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct SubscriptionInfo {
    /// Its channel.
    pub channel: ChannelId,
    /// Its filter.
    pub filter: String,
    /// The granted mode.
    pub mode: Mode,
    /// The granted maximum rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// The position up to which it was sent.
    pub position: Position,
    /// Number of its topics.
    pub topics: u32,
}
