//! Decoding: turns the bytes that a source sends into values, by topic.
//!
//! The first rule whose filter matches a topic, and whose conditions the payload meets, says how
//! the payload is read. The payloads of topics without a rule are read automatically. Prices and
//! sizes keep the digits that the source wrote.
//!
//! The files in reading order:
//!
//! * this file: [`Decoder`], which finds the rule of a topic
//! * `decoded`, `words`: what becomes of a payload, and the same in words
//! * `content`, `error`: one sample, and why something cannot be read
//! * `format`, `hints`, `condition`, `pattern`: the rules, and when they apply
//! * `payload`: a payload that is parsed once
//! * `automatic`, `sample`, `split`, `senml`: payloads without a rule
//! * `pointed`, `template`: payloads whose parts a rule points to
//! * `emit`, `series`: from samples to updates of series
//! * `metadata`: what messages about devices tell of their series
//! * `json`, `path`, `parts`, `time`, `numerals`, `units`, `round`: the parts of a payload
//!
//! This room does no I/O and knows no feed: every feed may use it.

mod automatic;
mod condition;
mod content;
mod decoded;
mod emit;
mod error;
mod format;
mod hints;
pub mod json;
pub mod metadata;
mod numerals;
mod parts;
mod path;
mod pattern;
mod payload;
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
mod units;
mod words;

use std::{collections::HashMap, sync::Arc};

use smallvec::SmallVec;
use tickcast_core::work::TopicFacts;
use tickcast_protocol::{message::TimeNs, topic::Topic};

pub use condition::Conditions;
pub(crate) use content::SampleTime;
pub use decoded::Decoded;
pub use error::{ConditionError, DecodeError, TemplateError};
pub use format::{DecodeRule, FieldsFormat, Format, JsonFormat, MissingPolicy, Shape, SidePointer};
pub use hints::Hints;
pub use numerals::Numerals;
pub(crate) use parts::{bad, parse_side, side_by_buyer_maker};
pub(crate) use sample::{read_time, read_unit};
pub use template::TopicTemplate;

use emit::Emitter;
use metadata::Metadata;
use parts::{EXCERPT_CHARS, excerpt};
use payload::Payload;
use series::KnownTopic;

/// A topic with each rule that may apply to it. Only the last one may have no conditions.
type Candidates = SmallVec<[KnownTopic; 1]>;

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
    topics: HashMap<Topic, Candidates>,
    /// Topics and series in the cache.
    cached: usize,
    metadata: Metadata,
}

impl Decoder {
    /// A decoder with rules. The first rule that matches a topic and a payload applies.
    pub fn new(rules: Arc<[DecodeRule]>) -> Self {
        Self {
            rules,
            topics: HashMap::new(),
            cached: 0,
            metadata: Metadata::default(),
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
        let payload = Payload::new(payload);
        let index = self.find(topic, &payload)?;
        let candidates = self.topics.get_mut(topic);
        let known = candidates
            .and_then(|known| known.get_mut(index))
            .expect("it has just been found");
        let format = match known.rule {
            Some(index) => &self.rules[index].format,
            None => &Format::Automatic(None),
        };
        let before = known.series();
        let mut decoded = Decoded::default();
        let mut emitter = Emitter {
            known,
            decoded: &mut decoded,
            now_ns,
            hints: format.hints(),
        };
        format.read(&payload, &mut emitter)?;
        self.cached = (self.cached + known.series()).saturating_sub(before);
        if known.is_metadata
            && let Some(update) = decoded.updates.first_mut()
        {
            let mut told = self.metadata.read(topic, payload.bytes);
            decoded.left_out += told.left_out;
            for (topic, facts) in &mut told.facts {
                // The name that a rule gives comes before others.
                let known = self.topics.get(topic).into_iter().flatten();
                if known.map(|known| &known.name).any(Option::is_some) {
                    facts.name = None;
                }
            }
            if !told.facts.is_empty() {
                update.facts = Some(told.facts.into());
            }
        }
        Ok(decoded)
    }

    /// The index of the rule that applies to a payload of a topic; `None` if the topic has no
    /// rules.
    pub(crate) fn rule(
        &mut self,
        topic: &str,
        payload: &[u8],
    ) -> Result<Option<usize>, DecodeError> {
        let index = self.find(topic, &Payload::new(payload))?;
        Ok(self.topics.get(topic).and_then(|known| known[index].rule))
    }

    /// The candidate that applies to a payload of a topic, which is in the cache afterwards.
    fn find(&mut self, topic: &str, payload: &Payload<'_>) -> Result<usize, DecodeError> {
        if !self.topics.contains_key(topic) {
            self.remember(topic)?;
        }
        let candidates = self.topics.get(topic).into_iter().flatten();
        let applies = |known: &KnownTopic| {
            let rule = known.rule.map(|index| &self.rules[index]);
            rule.is_none_or(|rule| rule.when.is_empty() || rule.when.hold(payload))
        };
        let found = candidates.map(applies).position(|applies| applies);
        found.ok_or_else(|| {
            let text = String::from_utf8_lossy(payload.bytes);
            DecodeError::NoRule(excerpt(&text, EXCERPT_CHARS))
        })
    }

    fn remember(&mut self, name: &str) -> Result<(), DecodeError> {
        let topic = Topic::new(name)?;
        if self.cached >= TOPICS_CACHED_MAX {
            self.topics.clear();
            self.cached = 0;
        }
        let mut candidates = Candidates::new();
        let matching = self.rules.iter().enumerate();
        for (index, rule) in matching.filter(|(_, rule)| rule.filter.matches(name)) {
            let given = TopicFacts {
                unit: rule.unit.clone(),
                name: rule.name.clone(),
                state_class: None,
            };
            candidates.push(KnownTopic::new(&topic, Some(index), given));
            if rule.when.is_empty() {
                break;
            }
        }
        if candidates.is_empty() {
            candidates.push(KnownTopic::new(&topic, None, TopicFacts::default()));
        }
        self.cached += candidates.iter().map(KnownTopic::series).sum::<usize>();
        self.topics.insert(topic, candidates);
        Ok(())
    }
}
