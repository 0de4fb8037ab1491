//! How often topics are to be heard of, and which wills make them dead.

use std::time::Duration;

use tickcast_protocol::{topic::Filter, value::Value};

/// All rules about the status of topics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LivenessSettings {
    /// How often topics are to be heard of. The first rule that matches a topic applies.
    pub silence: Vec<SilenceRule>,
    /// Which topics die with which will. All rules apply.
    pub wills: Vec<WillRule>,
}

/// How often topics are to be heard of.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceRule {
    /// Which topics.
    pub filter: Filter,
    /// Stale after [`STALE_AFTER_INTERVALS`](super::STALE_AFTER_INTERVALS) of these without a live update.
    pub expect_every: Expected,
    /// Dead after this long without a live update.
    pub dead_after: Option<Duration>,
}

/// How long it takes to the next update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This long.
    Every(Duration),
    /// As long as the topic's own updates say: a slowly sinking maximum of the gaps between them.
    Learned,
}

/// A topic whose value tells the end of a source, and the topics of that source.
#[derive(Debug, Clone, PartialEq)]
pub struct WillRule {
    /// Where wills are published. Without `#`.
    pub topic: Filter,
    /// The value that means the end.
    pub dead_if: String,
    /// What is dead then. Its nth `+` stands for the same level as the nth one of `topic`.
    pub topics: Filter,
}

impl WillRule {
    /// What is wrong with it, if anything.
    pub fn check(&self) -> Result<(), String> {
        let (topic, topics) = (&self.topic, &self.topics);
        if topic.as_str().ends_with('#') {
            return Err(format!("the will topic {topic} must not end with #"));
        }
        if wildcards(topics) > wildcards(topic) {
            return Err(format!("{topics} has more + than the will topic {topic}"));
        }
        Ok(())
    }

    pub(super) fn is_end(&self, value: &Value) -> bool {
        match value {
            Value::Text(text) => *text == self.dead_if,
            Value::Bytes(bytes) => bytes == self.dead_if.as_bytes(),
            Value::Reading(reading) => self.dead_if.parse() == Ok(*reading),
            Value::Trade(_) | Value::Quote(_) => false,
        }
    }
}

/// How many levels of a filter are `+`.
pub(super) fn wildcards(filter: &Filter) -> usize {
    filter.as_str().split('/').filter(|&l| l == "+").count()
}

/// The levels of a matching topic that the first `max` wildcards of a filter stand for.
pub(super) fn levels(filter: &Filter, topic: &str, max: usize) -> String {
    let pairs = filter.as_str().split('/').zip(topic.split('/'));
    let levels: Vec<_> = pairs
        .filter(|(wildcard, _)| *wildcard == "+")
        .map(|(_, level)| level)
        .take(max)
        .collect();
    levels.join("/")
}
