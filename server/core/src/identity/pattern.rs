//! A filter of a role.

use std::{error::Error, fmt};

use tickcast_protocol::topic::{Filter, TopicError};

/// Longest subject, in bytes: it stands in filters, which have 256.
pub const SUBJECT_MAX_BYTES: usize = 128;

/// Stands for the subject.
const PLACEHOLDER: &str = "{sub}";

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// It is no filter.
    Filter(TopicError),
    /// It has a placeholder that stands for nothing, braces included.
    Placeholder(String),
}

impl fmt::Display for PatternError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(error) => error.fmt(formatter),
            Self::Placeholder(name) => write!(
                formatter,
                "there is no placeholder {name}: use {PLACEHOLDER}, which stands for the token's \
                 subject, or + for any level"
            ),
        }
    }
}

impl Error for PatternError {}

/// A topic filter in which `{sub}` stands for the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Checks a pattern by the rules for filters. Other names in braces than `{sub}` are refused:
    /// they would stand for themselves, and so select topics that no client has.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let example = text.replace(PLACEHOLDER, "s");
        Filter::new(&example).map_err(PatternError::Filter)?;
        match name_in_braces(&example) {
            Some(name) => Err(PatternError::Placeholder(name.to_owned())),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The filter for a subject. `None` if the subject cannot stand there: it must be one level of
    /// a topic (or a part of one), so that it selects nothing but itself.
    pub fn expand(&self, subject: &str) -> Option<Filter> {
        if !self.0.contains(PLACEHOLDER) {
            return Filter::new(&self.0).ok();
        }
        let is_plain = !subject.is_empty()
            && subject.len() <= SUBJECT_MAX_BYTES
            && !subject.starts_with('$')
            && !subject.contains(['/', '+', '#']);
        let expanded = is_plain.then(|| self.0.replace(PLACEHOLDER, subject))?;
        Filter::new(&expanded).ok()
    }
}

/// The first name in braces, with its braces.
fn name_in_braces(text: &str) -> Option<&str> {
    let mut opened = text.match_indices('{').map(|(at, _)| &text[at..]);
    opened.find_map(|rest| {
        let name = &rest[1..rest.find('}')?];
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        is_name.then(|| &rest[..name.len() + 2])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(pattern: &str, subject: &str) -> Option<String> {
        let filter = Pattern::new(pattern).unwrap().expand(subject)?;
        Some(filter.as_str().to_owned())
    }

    #[test]
    fn the_subject_stands_in_a_level_and_selects_nothing_but_itself() {
        assert_eq!(expand("desk/{sub}/#", "al").as_deref(), Some("desk/al/#"));
        assert_eq!(expand("d/u-{sub}/+", "al").as_deref(), Some("d/u-al/+"));
        assert_eq!(expand("a/#", "any thing/#").as_deref(), Some("a/#"));
        for wrong in ["", "+", "#", "a/b", "a+", "$SYS", "a\n", &"a".repeat(129)] {
            assert_eq!(expand("desk/{sub}/#", wrong), None, "{wrong:?}");
        }
        // The filter would be longer than a filter may be.
        let long = format!("{}/{{sub}}", "l".repeat(200));
        assert_eq!(expand(&long, &"a".repeat(100)), None);
    }

    #[test]
    fn a_pattern_obeys_the_rules_for_filters() {
        for wrong in ["", "a/#/{sub}", "a+/{sub}", "{sub}#"] {
            assert!(Pattern::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_placeholder_that_stands_for_nothing_is_refused() {
        for (text, name) in [
            ("desk/{user}/#", "{user}"),
            ("{sub}/{client_id}", "{client_id}"),
            ("a/{{Sub}", "{Sub}"),
        ] {
            let error = Pattern::new(text).unwrap_err();
            assert_eq!(
                error,
                PatternError::Placeholder(name.to_owned()),
                "{text:?}"
            );
        }
        // Braces around anything else are a part of a name.
        for text in ["a/{}", "a/{1}", "a/{", "a/}{", "a/{b c}", "{sub}{sub}"] {
            assert!(Pattern::new(text).is_ok(), "{text:?}");
        }
    }
}
