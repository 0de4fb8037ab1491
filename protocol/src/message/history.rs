//! Earlier updates of one topic.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Position, RequestId},
    update::{TopicInfo, Update},
};
use crate::strict_json::null_is_default;

/// See [`ClientMessage::History`](super::ClientMessage::History).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The topic name, not yet checked.
    pub topic: String,
    /// At most this many updates, the newest ones; at least 1. The server may send fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only updates before this position. To page into the past, pass the position of the first
    /// update of the previous answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Position>,
}

/// See [`ServerMessage::History`](super::ServerMessage::History).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct History<T> {
    /// From the request.
    pub id: RequestId,
    /// Introduces the topic, as in a [`Batch`](super::Batch). Empty if the server does not know the
    /// topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// In ascending order of position. Their seqs have no holes.
    pub updates: Vec<Update<T>>,
    /// Whether the server holds older updates: ask for those before the first one of `updates`.
    pub more: bool,
}
