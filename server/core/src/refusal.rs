//! Why a request is refused.

use tickcast_protocol::{
    error::ErrorCode,
    topic::{TOPIC_MAX_BYTES, TopicError},
};

use crate::stats::LimitOf;

/// Characters of a text that is too long, in a refusal.
const SHOWN_MAX_CHARS: usize = 60;

/// The reason for a refusal, and its code in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// The reason, for people to read.
    pub reason: String,
}

impl Refusal {
    /// A refusal with a reason that says more than its code.
    pub fn new(code: ErrorCode, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { code, reason }
    }

    /// A refusal of a publish, because the publishes before it were above a limit.
    pub(crate) fn too_many_publishes(of: LimitOf) -> Self {
        let (whose, settings) = match of {
            LimitOf::Connection => (
                "this connection has",
                "the settings publish_updates_per_s and publish_bytes_per_s",
            ),
            LimitOf::Identity => (
                "all connections of your identity together have",
                "its role's publish_updates_per_s and publish_bytes_per_s",
            ),
            LimitOf::Address => (
                "all connections of your address together have",
                "the settings publish_updates_per_address_per_s and \
                 publish_bytes_per_address_per_s",
            ),
        };
        let reason = format!("{whose} published more than allowed by {settings}: try again later");
        Self::new(ErrorCode::TooManyRequests, reason)
    }

    /// A refusal of a topic or a filter. Of a text that is too long it repeats only the start.
    pub(crate) fn of_text(code: ErrorCode, what: &str, text: &str, error: TopicError) -> Self {
        let end = match text.char_indices().nth(SHOWN_MAX_CHARS) {
            Some((end, _)) if text.len() > TOPIC_MAX_BYTES => end,
            _ => text.len(),
        };
        let dots = if end < text.len() { "…" } else { "" };
        let start = &text[..end];
        Self::new(code, format!("{what} {start:?}{dots}: {error}"))
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_repeats_a_topic_but_not_all_of_one_that_is_too_long() {
        let reason = |text: &str| {
            let error = TopicError::TooLong(text.len());
            Refusal::of_text(ErrorCode::BadTopic, "topic", text, error).reason
        };
        let allowed = "é".repeat(TOPIC_MAX_BYTES / 2);
        assert!(reason(&allowed).starts_with(&format!("topic {allowed:?}: ")));
        assert_eq!(
            reason(&"é".repeat(1000)),
            format!(
                "topic \"{}\"…: it has 2000 bytes (limit 256)",
                "é".repeat(60)
            )
        );
    }
}
