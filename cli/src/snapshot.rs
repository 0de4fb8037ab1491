//! The newest value of each topic, and what is known of the topics.

use std::collections::{HashMap, HashSet};

use tickcast_protocol::{
    client::Event,
    message::{Mode, Position, Status, TopicInfo, Update},
    topic::{Filter, Topic},
};

use crate::{connection::Link, exit::Failure, selection::is_first};

/// Most topics of an answer: as many as a server holds by default.
const TOPICS_MAX: usize = 1_000_000;

/// The newest value of each topic, and what is known of the topics.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Sorted by topic.
    pub(crate) updates: Vec<Update<Topic>>,
    infos: HashMap<Topic, TopicInfo>,
    statuses: HashMap<Topic, Status>,
}

impl Snapshot {
    /// Asks for all topics that one of the filters selects.
    pub(crate) async fn ask(link: &mut Link, filters: &[Filter]) -> Result<Self, Failure> {
        let subscribed = link
            .handle()
            .subscribe(filters.iter().cloned(), Mode::Latest, None);
        subscribed.map_err(|error| Failure::Failed(error.to_string()))?;
        let mut snapshot = Self::default();
        // Where the snapshot of each filter ends; `None` once it has.
        let mut ends: HashMap<Filter, Option<Position>> = HashMap::new();
        let wanted = filters.iter().collect::<HashSet<_>>().len();
        while ends.len() < wanted || ends.values().any(Option::is_some) {
            match link.answer().await? {
                Event::Accepted { filter, accepted } => {
                    let end = accepted.snapshot.map(|_| accepted.position);
                    ends.insert(filter, end);
                }
                Event::Batch(batch) if batch.snapshot => {
                    let end = ends.get(&batch.filter).copied().flatten();
                    if end.is_some_and(|end| batch.to >= end) {
                        ends.insert(batch.filter.clone(), None);
                    }
                    snapshot.learn(batch.topics);
                    let is_first =
                        |update: &Update<Topic>| is_first(filters, &batch.filter, &update.topic);
                    snapshot
                        .updates
                        .extend(batch.updates.into_iter().filter(is_first));
                    if snapshot.updates.len() > TOPICS_MAX {
                        return Err(Failure::Failed(format!(
                            "there are more than {TOPICS_MAX} topics: use a filter that selects \
                             fewer"
                        )));
                    }
                }
                Event::Status {
                    topics, statuses, ..
                } => {
                    snapshot.learn(topics);
                    for status in statuses {
                        snapshot.statuses.insert(status.topic, status.status);
                    }
                }
                Event::Refused {
                    filter,
                    code,
                    reason,
                } => return Err(Failure::refused(filter.as_str(), code, &reason)),
                _ => {}
            }
        }
        snapshot.updates.sort_by(|a, b| a.topic.cmp(&b.topic));
        Ok(snapshot)
    }

    fn learn(&mut self, topics: Vec<TopicInfo>) {
        for info in topics {
            self.infos.insert(info.topic.clone(), info);
        }
    }

    /// What is known of a topic.
    pub(crate) fn info(&self, topic: &Topic) -> Option<&TopicInfo> {
        self.infos.get(topic)
    }

    /// The unit of a topic's readings.
    pub(crate) fn unit(&self, topic: &Topic) -> Option<&str> {
        self.info(topic)?.unit.as_deref()
    }

    /// The status of a topic.
    pub(crate) fn status(&self, topic: &Topic) -> Status {
        self.statuses.get(topic).copied().unwrap_or_default()
    }
}
