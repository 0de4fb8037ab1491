//! What the server says about the connection: heartbeats, errors, and its imminent end.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{ChannelId, Position, RequestId, TimeNs};
use crate::{error::ErrorCode, json::decimal_string};

/// See [`ServerMessage::Heartbeat`](super::ServerMessage::Heartbeat).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The server's clock.
    #[serde(with = "decimal_string")]
    pub server_time_ns: TimeNs,
    /// The position of the newest update on the tape.
    pub position: Position,
    /// The position up to which each subscription was sent.
    pub channels: Vec<ChannelPosition>,
}

/// The position up to which a subscription was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ChannelPosition {
    /// The subscription.
    pub channel: ChannelId,
    /// `to` of its last live batch. A client at another position has lost something.
    pub position: Position,
}

/// See [`ServerMessage::Error`](super::ServerMessage::Error).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// The id of the request that failed, if the error is about a request with an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The problem as a number.
    pub code: ErrorCode,
    /// The problem for people.
    pub reason: String,
    /// Whether the same request may succeed later.
    pub temporary: bool,
    /// If it may: how long to wait at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
}

/// See [`ServerMessage::Draining`](super::ServerMessage::Draining).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Draining {
    /// Reconnect at a random time within this window.
    pub reconnect_within_ms: u32,
}
