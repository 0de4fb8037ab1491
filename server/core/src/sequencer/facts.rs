//! What is known about topics besides their values: units, names, state classes.
//!
//! Facts may come before the first value of a topic or after it, and from another feed. They are
//! kept until they are replaced. The unit that a topic's own updates have comes before a unit that
//! others tell.

use std::sync::Arc;

use bincode::{Decode, Encode};
use hashbrown::HashMap;
use tickcast_protocol::{
    message::{TopicId, TopicInfo},
    topic::Topic,
};

use crate::{growth::Pages, work::TopicFacts};

/// Topics without a value whose facts are kept. A house of 500 devices tells of 10,000 series, and
/// not all of them come. One topic takes up to 600 bytes with the longest texts.
pub const FACTS_WAITING_MAX: usize = 32_768;

/// Longest unit, in bytes: it stands beside each number. The longest of Home Assistant's units has
/// 14.
pub const UNIT_MAX_BYTES: usize = 32;

/// Longest name, in bytes: it stands in a list of topics.
pub const NAME_MAX_BYTES: usize = 128;

/// Longest state class, in bytes: it is one word.
pub const STATE_CLASS_MAX_BYTES: usize = 32;

/// The facts of all topics; see the module.
#[derive(Debug, Default)]
pub struct Facts {
    /// Of topics that have a value.
    told: Pages<Option<Box<TopicFacts>>>,
    /// Of topics that have none yet.
    waiting: HashMap<Topic, TopicFacts>,
    left_out: u64,
}

/// The facts of all topics as data.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct FactsSnapshot {
    told: Vec<Option<TopicFacts>>,
    waiting: Vec<(Topic, TopicFacts)>,
}

impl Facts {
    /// Takes facts about a topic, whose id is `id` if it has a value. A missing fact leaves the one
    /// that is known. Returns whether a known topic has changed.
    pub(super) fn tell(&mut self, id: Option<TopicId>, topic: Topic, facts: TopicFacts) -> bool {
        let facts = TopicFacts {
            unit: self.fitting(facts.unit, UNIT_MAX_BYTES),
            name: self.fitting(facts.name, NAME_MAX_BYTES),
            state_class: self.fitting(facts.state_class, STATE_CLASS_MAX_BYTES),
        };
        if facts == TopicFacts::default() {
            return false;
        }
        if let Some(id) = id {
            return merge(self.told_of(id), facts);
        }
        if let Some(known) = self.waiting.get_mut(&topic) {
            merge(known, facts);
        } else if self.waiting.len() < FACTS_WAITING_MAX {
            if self.waiting.is_empty() {
                // All at once: to grow a large map takes milliseconds.
                self.waiting.reserve(FACTS_WAITING_MAX);
            }
            self.waiting.insert(topic, facts);
        } else {
            self.left_out += 1;
        }
        false
    }

    /// Takes what was known about a topic that has a value.
    pub(super) fn restore(&mut self, info: &TopicInfo) {
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        let facts = TopicFacts {
            unit: text(&info.unit),
            name: text(&info.name),
            state_class: text(&info.state_class),
        };
        if facts != TopicFacts::default() {
            *self.told_of(info.id) = facts;
        }
    }

    /// Takes the facts of a topic that has its first value.
    pub(super) fn introduce(&mut self, id: TopicId, topic: &Topic) {
        if !self.waiting.is_empty()
            && let Some(facts) = self.waiting.remove(topic)
        {
            *self.told_of(id) = facts;
        }
    }

    /// What is told about a topic that has a value.
    pub(super) fn of(&self, id: TopicId) -> Option<&TopicFacts> {
        self.told.get(id as usize)?.as_deref()
    }

    fn told_of(&mut self, id: TopicId) -> &mut TopicFacts {
        let index = id as usize;
        self.told.grow_to(index + 1, || None);
        self.told[index].get_or_insert_default()
    }

    /// All of it as data: what is told about each topic with a value, and about the others by name.
    pub(super) fn snapshot(&self) -> FactsSnapshot {
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_unstable_by_key(|(topic, _)| topic.as_str());
        let owned = waiting
            .into_iter()
            .map(|(topic, facts)| (topic.clone(), facts.clone()));
        FactsSnapshot {
            told: self
                .told
                .iter()
                .map(|told| told.as_deref().cloned())
                .collect(),
            waiting: owned.collect(),
        }
    }

    /// Goes on with what others knew.
    pub(super) fn resume(&mut self, snapshot: &FactsSnapshot) {
        for told in &snapshot.told {
            self.told.push(told.clone().map(Box::new));
        }
        if !snapshot.waiting.is_empty() {
            self.waiting.reserve(FACTS_WAITING_MAX);
        }
        self.waiting.extend(snapshot.waiting.iter().cloned());
    }

    /// The unit of an update, unless it is too long.
    pub(super) fn own_unit(&mut self, unit: Arc<str>) -> Option<Arc<str>> {
        self.fitting(Some(unit), UNIT_MAX_BYTES)
    }

    /// Number of topics without a value that something is known about.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Number of facts left out: their text was too long, or too many topics had no value.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn fitting(&mut self, text: Option<Arc<str>>, max_bytes: usize) -> Option<Arc<str>> {
        let text = text.filter(|text| !text.is_empty())?;
        let fits = text.len() <= max_bytes;
        self.left_out += u64::from(!fits);
        fits.then_some(text)
    }
}

/// Replaces facts by newer ones. Returns whether something has changed.
fn merge(known: &mut TopicFacts, newer: TopicFacts) -> bool {
    let replace = |known: &mut Option<Arc<str>>, newer: Option<Arc<str>>| {
        let is_new = newer.is_some() && *known != newer;
        if is_new {
            *known = newer;
        }
        is_new
    };
    let unit = replace(&mut known.unit, newer.unit);
    let name = replace(&mut known.name, newer.name);
    let state_class = replace(&mut known.state_class, newer.state_class);
    unit || name || state_class
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(number: usize) -> Topic {
        Topic::new(&format!("t{number}")).expect("a topic")
    }

    fn unit(text: &str) -> TopicFacts {
        TopicFacts {
            unit: Some(text.into()),
            ..TopicFacts::default()
        }
    }

    #[test]
    fn facts_wait_for_the_first_value_of_their_topic_and_there_is_a_limit() {
        let mut facts = Facts::default();
        for number in 0..FACTS_WAITING_MAX {
            assert!(!facts.tell(None, topic(number), unit("V")));
        }
        assert_eq!((facts.waiting(), facts.left_out()), (FACTS_WAITING_MAX, 0));
        facts.tell(None, topic(FACTS_WAITING_MAX), unit("V"));
        facts.tell(None, topic(FACTS_WAITING_MAX + 1), unit("V"));
        assert_eq!((facts.waiting(), facts.left_out()), (FACTS_WAITING_MAX, 2));
        // What waits may change.
        facts.tell(None, topic(3), unit("mV"));
        facts.introduce(0, &topic(3));
        assert_eq!(facts.of(0), Some(&unit("mV")));
        assert_eq!(facts.waiting(), FACTS_WAITING_MAX - 1);
        assert_eq!(facts.of(1), None);
    }

    #[test]
    fn texts_that_are_too_long_are_left_out_and_counted() {
        let mut facts = Facts::default();
        let text = |bytes| Some(Arc::from("x".repeat(bytes)));
        assert_eq!(
            facts.own_unit(text(UNIT_MAX_BYTES).unwrap()),
            text(UNIT_MAX_BYTES)
        );
        assert_eq!(facts.left_out(), 0);
        assert_eq!(facts.own_unit(text(UNIT_MAX_BYTES + 1).unwrap()), None);
        assert_eq!(facts.left_out(), 1);
        // An empty text is none.
        assert_eq!(facts.own_unit("".into()), None);
        let told = TopicFacts {
            unit: text(1),
            name: text(NAME_MAX_BYTES + 1),
            state_class: text(STATE_CLASS_MAX_BYTES + 1),
        };
        assert!(facts.tell(Some(0), topic(0), told.clone()));
        assert_eq!(facts.of(0), Some(&unit("x")));
        assert_eq!(facts.left_out(), 3);
        assert!(!facts.tell(Some(0), topic(0), told), "nothing is new");
    }
}
