//! Which topics are watched: their states, statuses and messages are kept.

use std::collections::HashSet;

use tickcast_protocol::topic::Topic;

use super::{
    latest::Latest,
    messages::{Message, MessageLog},
    store::Store,
    topic_state::MonitoredTopic,
    watched::Watched,
};

impl MonitoredTopic {
    /// Its newest update as a message, if all of it is kept.
    fn newest_message(&self) -> Option<Message> {
        let Some(Latest::Value(value)) = &self.latest else {
            return None;
        };
        Some(Message {
            position: self.position,
            seq: self.seq,
            time_ns: self.ingest_ns,
            source_ns: self.source_ns,
            quality: self.quality,
            value: value.clone(),
        })
    }

    fn watch(&mut self, is_inspected: bool) {
        let newest = self.newest_message();
        let status = (self.status_since_ns, self.status);
        let watched = self.watched.get_or_insert_with(|| {
            let mut watched = Watched::default();
            if let Some(message) = &newest {
                watched.states.push(message.time_ns, &message.value);
            }
            watched.status(status.0, status.1);
            Box::new(watched)
        });
        if !is_inspected {
            watched.messages = None;
        } else if watched.messages.is_none() {
            let mut messages = MessageLog::default();
            if let Some(message) = newest {
                messages.push(message);
            }
            watched.messages = Some(messages);
        }
    }

    /// Its last messages, while it is inspected.
    pub(crate) fn messages(&self) -> Option<&MessageLog> {
        self.watched.as_ref()?.messages.as_ref()
    }
}

impl Store {
    /// Keeps the states of exactly the topics in `charted`, and the messages of those in
    /// `inspected`, which are among them.
    pub(crate) fn watch(&mut self, charted: &HashSet<Topic>, inspected: &HashSet<Topic>) {
        let before = std::mem::take(&mut self.watched);
        for name in before.difference(charted) {
            if let Some(topic) = self.topic_mut(name) {
                topic.watched = None;
            }
        }
        for name in charted {
            let is_inspected = inspected.contains(name);
            if let Some(topic) = self.topic_mut(name) {
                let has = topic
                    .watched
                    .as_ref()
                    .map(|watched| watched.messages.is_some());
                if has != Some(is_inspected) {
                    topic.watch(is_inspected);
                }
            }
        }
        self.watched.clone_from(charted);
    }
}
