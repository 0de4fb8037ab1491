//! What a subscription delivers: batches and gaps.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    ids::{ChannelId, Position},
    update::{TopicInfo, Update},
};

/// What happened on a channel in the range of positions (`from`, `to`].
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Batch<T> {
    /// The subscription.
    pub channel: ChannelId,
    /// Where the client must already be. If it is elsewhere, something was lost.
    pub from: Position,
    /// Where the client is after this batch.
    pub to: Position,
    /// Whether this is part of a snapshot: latest values, on a chain of their own that ends where
    /// the live chain starts. See [`Accepted::snapshot`](super::Accepted::snapshot).
    pub snapshot: bool,
    /// Introduces topics, with their first updates or before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// In ascending order of position.
    pub updates: Vec<Update<T>>,
}

/// The updates in (`from`, `to`] of a channel in mode `every` will not come one by one.
///
/// A snapshot of the topics that changed in that range follows. Live batches continue at `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Gap {
    /// The subscription.
    pub channel: ChannelId,
    /// Where the client is.
    pub from: Position,
    /// Where live batches continue.
    pub to: Position,
    /// How many updates of the channel are in the range. Unknown if the client resumed without its
    /// count.
    pub lost: Option<u64>,
    /// `from` of the first batch of the snapshot that follows. Its last batch has `to` as `to`.
    pub snapshot: Position,
}
