//! Whether the source of a topic is alive.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    ids::{ChannelId, TimeNs},
    update::TopicInfo,
};
use crate::json::decimal_string;

/// See [`ServerMessage::Status`](super::ServerMessage::Status). It is not part of the chain of
/// batches.
///
/// A topic of a new or resumed subscription counts as live until such a message says otherwise.
/// After that only such messages change its status.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Statuses<T> {
    /// The subscription.
    pub channel: ChannelId,
    /// Introduces topics, as in a [`Batch`](super::Batch). A topic without a status here has
    /// another unit or name than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// Each topic at most once, in no particular order.
    pub statuses: Vec<TopicStatus<T>>,
}

/// The status of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TopicStatus<T> {
    /// The topic.
    pub topic: T,
    /// Its new status.
    pub status: Status,
    /// Since when, by the server's clock.
    #[serde(with = "decimal_string")]
    pub since_ns: TimeNs,
}

/// Whether a topic's source is alive, from best to worst. A topic that is merely quiet is live.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Updates come as expected, or nothing indicates a problem.
    #[default]
    Live,
    /// Expected updates did not come, or the path to the source is broken.
    Stale,
    /// The source is gone: it or its broker said so, or it was silent for too long.
    Dead,
}

impl Status {
    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Dead => "dead",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_for_a_status_is_that_of_json() {
        for status in [Status::Live, Status::Stale, Status::Dead] {
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(json, format!("{:?}", status.as_str()));
        }
    }
}
