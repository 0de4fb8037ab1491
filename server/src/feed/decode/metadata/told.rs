//! What a message tells about other topics.

use std::sync::Arc;

use tickcast_core::work::TopicFacts;
use tickcast_protocol::topic::Topic;

/// Longest message that is read for what it tells. A device takes some kilobytes of a list of
/// devices, and reading a megabyte holds its feed up for a few milliseconds.
pub const METADATA_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Series that one message describes, at most: as many as 500 devices have.
const FACTS_MAX: usize = 16_384;

/// What a message tells about other topics.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Topics, each with what is known about it.
    pub facts: Vec<(Topic, TopicFacts)>,
    /// What could not be read or is beyond the bounds: a message, a device or a series.
    pub left_out: u64,
}

impl Told {
    /// Adds what is told about a topic.
    pub(super) fn add(&mut self, topic: &str, facts: &TopicFacts) {
        if *facts == TopicFacts::default() {
            return;
        }
        match Topic::new(topic) {
            Ok(topic) if self.facts.len() < FACTS_MAX => self.facts.push((topic, facts.clone())),
            _ => self.left_out += 1,
        }
    }
}

/// A text as a fact: on one line, without spaces around it.
pub(super) fn fact(text: &str) -> Option<Arc<str>> {
    let text = text.replace(char::is_control, " ");
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// A name of an identifier, such as `carbon_dioxide`, for people: `Carbon dioxide`.
pub(super) fn words(identifier: &str) -> String {
    let spaced = identifier.replace('_', " ");
    let mut chars = spaced.chars();
    let first = chars.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(chars).collect()
}

/// The name of a series of a device. Some sources begin the first with the second.
pub(super) fn full_name(device: Option<&str>, series: Option<&str>) -> Option<Arc<str>> {
    let given = |text: &&str| !text.trim().is_empty();
    match (device.filter(given), series.filter(given)) {
        (Some(device), Some(series)) if series.starts_with(device) => fact(series),
        (Some(device), Some(series)) => fact(&format!("{} {}", device.trim(), series.trim())),
        (only, None) | (None, only) => fact(only?),
    }
}
