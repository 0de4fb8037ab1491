//! Topic names and topic filters, with the rules of MQTT (MQTT 5.0, section 4.7).

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest topic name or filter, in bytes of UTF-8. MQTT allows 65,535; a name is held once per
/// topic by every shard and by every client, so the limit bounds what a stranger can make us keep.
pub const TOPIC_MAX_BYTES: usize = 256;

/// Why a topic name or filter was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// MQTT 5.0, 4.7.3: at least one character.
    #[error("it is empty")]
    Empty,
    /// Longer than [`TOPIC_MAX_BYTES`].
    #[error("it has {0} bytes, {TOPIC_MAX_BYTES} are allowed")]
    TooLong(usize),
    /// MQTT 5.0, 4.7.3: must not include the null character; other control characters only
    /// garble terminals and logs.
    #[error("there is a control character at byte {0}")]
    ControlCharacter(usize),
    /// MQTT 5.0, 4.7.1: wildcards are for filters.
    #[error("the wildcard at byte {0} is allowed in filters only")]
    WildcardInName(usize),
    /// MQTT 5.0, 4.7.1.3.
    #[error("the '+' at byte {0} shares its level with other characters")]
    PlusNotAlone(usize),
    /// MQTT 5.0, 4.7.1.2.
    #[error("the '#' at byte {0} is not alone in the last level")]
    HashNotLast(usize),
}

/// What both kinds of string must fulfil.
fn check_common(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        return Err(TopicError::Empty);
    }
    if text.len() > TOPIC_MAX_BYTES {
        return Err(TopicError::TooLong(text.len()));
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(TopicError::ControlCharacter(at)),
        None => Ok(()),
    }
}

/// A checked topic name: UTF-8 levels split by `/`, no wildcards. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks `name` by the rules for topic names.
    pub fn new(name: &str) -> Result<Self, TopicError> {
        check_common(name)?;
        match name.find(['+', '#']) {
            Some(at) => Err(TopicError::WildcardInName(at)),
            None => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A checked topic filter: a topic name in which `+` stands for one level and a last `#` for any
/// number of levels, its parent included. Cheap to clone.
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

    /// The filter that matches every topic but those starting with `$`.
    pub fn all() -> Self {
        Self("#".into())
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the filter has no wildcard and so matches the one topic of its own name.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['+', '#'])
    }

    /// Whether `topic`, a topic name, is selected by this filter.
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
                // The parent itself belongs to "parent/#", hence no level left is a match there.
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// Whether every topic that `other` selects is selected by this filter, too.
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

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl bincode::Encode for $name {
            fn encode<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                self.0.encode(encoder)
            }
        }

        impl<C> bincode::Decode<C> for $name {
            fn decode<D: bincode::de::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                let text = String::decode(decoder)?;
                Self::new(&text).map_err(|error| {
                    bincode::error::DecodeError::OtherString(format!("topic {text:?}: {error}"))
                })
            }
        }

        impl<'de, C> bincode::BorrowDecode<'de, C> for $name {
            fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                bincode::Decode::decode(decoder)
            }
        }
    };
}

text_newtype!(Topic);
text_newtype!(Filter);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, topic: &str, expected: bool) {
        let filter = Filter::new(filter).unwrap();
        Topic::new(topic).unwrap();
        assert_eq!(filter.matches(topic), expected, "{filter} on {topic}");
    }

    #[test]
    fn filters_match_as_in_the_examples_of_the_mqtt_specification() {
        // MQTT 5.0, 4.7.1.2, 4.7.1.3 and 4.7.2
        check("sport/tennis/player1/#", "sport/tennis/player1", true);
        check(
            "sport/tennis/player1/#",
            "sport/tennis/player1/ranking",
            true,
        );
        check(
            "sport/tennis/player1/#",
            "sport/tennis/player1/score/wimbledon",
            true,
        );
        check("sport/#", "sport", true);
        check("#", "sport/tennis", true);
        check("sport/tennis/+", "sport/tennis/player1", true);
        check("sport/tennis/+", "sport/tennis/player1/ranking", false);
        check("sport/+", "sport", false);
        check("sport/+", "sport/", true);
        check("+/+", "/finance", true);
        check("/+", "/finance", true);
        check("+", "/finance", false);
        check("#", "$SYS/broker", false);
        check("+/monitor/Clients", "$SYS/monitor/Clients", false);
        check("$SYS/#", "$SYS/broker", true);
        check("$SYS/monitor/+", "$SYS/monitor/Clients", true);
        check("+/tennis/#", "sport/tennis/x", true);
        check("sport", "sport/tennis", false);
        check("sport/tennis", "sport", false);
    }

    #[test]
    fn a_filter_includes_what_selects_no_more_than_itself() {
        for (wide, narrow, expected) in [
            ("#", "a/+/#", true),
            ("#", "$SYS/#", false),
            ("a/#", "a", true),
            ("a/#", "a/b/+", true),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/+", "a/#", false),
            ("a/b", "a/+", false),
            ("a/+/c", "a/+/c", true),
            ("a", "a/#", false),
        ] {
            let filter = |text| Filter::new(text).unwrap();
            assert_eq!(
                filter(wide).includes(&filter(narrow)),
                expected,
                "{wide} {narrow}"
            );
        }
    }

    #[test]
    fn bad_names_and_filters_are_refused_with_the_reason_and_the_place() {
        assert_eq!(Topic::new("").unwrap_err(), TopicError::Empty);
        assert_eq!(
            Topic::new("a/+").unwrap_err(),
            TopicError::WildcardInName(2)
        );
        assert_eq!(
            Topic::new("a\0b").unwrap_err(),
            TopicError::ControlCharacter(1)
        );
        assert_eq!(
            Topic::new(&"x".repeat(257)).unwrap_err(),
            TopicError::TooLong(257)
        );
        assert_eq!(
            Filter::new("a/b+/c").unwrap_err(),
            TopicError::PlusNotAlone(3)
        );
        assert_eq!(
            Filter::new("a/#/c").unwrap_err(),
            TopicError::HashNotLast(2)
        );
        assert_eq!(Filter::new("a/b#").unwrap_err(), TopicError::HashNotLast(3));
        assert_eq!(Filter::new("#/").unwrap_err(), TopicError::HashNotLast(0));
        assert!(Filter::new(&"é".repeat(128)).is_ok());
    }
}
