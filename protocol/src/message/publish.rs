//! Publishing updates.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::ids::{Position, PublishNumber, PublisherId, RequestId, TimeNs};
use crate::{
    json::{hex_digits, opt_decimal_string},
    strict_json::{null_is_default, strict_object},
    value::Value,
};

/// See [`ClientMessage::Publish`](super::ClientMessage::Publish).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Repeated in the answer. Without an id the server answers only if it refuses the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The updates to put on the tape, in this order: all of them, or none if one is refused.
    pub updates: Vec<Publication>,
}

/// See [`ClientMessage::PublishOnce`](super::ClientMessage::PublishOnce).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishOnce {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The instance of a client that publishes.
    #[serde(with = "hex_digits")]
    pub publisher: PublisherId,
    /// Counts up from 1 with each publish of the publisher. One that is sent again has the number
    /// that it had before.
    pub number: PublishNumber,
    /// The updates to put on the tape, as in [`Publish`]. A repetition must have the same. The
    /// first publish of a publisher may have none.
    pub updates: Vec<Publication>,
}

/// One update to publish.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Publication {
    /// The topic name, not yet checked.
    pub topic: String,
    /// The value.
    pub value: Value,
    /// When it happened, by the source's clock.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_time_ns: Option<TimeNs>,
}

strict_object!(Publication);

/// See [`ServerMessage::Published`](super::ServerMessage::Published).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Published {
    /// From the request.
    pub id: RequestId,
    /// The position of the request's last update, which is now on the tape.
    pub position: Position,
}
