//! The topics that a decoder has seen, with their rule and the series that their payloads fill.

use std::{collections::HashMap, sync::Arc};

use tickcast_core::work::TopicFacts;
use tickcast_protocol::topic::{Topic, TopicError};

use super::{metadata::is_metadata, path::part_topic};

/// A topic as the source names it, with one of the rules that may apply to it.
#[derive(Debug, Clone)]
pub(super) struct KnownTopic {
    /// Index of its rule.
    pub(super) rule: Option<usize>,
    /// Whether its payloads describe other topics, and are never split.
    pub(super) is_metadata: bool,
    /// The name that its rule gives to it.
    pub(super) name: Option<Arc<str>>,
    /// The series of the topic itself.
    pub(super) own: Series,
    /// The series of the parts of its payloads.
    pub(super) parts: Parts,
    /// The series whose topics are made of parts of the payloads.
    pub(super) named: HashMap<Box<str>, Series>,
}

impl KnownTopic {
    /// A topic of which nothing has come yet, with what its rule says of it.
    pub(super) fn new(topic: &Topic, rule: Option<usize>, given: TopicFacts) -> Self {
        let TopicFacts { unit, name, .. } = given;
        Self {
            rule,
            is_metadata: is_metadata(topic.as_str()),
            own: Series {
                unit,
                untold_name: name.clone(),
                ..Series::new(topic.clone())
            },
            name,
            parts: Parts::default(),
            named: HashMap::new(),
        }
    }

    /// Number of its series.
    pub(super) fn series(&self) -> usize {
        1 + self.parts.len() + self.named.len()
    }
}

/// A series of updates: one topic of the server.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) topic: Topic,
    pub(super) unit: Option<Arc<str>>,
    /// Its name for people, until an update has told it.
    pub(super) untold_name: Option<Arc<str>>,
    /// Whether it has had a number, so that "unavailable" means that there is none now.
    pub(super) has_numbers: bool,
}

impl Series {
    pub(super) fn new(topic: Topic) -> Self {
        Self {
            topic,
            unit: None,
            untold_name: None,
            has_numbers: false,
        }
    }
}

/// The series of the parts of a topic's payloads, by the path of the part.
///
/// A device sends the same members in the same order, so the next part is mostly the one after the
/// last one.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    list: Vec<(Box<str>, Series)>,
    next: usize,
}

impl Parts {
    /// Number of series.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The index of the series at a path.
    pub(super) fn find(&mut self, path: &str) -> Option<usize> {
        let len = self.list.len();
        let mut order = (self.next.min(len)..len).chain(0..self.next.min(len));
        let found = order.find(|&index| *self.list[index].0 == *path)?;
        self.next = found + 1;
        Some(found)
    }

    /// Adds a series. Its topic is `base`, a slash and the path as levels.
    pub(super) fn add(&mut self, base: &Topic, path: &str) -> Result<usize, TopicError> {
        let part = part_topic(base.as_str(), path);
        let mut name = part.clone();
        // Two names that differ only in a changed character are still two series.
        let mut number = 2;
        while self
            .list
            .iter()
            .any(|(_, series)| series.topic.as_str() == name)
        {
            name = format!("{part}_{number}");
            number += 1;
        }
        let series = Series::new(Topic::new(&name)?);
        self.list.push((path.into(), series));
        self.next = self.list.len();
        Ok(self.list.len() - 1)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Series {
        &mut self.list[index].1
    }
}
