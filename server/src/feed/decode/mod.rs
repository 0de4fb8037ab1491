//! Decoding: turns the bytes that a source sends into values, by topic.
//!
//! The first rule whose filter matches a topic says how its payloads are read. The payloads of
//! topics without a rule are read automatically. Prices and sizes keep the digits that the source
//! wrote.
//!
//! The files in reading order:
//!
//! * this file: [`Decoder`], which finds the rule of a topic
//! * `decoded`, `content`, `error`: what becomes of a payload, one sample, and why something cannot
//!   be read
//! * `format`: the rules
//! * `automatic`, `sample`, `split`, `senml`: payloads without a rule
//! * `pointed`, `template`: payloads whose parts a rule points to
//! * `emit`, `series`: from samples to updates of series
//! * `metadata`: what messages about devices tell of their series
//! * `json`, `parts`, `time`, `numerals`, `round`: the parts of a payload
//!
//! This room does no I/O and knows no feed: every feed may use it.

mod automatic;
mod content;
mod decoded;
mod emit;
mod error;
mod format;
pub mod json;
pub mod metadata;
mod numerals;
mod parts;
mod pointed;
mod round;
mod sample;
mod senml;
mod series;
mod split;
mod template;
#[cfg(test)]
mod tests;
pub mod time;

use std::{collections::HashMap, sync::Arc};

use tickcast_protocol::{message::TimeNs, topic::Topic};

pub(crate) use content::SampleTime;
pub use decoded::Decoded;
pub use error::{DecodeError, TemplateError};
pub use format::{DecodeRule, FieldsFormat, Format, JsonFormat, MissingPolicy, Shape, SidePointer};
pub use numerals::Numerals;
pub(crate) use parts::{bad, parse_side, side_by_buyer_maker};
pub(crate) use sample::{read_time, read_unit};
pub use template::TopicTemplate;

use emit::Emitter;
use metadata::is_metadata;
use series::{KnownTopic, Parts, Series};

/// Maximum number of topics cached with their rule and the series of their parts. The cache only
/// saves time: when it is full, it is cleared.
const TOPICS_CACHED_MAX: usize = 65_536;

/// A payload at which the decoder panics in the tests of this package.
#[cfg(test)]
pub(crate) const PANIC_PAYLOAD: &str = "panic here";

/// Decodes payloads. Each feed has its own decoder.
#[derive(Debug, Clone)]
pub struct Decoder {
    rules: Arc<[DecodeRule]>,
    topics: HashMap<Topic, KnownTopic>,
    /// Topics and series in the cache.
    cached: usize,
}

impl Decoder {
    /// A decoder with rules. The first rule that matches a topic applies.
    pub fn new(rules: Arc<[DecodeRule]>) -> Self {
        Self {
            rules,
            topics: HashMap::new(),
            cached: 0,
        }
    }

    /// Decodes a payload for `topic`, which came at `now_ns`. The resulting updates are live.
    ///
    /// # Errors
    ///
    /// If nothing of the payload can be read. Parts that cannot be read are counted in the result.
    pub fn decode(
        &mut self,
        topic: &str,
        payload: &[u8],
        now_ns: TimeNs,
    ) -> Result<Decoded, DecodeError> {
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
        let before = known.series();
        let mut decoded = Decoded::default();
        let mut emitter = Emitter {
            known,
            decoded: &mut decoded,
            now_ns,
        };
        format.read(payload, &mut emitter)?;
        if known.is_metadata
            && let Some(update) = decoded.updates.first_mut()
        {
            let told = metadata::read(topic, payload);
            decoded.left_out += told.left_out;
            update.facts = (!told.facts.is_empty()).then(|| told.facts.into());
        }
        self.cached = (self.cached + known.series()).saturating_sub(before);
        Ok(decoded)
    }

    /// The rule that applies to a topic, if there is one.
    pub fn rule(&self, topic: &str) -> Option<&DecodeRule> {
        self.rules.iter().find(|rule| rule.filter.matches(topic))
    }

    fn remember(&mut self, name: &str) -> Result<(), DecodeError> {
        let topic = Topic::new(name)?;
        let rule = self.rules.iter().position(|rule| rule.filter.matches(name));
        let unit = rule.and_then(|index| self.rules[index].unit.clone());
        if self.cached >= TOPICS_CACHED_MAX {
            self.topics.clear();
            self.cached = 0;
        }
        let known = KnownTopic {
            rule,
            is_metadata: is_metadata(name),
            own: Series::new(topic.clone(), unit),
            parts: Parts::default(),
            named: HashMap::new(),
        };
        self.cached += known.series();
        self.topics.insert(topic, known);
        Ok(())
    }
}
