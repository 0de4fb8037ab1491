//! Topic filters and what they match.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    rules::{TopicError, check_common},
    text_type::text_type,
};

/// A checked topic filter: a topic name in which `+` stands for one level, and a `#` at the end for
/// any number of levels, including none. Cheap to clone.
///
/// A filter that starts with a wildcard does not match topics that start with `$` (MQTT 5.0,
/// 4.7.2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter(Arc<str>);

impl Filter {
    /// Checks `filter` by the rules for topic filters.
    pub fn new(filter: &str) -> Result<Self, TopicError> {
        check_common(filter)?;
        let mut at = 0;
        for level in filter.split('/') {
            if let Some(offset) = level.find('#')
                && (level != "#" || at + 1 != filter.len())
            {
                return Err(TopicError::HashNotLast(at + offset));
            }
            if let Some(offset) = level.find('+')
                && level != "+"
            {
                return Err(TopicError::PlusNotAlone(at + offset));
            }
            at += level.len() + 1;
        }
        Ok(Self(filter.into()))
    }

    /// The filter `#`. It matches every topic except those that start with `$`.
    pub fn all() -> Self {
        Self("#".into())
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the filter has no wildcard, so that it matches only the topic of the same name.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['+', '#'])
    }

    /// Whether this filter selects `topic`, a topic name.
    pub fn matches(&self, topic: &str) -> bool {
        let filter = self.0.as_ref();
        if topic.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in filter.split('/') {
            if wanted == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if wanted == "+" || wanted == level => {}
                // "parent/#" also matches "parent", where no level is left.
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// Whether this filter selects every topic that `other` selects.
    pub fn includes(&self, other: &Self) -> bool {
        let filter = self.0.as_ref();
        if other.0.starts_with('$') && filter.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = other.0.split('/');
        for wanted in filter.split('/') {
            if wanted == "#" {
                return true;
            }
            match levels.next() {
                Some(level) if level != "#" && (wanted == "+" || wanted == level) => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

impl Filter {
    /// The filter that selects the topics that both this filter and `other` select. `None` if there
    /// are none, or if the filter would be too long.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let is_hidden =
            |one: &Self, other: &Self| one.0.starts_with(['+', '#']) && other.0.starts_with('$');
        if is_hidden(self, other) || is_hidden(other, self) {
            return None;
        }
        let (mut one, mut other) = (self.0.split('/'), other.0.split('/'));
        let mut common = Vec::new();
        loop {
            match (one.next(), other.next()) {
                (None, None) => break,
                (Some("#"), level) => {
                    common.extend(level.into_iter().chain(other));
                    break;
                }
                (level, Some("#")) => {
                    common.extend(level.into_iter().chain(one));
                    break;
                }
                (Some("+"), Some(level)) | (Some(level), Some("+")) => common.push(level),
                (Some(level), Some(same)) if level == same => common.push(level),
                _ => return None,
            }
        }
        Self::new(&common.join("/")).ok()
    }
}

text_type!(Filter);
