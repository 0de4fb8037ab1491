//! Subscribing to filters, and resuming earlier subscriptions.

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    epoch::Epoch,
    ids::{ChannelId, Position, RequestId},
};
use crate::{
    error::ErrorCode,
    strict_json::{null_is_default, strict_name, strict_object},
};

/// Least `max_rate_hz` of a subscription, a role and a token: one batch in 100 seconds. A client
/// that wants fewer can ask when it wants values.
pub const RATE_MIN_HZ: f64 = 0.01;

/// See [`ClientMessage::Subscribe`](super::ClientMessage::Subscribe).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The filters to subscribe to. The answer has one result for each.
    pub filters: Vec<FilterRequest>,
    /// Every update or the newest values.
    #[serde(default, deserialize_with = "null_is_default")]
    pub mode: Mode,
    /// In mode `latest`: at most this many batches per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
}

/// One filter of a [`Subscribe`]. In JSON a plain string suffices if there is nothing to resume.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct FilterRequest {
    /// The filter, not yet checked. The server refuses a bad filter and accepts the others.
    pub filter: String,
    /// Where an earlier subscription to this filter ended.
    pub resume: Option<Resume>,
}

/// Where a subscription ended, to continue from there after a reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Resume {
    /// The epoch of the other fields.
    pub epoch: Epoch,
    /// `to` of the last handled live batch, or the position that [`Accepted`] or
    /// [`Gap`](super::Gap) set.
    pub position: Position,
    /// In mode `every`: how many updates of the channel are accounted for at `position`. With it
    /// the server can tell exactly how many updates were lost, even if the tape no longer holds
    /// them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// If a snapshot was under way: `to` of its last handled batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Position>,
}

strict_object!(Resume);

/// Which updates a subscription delivers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Encode, Decode, Serialize, Deserialize,
)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Mode {
    /// Every update, in order. A [`Gap`](super::Gap) counts the updates that cannot be delivered.
    Every,
    /// The newest value of each topic, as fast as the client and its maximum rate allow.
    #[default]
    Latest,
}

strict_name!(Mode);

/// See [`ServerMessage::Subscribed`](super::ServerMessage::Subscribed).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Subscribed {
    /// From the request.
    pub id: RequestId,
    /// One result per filter, in the order of the request.
    pub results: Vec<SubscribeResult>,
}

/// The result for one filter.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SubscribeResult {
    /// The client is subscribed.
    Accepted(Accepted),
    /// The client is not subscribed.
    Refused(Refused),
}

/// An accepted subscription.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Accepted {
    /// From the request.
    pub filter: String,
    /// Identifies the subscription in all later messages.
    pub channel: ChannelId,
    /// The granted mode.
    pub mode: Mode,
    /// The granted rate, which may differ slightly from the requested one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
    /// The current epoch.
    pub epoch: Epoch,
    /// Where live batches start: the first one has this position as its `from`.
    ///
    /// After a resume it may be before the token's position, if the subscription has no update
    /// between the two. It is never after it.
    pub position: Position,
    /// How many updates the topics of this filter had up to `position` in this epoch.
    pub count: u64,
    /// If a snapshot comes first: `from` of its first batch. Its last batch has `position` as `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Position>,
    /// Whether the subscription was resumed.
    pub start: Start,
    /// If it is [truncated](Start::Truncated) and the token had a count: how many updates the
    /// client has that the server has lost. Missing if the server does not know it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// How a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The request had no token: a snapshot, then live batches.
    Fresh,
    /// It continues where it ended, perhaps in an epoch that continues the token's. A
    /// [`Gap`](super::Gap) reports what the tape no longer holds.
    Resumed,
    /// The token is of an epoch that the current one does not continue, because the server forgot
    /// it or is another one: a snapshot, then live batches. What happened in between is unknown.
    EpochChanged,
    /// The token's position is ahead of the tape, which is an error: a snapshot, then live batches.
    PositionAhead,
    /// The connection was already subscribed, so nothing changed. The fields show the state of the
    /// existing subscription.
    Existing,
    /// The current epoch continues the token's, but at an earlier position than the token's: the
    /// server has lost updates that the client has. A snapshot up to where the epoch continues,
    /// then everything after that.
    Truncated,
}

/// A refused filter.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Refused {
    /// From the request.
    pub filter: String,
    /// The reason as a number.
    pub code: ErrorCode,
    /// The reason for people.
    pub reason: String,
}

impl From<&str> for FilterRequest {
    fn from(filter: &str) -> Self {
        Self {
            filter: filter.to_owned(),
            resume: None,
        }
    }
}

/// The form of a [`FilterRequest`] in JSON if it has a token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterObject {
    filter: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resume: Option<Resume>,
}

impl Serialize for FilterRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.resume {
            None => serializer.serialize_str(&self.filter),
            resume @ Some(_) => FilterObject {
                filter: self.filter.clone(),
                resume,
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FilterRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringOrObject)
    }
}

struct StringOrObject;

impl<'de> de::Visitor<'de> for StringOrObject {
    type Value = FilterRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a filter as a string, or an object with \"filter\" and \"resume\"")
    }

    fn visit_str<E: de::Error>(self, filter: &str) -> Result<FilterRequest, E> {
        Ok(filter.into())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<FilterRequest, A::Error> {
        FilterObject::deserialize(de::value::MapAccessDeserializer::new(map))
            .map(|FilterObject { filter, resume }| FilterRequest { filter, resume })
    }
}
