//! The server's greeting.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    epoch::Epoch,
    ids::{Position, TimeNs},
    lineage::{EndedEpoch, Lineage},
};
use crate::json::decimal_string;

/// See [`ServerMessage::Welcome`](super::ServerMessage::Welcome).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Welcome {
    /// Name and version of the server, for people.
    pub server: String,
    /// The current epoch.
    pub epoch: Epoch,
    /// The position of the newest update.
    pub position: Position,
    /// The server's clock.
    #[serde(with = "decimal_string")]
    pub server_time_ns: TimeNs,
    /// If the server sends nothing else, it sends a [`Heartbeat`](super::Heartbeat) at least this
    /// often.
    pub heartbeat_ms: u32,
    /// What this connection may do.
    pub limits: Limits,
    /// The earlier epochs that the current one continues, oldest first. Subscriptions that ended in
    /// these epochs can be resumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub continues: Vec<EndedEpoch>,
}

impl Welcome {
    /// The current epoch, and the earlier ones that it continues.
    pub fn lineage(&self) -> Lineage {
        Lineage {
            epoch: self.epoch,
            continues: self.continues.clone(),
        }
    }
}

/// The bounds of one connection. A limit of 0 means "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Limits {
    /// Longest message of a client, in bytes of payload.
    pub message_bytes: u32,
    /// Longest topic name or filter, in bytes of UTF-8.
    pub topic_bytes: u32,
    /// Most subscriptions at a time.
    pub subscriptions: u32,
    /// Requests per second. Publishes do not count.
    pub requests_per_s: u32,
    /// Requests that may come at once.
    pub request_burst: u32,
    /// The server disconnects a client that accepts no bytes for this time.
    pub write_timeout_ms: u32,
    /// Memory of the tape, in bytes: how much a client can catch up on.
    #[serde(with = "decimal_string")]
    pub tape_bytes: u64,
    /// Least `max_rate_hz`. A lower one is refused.
    pub rate_min_hz: f64,
    /// Greatest `max_rate_hz`. A higher one is granted as this one.
    pub rate_max_hz: f64,
    /// Updates published per second, and those that may come at once. Above this limit and the next
    /// one the server reads the connection more slowly.
    pub publish_updates_per_s: u32,
    /// Bytes of messages that publish, per second and at once.
    pub publish_bytes_per_s: u32,
    /// Topics that did not exist before, published to per second. Above this limit a publish is
    /// refused.
    pub new_topics_per_s: u32,
    /// Topics that did not exist before, published to at once.
    pub new_topics_burst: u32,
}
