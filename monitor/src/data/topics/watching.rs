//! Which topics are watched: their states, statuses and messages are kept.

use std::collections::{HashMap, HashSet};

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

    pub(super) fn watch(&mut self, is_inspected: bool) {
        let newest = self.newest_message();
        let status = (self.status_since_ns, self.status);
        let every_after = self.every_after.map(|after| after.max(self.series_at.0));
        let watched = self.watched.get_or_insert_with(|| {
            let mut watched = Watched::default();
            if let Some(message) = &newest {
                watched.states.push(message.time_ns, &message.value);
            }
            watched.status(status.0, status.1);
            if let Some(after) = every_after {
                watched.long.every_from(after);
            }
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
    /// Keeps the states and the past of exactly the topics in `charted`, and the messages of those
    /// in `inspected`, which are among them. Those that are unknown follow when they come.
    pub(crate) fn watch(&mut self, charted: &HashSet<Topic>, inspected: &HashSet<Topic>) {
        let wanted: HashMap<_, _> = charted
            .iter()
            .map(|name| (name.clone(), inspected.contains(name)))
            .collect();
        let before = std::mem::replace(&mut self.watched, wanted);
        for name in before.keys().filter(|name| !charted.contains(*name)) {
            if let Some(topic) = self.topic_mut(name) {
                let freed = topic.by_source_bytes();
                topic.watched = None;
                self.bytes -= freed;
            }
        }
        for name in charted {
            let is_inspected = inspected.contains(name);
            if before.get(name) != Some(&is_inspected)
                && let Some(topic) = self.topic_mut(name)
            {
                topic.watch(is_inspected);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Mode, Quality, Update},
        value::Value,
    };

    use super::*;

    #[test]
    fn a_topic_that_comes_later_is_watched_and_is_not_listed_before() {
        let mut store = Store::default();
        let name: Topic = "plant/door".parse().unwrap();
        let one = HashSet::from([name.clone()]);
        store.watch(&one, &one);
        assert!(store.topic_named("plant/door").is_none());
        let update = Update {
            topic: name,
            position: 1,
            seq: 1,
            ingest_time_ns: 1,
            source_time_ns: None,
            quality: Quality::Live,
            value: Value::Text("open".to_owned()),
        };
        store.apply(update, Mode::Latest);
        let messages = |store: &Store| {
            let topic = store.topic_named("plant/door").unwrap();
            topic.messages().map(MessageLog::len)
        };
        assert_eq!(messages(&store), Some(1));
        store.watch(&one, &HashSet::new());
        assert_eq!(messages(&store), None);
        store.watch(&HashSet::new(), &HashSet::new());
        assert!(store.topic_named("plant/door").unwrap().watched.is_none());
    }
}
