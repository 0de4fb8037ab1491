//! Decoding: turns the bytes that a source sends into values, by topic.
//!
//! The first rule whose filter matches a topic says how its payloads are read. The payloads of
//! topics without a rule are read automatically. Prices and sizes keep the digits that the source
//! wrote.
//!
//! The files in reading order:
//!
//! * this file: [`Decoder`], which finds the rule of a topic
//! * `content`: the content of a payload, or the reason why it cannot be read
//! * `json`, `parts`, `time`: the parts of a payload
//! * `format`, `automatic`: the formats, and recognising one
//!
//! This room does no I/O and knows no feed: every feed may use it.

mod automatic;
mod content;
mod format;
pub mod json;
mod parts;
#[cfg(test)]
mod tests;
pub mod time;

use std::{collections::HashMap, sync::Arc};

use tickcast_core::work::NewUpdate;
use tickcast_protocol::topic::Topic;

pub(crate) use automatic::{read_time, read_unit};
pub use content::DecodeError;
pub use format::{DecodeRule, Format, JsonFormat, Shape, SidePointer};
pub(crate) use parts::{bad, parse_decimal, parse_side, side_by_buyer_maker};

/// Maximum number of topics cached with their rule. The cache only saves time: when it is full, it
/// is cleared.
const TOPICS_CACHED_MAX: usize = 65_536;

/// A payload at which the decoder panics in the tests of this package.
#[cfg(test)]
pub(crate) const PANIC_PAYLOAD: &str = "panic here";

/// Decodes payloads. Each feed has its own decoder.
#[derive(Debug, Clone)]
pub struct Decoder {
    rules: Arc<[DecodeRule]>,
    topics: HashMap<Topic, KnownTopic>,
}

#[derive(Debug, Clone)]
struct KnownTopic {
    topic: Topic,
    /// Index of its rule.
    rule: Option<usize>,
    unit: Option<Arc<str>>,
}

impl Decoder {
    /// A decoder with rules. The first rule that matches a topic applies.
    pub fn new(rules: Arc<[DecodeRule]>) -> Self {
        Self {
            rules,
            topics: HashMap::new(),
        }
    }

    /// Decodes a payload for `topic`. The resulting update is live.
    pub fn decode(&mut self, topic: &str, payload: &[u8]) -> Result<NewUpdate, DecodeError> {
        #[cfg(test)]
        assert_ne!(payload, PANIC_PAYLOAD.as_bytes());
        if !self.topics.contains_key(topic) {
            self.remember(topic)?;
        }
        let known = self
            .topics
            .get_mut(topic)
            .expect("the topic was in the cache or has just been added");
        let format = match known.rule {
            Some(index) => &self.rules[index].format,
            None => &Format::Automatic,
        };
        let content = format.read(payload)?;
        if let Some(unit) = content.unit
            && known.unit.as_deref() != Some(&unit)
        {
            known.unit = Some(unit.as_ref().into());
        }
        Ok(NewUpdate {
            source_time_ns: content.time_ns,
            unit: known.unit.clone(),
            ..NewUpdate::live(known.topic.clone(), content.value)
        })
    }

    fn remember(&mut self, name: &str) -> Result<(), DecodeError> {
        let topic = Topic::new(name)?;
        let rule = self.rules.iter().position(|rule| rule.filter.matches(name));
        let unit = rule.and_then(|index| self.rules[index].unit.clone());
        if self.topics.len() >= TOPICS_CACHED_MAX {
            self.topics.clear();
        }
        let known = KnownTopic {
            topic: topic.clone(),
            rule,
            unit,
        };
        self.topics.insert(topic, known);
        Ok(())
    }
}
