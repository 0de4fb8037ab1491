//! The topics that the sequencer has met, by name and by id.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::DefaultHashBuilder;
use tickcast_protocol::{
    message::{Seq, TopicId},
    topic::Topic,
};

use crate::growth::{IndexTable, Pages};

/// A topic with what the sequencer knows of its newest update.
#[derive(Debug)]
pub(super) struct KnownTopic {
    pub(super) id: TopicId,
    pub(super) seq: Seq,
    /// The unit of its newest update that has one.
    pub(super) unit: Option<Arc<str>>,
}

impl KnownTopic {
    /// Whether an update has another unit than those before it.
    pub(super) fn is_other(&self, unit: &Arc<str>) -> bool {
        let is_same = |known: &Arc<str>| Arc::ptr_eq(known, unit) || known == unit;
        !self.unit.as_ref().is_some_and(is_same)
    }
}

/// All topics so far. Their ids count up from 0.
#[derive(Debug, Default)]
pub(super) struct KnownTopics {
    topics: Pages<(Topic, KnownTopic)>,
    by_name: IndexTable,
    hasher: DefaultHashBuilder,
}

impl KnownTopics {
    /// Number of topics.
    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    /// The topic of this name.
    pub(super) fn get(&self, name: &Topic) -> Option<&KnownTopic> {
        let id = self.find(name)?;
        Some(&self.topics[id as usize].1)
    }

    /// The topic of this name, to change it.
    #[inline]
    pub(super) fn get_mut(&mut self, name: &Topic) -> Option<&mut KnownTopic> {
        let id = self.find(name)?;
        Some(&mut self.topics[id as usize].1)
    }

    #[inline]
    fn find(&self, name: &Topic) -> Option<TopicId> {
        let hash = self.hasher.hash_one(name);
        self.by_name
            .find(hash, |id| self.topics[id as usize].0 == *name)
    }

    /// The topics in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Topic, &KnownTopic)> {
        self.topics.iter().map(|(name, known)| (name, known))
    }

    /// Adds the next topic as it was, with its unit and the number of its updates.
    pub(super) fn restore(&mut self, name: Topic, unit: Option<Arc<str>>, seq: Seq) {
        let id = self.add(name, unit);
        self.topics[id as usize].1.seq = seq;
    }

    /// Adds a topic, whose name must be new, and returns its id.
    pub(super) fn add(&mut self, name: Topic, unit: Option<Arc<str>>) -> TopicId {
        debug_assert!(self.find(&name).is_none(), "{name} is known");
        let id = TopicId::try_from(self.len()).expect("topics_max fits a TopicId");
        let known = KnownTopic { id, seq: 0, unit };
        self.by_name.insert(self.hasher.hash_one(&name), id);
        self.topics.push((name, known));
        id
    }
}
