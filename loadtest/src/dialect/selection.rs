//! Some of the topics that are published to.

/// Consecutive topics, wrapping around from the last to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSelection {
    /// The first topic.
    pub first: u64,
    /// Number of topics.
    pub count: u64,
    /// Number of topics in total.
    pub topics: u64,
}

impl TopicSelection {
    /// Whether this is every topic.
    pub fn is_all(&self) -> bool {
        self.count == self.topics
    }

    /// The topics' numbers.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let Self {
            first,
            count,
            topics,
        } = *self;
        (first..first + count).map(move |topic| topic % topics)
    }

    /// The place of a topic within the selection, from 0.
    pub fn slot(&self, topic: u64) -> Option<u64> {
        let slot = (topic + self.topics - self.first) % self.topics;
        (slot < self.count).then_some(slot)
    }
}

/// The name of a topic, with the separator of a server's names.
pub(super) fn topic_name(topic: u64, separator: char) -> String {
    format!("bench{separator}{topic}")
}
