//! The reasons why a payload, or a part of it or of a rule, cannot be read.

use tickcast_protocol::{codec::explain_json, topic::TopicError};

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
    #[error("{0}")]
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
    /// The topic has rules, but none for what the payload says.
    #[error("none of the rules for its topic applies to it: {0}")]
    NoRule(String),
    /// The topic of a sample cannot be made from its parts.
    #[error("{0}")]
    Template(#[from] TemplateError),
}

impl DecodeError {
    /// The error of a text for which its parser has this one.
    pub(crate) fn not_json(text: &str, error: &serde_json::Error) -> Self {
        Self::NotJson(explain_json(text.as_bytes(), error))
    }
}

/// The reason why a topic cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template has a brace without its partner.
    #[error("a '{{' has no '}}': write it as in \"market/{{/symbol}}/trade\"")]
    Brace,
    /// The text after a pointer does not say which part of it is meant.
    #[error("{{{0}}}: there is no '*' after the '=': write it as in \"{{/channel=trades_*}}\"")]
    NoStar(String),
    /// The text in braces is no pointer.
    #[error("{{{text}}}: {reason}")]
    Pointer {
        /// The text in braces.
        text: String,
        /// The problem with it.
        reason: PointerError,
    },
    /// A character outside of the braces cannot be in a topic.
    #[error(
        "{0:?} cannot be in a topic: write parts of the payload as in \"market/{{/symbol}}/trade\""
    )]
    Character(char),
    /// The payload has no such part, or it is neither text nor number.
    #[error("there is no part for the topic at {0:?}")]
    Missing(String),
}

/// The reason why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// There is nothing to look at.
    #[error("a condition is empty: write it as in /channel=trade&/type=update|snapshot")]
    Empty,
    /// What is in front of the `=` is no pointer.
    #[error("{text:?}: {reason}; write conditions as in /channel=trade&/type=update|snapshot")]
    Pointer {
        /// The text in front of the `=`.
        text: String,
        /// The problem with it.
        reason: PointerError,
    },
}

/// The reason why a text is not a JSON pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// RFC 6901, section 3: a pointer is empty, or a `/` precedes each token.
    #[error("a JSON pointer starts with '/', as in \"/data/price\"")]
    NoSlash,
    /// RFC 6901, section 3: `~0` stands for `~` and `~1` for `/`.
    #[error("'~' is followed by neither 0 nor 1; \"/a~1b~0c\" is the JSON pointer of \"a/b~c\"")]
    BadEscape,
}
