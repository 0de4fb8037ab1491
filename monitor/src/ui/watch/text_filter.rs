//! The text in the filter field.

use tickcast_protocol::topic::{Filter, TopicError};

/// What the text in the filter field selects.
pub(super) enum TextFilter {
    All,
    Wildcards(Filter),
    /// The text in lower case.
    Containing(String),
    Bad(TopicError),
}

impl TextFilter {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            Self::All
        } else if text.contains(['+', '#']) {
            match Filter::new(text) {
                Ok(filter) => Self::Wildcards(filter),
                Err(error) => Self::Bad(error),
            }
        } else {
            Self::Containing(text.to_lowercase())
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::All | Self::Bad(_) => true,
            Self::Wildcards(filter) => filter.matches(name),
            Self::Containing(text) => name.to_lowercase().contains(text),
        }
    }
}
