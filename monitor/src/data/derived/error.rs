//! Why a derived topic cannot be made.

use tickcast_protocol::topic::{Topic, TopicError};

use super::limits::{COUNT_RANGE, DEPTH_MAX, DERIVED_MAX, SOURCES_MAX, TEXT_MAX_BYTES};

/// Why a derived topic cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DerivedError {
    /// It has no name.
    #[error("it needs a name")]
    NoName,
    /// Its name is no topic.
    #[error("the name {name:?} cannot be a topic: {why}")]
    Name {
        /// The name.
        name: String,
        /// The reason.
        why: TopicError,
    },
    /// Another topic has its name.
    #[error("{0} exists already: choose another name")]
    Taken(Topic),
    /// There are too many.
    #[error("too many derived topics (limit {DERIVED_MAX}): remove one first")]
    TooMany,
    /// A source is unknown.
    #[error("unknown topic {0}: no value of it has come")]
    UnknownTopic(Topic),
    /// A source is no topic.
    #[error("{name:?} is no topic: {why}")]
    NoTopic {
        /// The text.
        name: String,
        /// The reason.
        why: TopicError,
    },
    /// It would be made of itself.
    #[error("{0} would be made of itself")]
    Circle(Topic),
    /// Another one needs it.
    #[error("{0} is made of it: remove that first")]
    Needed(Topic),
    /// The window is too short or too long.
    #[error("a window lasts from 0.1 s to 1 day, such as \"30 s\" or \"5 min\"")]
    Window,
    /// The window has too few updates, or too many.
    #[error(
        "a window has {} to {} updates, such as \"20 updates\"",
        COUNT_RANGE.start(),
        COUNT_RANGE.end()
    )]
    Count,
    /// The formula is empty.
    #[error("the formula is empty: write topics in braces, such as {{market/a}} - {{market/b}}")]
    NoFormula,
    /// The formula is too long.
    #[error("the formula has {0} bytes (limit {TEXT_MAX_BYTES})")]
    TooLong(usize),
    /// The formula has a character that formulas do not have.
    #[error(
        "character {0:?} outside of braces: numbers, + - * / ^, brackets and functions are known"
    )]
    Character(char),
    /// A brace is missing.
    #[error("a brace is missing: write topics as {{market/a}}")]
    Braces,
    /// Too many brackets within each other.
    #[error("more than {DEPTH_MAX} brackets within each other")]
    TooDeep,
    /// A function or a variable is unknown.
    #[error("unknown name {0:?}: write topics in braces; functions are such as sqrt, abs, ln")]
    UnknownName(String),
    /// There is no source.
    #[error("the formula has no topic: write topics in braces, such as {{market/a}} * 2")]
    NoSource,
    /// There are too many sources.
    #[error("the formula has more than {SOURCES_MAX} topics")]
    TooManySources,
    /// The formula cannot be read.
    #[error("the formula cannot be read: {0}")]
    Unreadable(String),
}
