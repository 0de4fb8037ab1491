//! The content of a payload, or the reason why it cannot be read.

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

/// The reason why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The topic is invalid.
    #[error("the topic cannot be used: {0}")]
    Topic(#[from] TopicError),
    /// The payload should be text but is not UTF-8.
    #[error("it is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// The payload should be JSON but is not.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A field that the rule needs is missing.
    #[error("there is no {field} at {pointer:?}")]
    Missing {
        /// The name of the field.
        field: &'static str,
        /// The place where it should be.
        pointer: String,
    },
    /// A field is invalid.
    #[error("{field} {text:?}: {reason}")]
    Bad {
        /// The name of the field.
        field: &'static str,
        /// The field's text, shortened.
        text: String,
        /// The problem with it.
        reason: String,
    },
}
