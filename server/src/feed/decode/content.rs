//! The content of one sample, and the reason why something cannot be read.

use std::borrow::Cow;

use tickcast_protocol::{message::TimeNs, topic::TopicError, value::Value};

use super::template::TemplateError;

/// One sample of a payload.
#[derive(Debug, PartialEq)]
pub(super) struct Content<'a> {
    pub(super) value: Value,
    pub(super) time: SampleTime,
    pub(super) unit: Option<Cow<'a, str>>,
    /// Whether the number that was sent is only nearly the value.
    pub(super) is_rounded: bool,
}

/// The source time of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SampleTime {
    /// The source sent none.
    #[default]
    Missing,
    /// When it happened.
    At(TimeNs),
    /// What the source sent cannot be its time.
    Ignored,
}

impl From<Value> for Content<'_> {
    fn from(value: Value) -> Self {
        Self {
            value,
            time: SampleTime::Missing,
            unit: None,
            is_rounded: false,
        }
    }
}

/// The reason why a payload or a part of it cannot be read.
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
    /// The topic of a sample cannot be made from its parts.
    #[error("{0}")]
    Template(#[from] TemplateError),
}
