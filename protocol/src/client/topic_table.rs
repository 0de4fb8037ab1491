//! The topic names that a client of the bincode encoding has learned.

use std::collections::HashMap;

use crate::{
    message::{
        Batch, Epoch, History, Lineage, ServerMessage, Statuses, TopicId, TopicInfo, TopicStatus,
        Update,
    },
    topic::Topic,
};

/// Most topics whose names a client keeps: four times what a server holds by default. A server that
/// introduces more is broken, and the client's memory must be bounded.
pub const TOPIC_TABLE_MAX: usize = 4_000_000;

/// Topic names by id, for one epoch and those that continue it. It outlives a connection, because
/// the server does not introduce known topics again to a client that resumes.
#[derive(Debug, Default)]
pub struct TopicTable {
    epoch: Option<Epoch>,
    names: HashMap<TopicId, Topic>,
}

/// Why a topic id could not be replaced by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicTableError {
    /// The topic was never introduced.
    #[error("the topic with id {0} was never introduced")]
    Unknown(TopicId),
    /// The server introduced more than [`TOPIC_TABLE_MAX`] topics.
    #[error("the server introduced too many topics (limit {TOPIC_TABLE_MAX})")]
    Full,
}

impl TopicTable {
    /// Clears the table, unless its names are of this epoch or of one that it continues. The server
    /// introduces all topics anew whose ids are not those of the epoch before.
    pub fn enter(&mut self, lineage: &Lineage) {
        let is_continued = self.epoch.and_then(|epoch| lineage.kept(epoch)).is_some();
        if !is_continued {
            self.names.clear();
        }
        self.epoch = Some(lineage.epoch);
    }

    /// Adds introduced topics.
    pub fn introduce(&mut self, topics: &[TopicInfo]) -> Result<(), TopicTableError> {
        for info in topics {
            if self.names.len() >= TOPIC_TABLE_MAX && !self.names.contains_key(&info.id) {
                return Err(TopicTableError::Full);
            }
            self.names.insert(info.id, info.topic.clone());
        }
        Ok(())
    }

    /// The topic with this id.
    pub fn get(&self, id: TopicId) -> Option<&Topic> {
        self.names.get(&id)
    }

    /// Number of known topics.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether no topic is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Adds the topics that the message introduces, and replaces topic ids by names.
    pub fn resolve(
        &mut self,
        message: ServerMessage<TopicId>,
    ) -> Result<ServerMessage<Topic>, TopicTableError> {
        Ok(match message {
            ServerMessage::Batch(batch) => ServerMessage::Batch(self.resolve_batch(batch)?),
            ServerMessage::Welcome(welcome) => {
                self.enter(&welcome.lineage());
                ServerMessage::Welcome(welcome)
            }
            ServerMessage::Subscribed(message) => ServerMessage::Subscribed(message),
            ServerMessage::Gap(message) => ServerMessage::Gap(message),
            ServerMessage::Heartbeat(message) => ServerMessage::Heartbeat(message),
            ServerMessage::Unsubscribed(message) => ServerMessage::Unsubscribed(message),
            ServerMessage::Published(message) => ServerMessage::Published(message),
            ServerMessage::Time(message) => ServerMessage::Time(message),
            ServerMessage::Error(message) => ServerMessage::Error(message),
            ServerMessage::Draining(message) => ServerMessage::Draining(message),
            ServerMessage::Subscriptions(message) => ServerMessage::Subscriptions(message),
            ServerMessage::Changed(message) => ServerMessage::Changed(message),
            ServerMessage::Authenticated(message) => ServerMessage::Authenticated(message),
            ServerMessage::Expiring(message) => ServerMessage::Expiring(message),
            ServerMessage::Status(message) => {
                ServerMessage::Status(self.resolve_statuses(message)?)
            }
            ServerMessage::History(message) => {
                ServerMessage::History(self.resolve_history(message)?)
            }
            ServerMessage::Candles(message) => {
                self.introduce(&message.topics)?;
                ServerMessage::Candles(message)
            }
        })
    }

    fn resolve_batch(&mut self, batch: Batch<TopicId>) -> Result<Batch<Topic>, TopicTableError> {
        self.introduce(&batch.topics)?;
        Ok(Batch {
            channel: batch.channel,
            from: batch.from,
            to: batch.to,
            snapshot: batch.snapshot,
            topics: batch.topics,
            updates: self.resolve_updates(batch.updates)?,
        })
    }

    fn resolve_history(
        &mut self,
        history: History<TopicId>,
    ) -> Result<History<Topic>, TopicTableError> {
        self.introduce(&history.topics)?;
        Ok(History {
            id: history.id,
            topics: history.topics,
            updates: self.resolve_updates(history.updates)?,
            more: history.more,
        })
    }

    fn resolve_statuses(
        &mut self,
        message: Statuses<TopicId>,
    ) -> Result<Statuses<Topic>, TopicTableError> {
        self.introduce(&message.topics)?;
        let named = message.statuses.into_iter().map(|status| {
            Ok(TopicStatus {
                topic: self.name(status.topic)?,
                status: status.status,
                since_ns: status.since_ns,
            })
        });
        Ok(Statuses {
            channel: message.channel,
            statuses: named.collect::<Result<_, _>>()?,
            topics: message.topics,
        })
    }

    fn name(&self, id: TopicId) -> Result<Topic, TopicTableError> {
        self.get(id).cloned().ok_or(TopicTableError::Unknown(id))
    }

    fn resolve_updates(
        &self,
        updates: Vec<Update<TopicId>>,
    ) -> Result<Vec<Update<Topic>>, TopicTableError> {
        updates
            .into_iter()
            .map(|update| self.resolve_update(update))
            .collect()
    }

    fn resolve_update(&self, update: Update<TopicId>) -> Result<Update<Topic>, TopicTableError> {
        Ok(Update {
            topic: self.name(update.topic)?,
            position: update.position,
            seq: update.seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: update.ingest_time_ns,
            quality: update.quality,
            value: update.value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::EndedEpoch;

    fn info(id: TopicId, name: &str) -> TopicInfo {
        TopicInfo::new(id, Topic::new(name).unwrap())
    }

    #[test]
    fn names_are_kept_for_their_epoch_and_those_that_continue_it_and_cleared_by_another() {
        let mut table = TopicTable::default();
        table.enter(&Lineage::new(Epoch(1)));
        table.introduce(&[info(7, "a"), info(8, "b")]).unwrap();
        table.introduce(&[info(7, "a")]).unwrap();
        table.enter(&Lineage::new(Epoch(1)));
        table.enter(&Lineage {
            epoch: Epoch(2),
            continues: vec![EndedEpoch {
                epoch: Epoch(1),
                last: 7,
            }],
        });
        assert_eq!(table.len(), 2);
        assert_eq!(table.get(8).map(Topic::as_str), Some("b"));
        table.enter(&Lineage::new(Epoch(3)));
        assert!(table.is_empty());
    }
}
