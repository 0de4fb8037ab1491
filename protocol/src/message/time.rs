//! Measuring the server's clock.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{RequestId, TimeNs};
use crate::{json::decimal_string, strict_json::null_is_default};

/// See [`ClientMessage::Time`](super::ClientMessage::Time).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRequest {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The client's clock when it sent this.
    #[serde(with = "decimal_string")]
    pub client_time_ns: TimeNs,
}

/// See [`ServerMessage::Time`](super::ServerMessage::Time). With the time of its arrival these are
/// the four times of NTP (RFC 5905, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TimeAnswer {
    /// From the request.
    pub id: RequestId,
    /// From the request.
    #[serde(with = "decimal_string")]
    pub client_time_ns: TimeNs,
    /// The server's clock when it read the request.
    #[serde(with = "decimal_string")]
    pub receive_time_ns: TimeNs,
    /// The server's clock when it wrote this answer.
    #[serde(with = "decimal_string")]
    pub send_time_ns: TimeNs,
}
