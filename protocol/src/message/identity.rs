//! Messages about the identity of a client: who it is, what it may do, and until when.

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{RequestId, TimeNs};
use crate::{
    json::{decimal_string, opt_decimal_string},
    strict_json::null_is_default,
};

/// A token that proves an identity. Its debug output does not show it, so that no log holds it.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BearerToken(String);

impl BearerToken {
    /// A token as it was handed out.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token. Do not log it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// See [`ClientMessage::Authenticate`](super::ClientMessage::Authenticate).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticate {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The token.
    pub token: BearerToken,
}

/// See [`ServerMessage::Authenticated`](super::ServerMessage::Authenticated).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Authenticated {
    /// From the request. Missing if the client did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The identity; empty for a client without a token.
    pub subject: String,
    /// The name of its role.
    pub role: String,
    /// When the server closes the connection unless the client authenticates again.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "opt_decimal_string"
    )]
    pub expires_ns: Option<TimeNs>,
    /// Filters of the topics that it may subscribe to.
    pub subscribe: Vec<String>,
    /// Filters of the topics whose history it may read.
    pub history: Vec<String>,
    /// Filters of the topics that it may publish to.
    pub publish: Vec<String>,
    /// The greatest rate of its subscriptions, which then have mode `latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate_hz: Option<f64>,
}

/// See [`ServerMessage::Expiring`](super::ServerMessage::Expiring).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Expiring {
    /// When the server closes the connection, by its clock.
    #[serde(with = "decimal_string")]
    pub expires_ns: TimeNs,
}
