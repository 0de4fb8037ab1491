//! A filter of a role.

use tickcast_protocol::topic::{Filter, TopicError};

/// Longest subject, in bytes: it stands in filters, which have 256.
pub const SUBJECT_MAX_BYTES: usize = 128;

/// Stands for the subject.
const PLACEHOLDER: &str = "{sub}";

/// A topic filter in which `{sub}` stands for the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Checks a pattern by the rules for filters.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        Filter::new(&text.replace(PLACEHOLDER, "s"))?;
        Ok(Self(text.to_owned()))
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
}
