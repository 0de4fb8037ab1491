//! The rules of liveness: how often a topic must be updated, and which wills make it dead.

use std::time::Duration;

use tickcast_protocol::{topic::Filter, value::Value};

/// All rules about the status of topics.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LivenessSettings {
    /// How often topics must be updated. The first rule that matches a topic applies.
    pub silence: Vec<SilenceRule>,
    /// Which wills make which topics dead. All rules apply.
    pub wills: Vec<WillRule>,
}

/// How often topics must be updated.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceRule {
    /// The topics it applies to.
    pub filter: Filter,
    /// A topic is stale after [`STALE_AFTER_INTERVALS`](super::STALE_AFTER_INTERVALS) of these
    /// intervals without a live update.
    pub expect_every: Expected,
    /// A topic is dead after this long without a live update.
    pub dead_after: Option<Duration>,
}

/// The expected time from one update to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A fixed time.
    Every(Duration),
    /// Learned from the topic's own updates: a slowly sinking maximum of the gaps between them.
    Learned,
}

/// A topic whose value announces the end of a source, and the topics of that source.
#[derive(Debug, Clone, PartialEq)]
pub struct WillRule {
    /// Where wills are published. Must not contain `#`.
    pub topic: Filter,
    /// The value that announces the end.
    pub dead_if: String,
    /// The topics that are then dead. The nth `+` stands for the same level as the nth `+` of
    /// `topic`.
    pub topics: Filter,
}

impl WillRule {
    /// Checks the rule, and returns the reason if it is invalid.
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
            Value::Text(text) | Value::Absent(text) => *text == self.dead_if,
            Value::Bytes(bytes) => bytes == self.dead_if.as_bytes(),
            Value::Reading(reading) => self.dead_if.parse() == Ok(*reading),
            Value::Trade(_) | Value::Quote(_) => false,
        }
    }
}

/// Number of `+` levels in a filter.
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
