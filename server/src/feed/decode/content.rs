//! The content of a payload, or the reason why it could not be read.

use std::borrow::Cow;

use tickcast_protocol::{message::TimeNs, topic::TopicError, value::Value};

/// The content of a payload.
#[derive(Debug, PartialEq)]
pub(super) struct Content<'a> {
    pub(super) value: Value,
    pub(super) time_ns: Option<TimeNs>,
    pub(super) unit: Option<Cow<'a, str>>,
}

impl From<Value> for Content<'_> {
    fn from(value: Value) -> Self {
        Self {
            value,
            time_ns: None,
            unit: None,
        }
    }
}

/// Why a payload could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The name is no topic.
    #[error("the topic cannot be used: {0}")]
    Topic(#[from] TopicError),
    /// The payload should be text.
    #[error("it is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// The payload should be JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A part that the rule asks for is not there.
    #[error("there is no {field} at {pointer:?}")]
    Missing {
        /// Which part.
        field: &'static str,
        /// Where it should be.
        pointer: String,
    },
    /// A part is not what it should be.
    #[error("{field} {text:?}: {reason}")]
    Bad {
        /// Which part.
        field: &'static str,
        /// The part, shortened.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}
