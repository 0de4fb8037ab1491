//! The newest value of each topic, for a node that begins with a checkpoint.

use bincode::{Decode, Encode};
use tickcast_core::{restored::RestoredTopic, tape::Strip};
use tickcast_protocol::message::{Seq, Status, TimeNs, TopicInfo};

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Topic {
    info: TopicInfo,
    seq: Seq,
    status: Status,
    since_ns: TimeNs,
    /// The newest update as it is on the tape; empty if there is none.
    update: Vec<u8>,
}

/// The newest values and the statuses of all topics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Newest {
    /// By id.
    topics: Vec<Topic>,
}

impl Newest {
    pub(crate) fn apply(&mut self, strip: &Strip) {
        for info in strip.topics() {
            match self.topics.get_mut(info.id as usize) {
                Some(known) => known.info = info.clone(),
                None => self.topics.push(Topic {
                    info: info.clone(),
                    seq: 0,
                    status: Status::Live,
                    since_ns: 0,
                    update: Vec::new(),
                }),
            }
        }
        for (index, update) in strip.updates().enumerate() {
            let Some(topic) = self.topics.get_mut(update.topic as usize) else {
                continue;
            };
            topic.seq += 1;
            if topic.update.is_empty() || !strip.is_historical(index) {
                topic.update.clear();
                topic.update.extend_from_slice(update.bincode);
            }
        }
        for change in strip.statuses() {
            if let Some(topic) = self.topics.get_mut(change.topic as usize) {
                (topic.status, topic.since_ns) = (change.status, change.since_ns);
            }
        }
    }

    /// What the shards of a server begin with.
    pub fn restored(&self) -> impl Iterator<Item = RestoredTopic> {
        self.topics.iter().map(|topic| {
            let status = (topic.status, topic.since_ns);
            RestoredTopic::new(topic.info.clone(), topic.seq, status, &topic.update)
        })
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::tape::StripBuilder;
    use tickcast_protocol::{
        message::{Quality, Update},
        topic::Topic as Name,
        value::Value,
    };

    use super::*;

    #[test]
    fn a_historical_update_is_the_newest_only_if_there_is_no_other() {
        let mut newest = Newest::default();
        for (position, quality, expected) in [
            (1, Quality::Historical, 1),
            (2, Quality::Live, 2),
            (3, Quality::Historical, 2),
            (4, Quality::Retained, 4),
        ] {
            let mut strip = StripBuilder::new(position);
            if position == 1 {
                strip.introduce(TopicInfo {
                    id: 0,
                    topic: Name::new("a").unwrap(),
                    unit: None,
                    name: None,
                    state_class: None,
                });
            }
            strip.push(&Update {
                topic: 0,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 5,
                quality,
                value: Value::Reading(1.0),
            });
            newest.apply(&strip.build());
            let restored = newest.restored().next().unwrap();
            assert_eq!((restored.position, restored.seq), (expected, position));
        }
    }
}
