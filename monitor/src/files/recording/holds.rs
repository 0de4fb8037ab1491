//! What a recording holds: every update of a topic, or only newest values.

use std::collections::HashMap;

use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::data::format;

/// What is recorded, as the user chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedScope {
    /// Every update of every topic in the list.
    EveryUpdate,
    /// Every update of the topics that are charted or watched by an alert, and the newest values of
    /// the others.
    Charted,
}

impl RecordedScope {
    /// Its name in the name of a file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::EveryUpdate => "every-update",
            Self::Charted => "charted",
        }
    }
}

/// The topics of a recording.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecordedTopics {
    /// Whether each has all of its updates.
    topics: HashMap<Topic, bool>,
    /// How many of them have.
    full: usize,
}

/// How many topics a recording has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordingHolds {
    /// Topics with every update.
    pub(crate) full: usize,
    /// Topics of which newest values only were recorded, at least for some time.
    pub(crate) thinned: usize,
}

/// What is known of a recording before it is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Survey {
    /// Time of the first and of the last update.
    pub(super) range: (TimeNs, TimeNs),
    pub(super) holds: RecordingHolds,
}

impl RecordedTopics {
    /// Adds an update. The topics are at most those that the monitor keeps.
    pub(crate) fn add(&mut self, topic: &Topic, is_every: bool) {
        match self.topics.get_mut(topic) {
            Some(full) if *full && !is_every => {
                *full = false;
                self.full -= 1;
            }
            Some(_) => {}
            None => {
                self.topics.insert(topic.clone(), is_every);
                self.full += usize::from(is_every);
            }
        }
    }

    /// How many topics there are so far.
    pub(crate) fn holds(&self) -> RecordingHolds {
        RecordingHolds {
            full: self.full,
            thinned: self.topics.len() - self.full,
        }
    }
}

impl RecordingHolds {
    /// The same in words: `every update of 3 topics, newest values of 61`.
    pub(crate) fn words(self) -> String {
        let count = |topics: usize| match topics {
            1 => "1 topic".to_owned(),
            topics => format!("{} topics", format::count(topics as u64)),
        };
        match self {
            Self { full, thinned: 0 } => format!("every update of {}", count(full)),
            Self { full: 0, thinned } => format!("newest values only, of {}", count(thinned)),
            Self { full, thinned } => {
                let thinned = format::count(thinned as u64);
                format!(
                    "every update of {}, newest values of {thinned}",
                    count(full)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_full_only_if_all_of_its_updates_are() {
        let topic = |name| Topic::new(name).unwrap();
        let mut topics = RecordedTopics::default();
        assert_eq!(topics.holds().words(), "every update of 0 topics");
        topics.add(&topic("a"), true);
        assert_eq!(topics.holds().words(), "every update of 1 topic");
        topics.add(&topic("b"), false);
        topics.add(&topic("b"), true);
        let words = "every update of 1 topic, newest values of 1";
        assert_eq!(topics.holds().words(), words);
        topics.add(&topic("a"), false);
        assert_eq!(topics.holds().words(), "newest values only, of 2 topics");
    }
}
