//! The content of one sample.

use std::borrow::Cow;

use tickcast_protocol::{message::TimeNs, value::Value};

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
