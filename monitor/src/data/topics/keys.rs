//! The topics of a store, and their numbers.

use std::ops::{Index, IndexMut};

use super::topic_state::MonitoredTopic;

/// Number of a topic within one store, in the order in which the topics appeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicKey(u32);

/// The topics of a store by number.
#[derive(Debug, Default)]
pub(super) struct TopicTable(Vec<MonitoredTopic>);

impl TopicTable {
    /// Adds a topic.
    pub(super) fn push(&mut self, topic: MonitoredTopic) -> TopicKey {
        let key = TopicKey(self.0.len() as u32);
        self.0.push(topic);
        key
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (TopicKey, &MonitoredTopic)> {
        let topics = self.0.iter().enumerate();
        topics.map(|(at, topic)| (TopicKey(at as u32), topic))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut MonitoredTopic> {
        self.0.iter_mut()
    }
}

impl Index<TopicKey> for TopicTable {
    type Output = MonitoredTopic;

    fn index(&self, key: TopicKey) -> &MonitoredTopic {
        &self.0[key.0 as usize]
    }
}

impl IndexMut<TopicKey> for TopicTable {
    fn index_mut(&mut self, key: TopicKey) -> &mut MonitoredTopic {
        &mut self.0[key.0 as usize]
    }
}
