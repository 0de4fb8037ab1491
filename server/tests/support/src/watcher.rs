//! A subscriber that keeps the statuses of its topics.

use std::collections::HashMap;

use tickcast_protocol::{
    client::Connection,
    codec::Encoding,
    message::{ClientMessage, Mode, ServerMessage, Status, Subscribe, TimeNs},
};

use crate::{
    Program,
    subscriber::{answer, connect},
};

/// A subscriber that keeps the statuses of its topics.
#[derive(Debug)]
pub struct Watcher {
    connection: Connection,
    /// The newest status of each topic that has had one, and since when.
    pub statuses: HashMap<String, (Status, TimeNs)>,
    /// Topics of which it has a value.
    pub values: Vec<String>,
}

impl Watcher {
    /// Subscribes to every update of a filter.
    pub async fn start(server: &Program, encoding: Encoding, filter: &str) -> Self {
        let mut connection = connect(&server.url(), encoding).await;
        let subscribe = ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: vec![filter.into()],
            mode: Mode::Every,
            max_rate_hz: None,
        });
        let sent = connection.send(&subscribe).await;
        sent.expect("the server reads");
        Self {
            connection,
            statuses: HashMap::new(),
            values: Vec::new(),
        }
    }

    /// Takes the next status or batch.
    pub async fn next(&mut self) {
        let (statuses, values) = (&mut self.statuses, &mut self.values);
        answer(&mut self.connection, |message| match message {
            ServerMessage::Status(message) => {
                for status in message.statuses {
                    let known = (status.status, status.since_ns);
                    statuses.insert(status.topic.as_str().to_owned(), known);
                }
                Some(())
            }
            ServerMessage::Batch(batch) => {
                let topics = batch.updates.into_iter().map(|update| update.topic);
                values.extend(topics.map(|topic| topic.as_str().to_owned()));
                Some(())
            }
            _ => None,
        })
        .await;
    }

    /// The status of a topic.
    pub fn status(&self, topic: &str) -> Status {
        let known = self.statuses.get(topic);
        known.map_or(Status::Live, |(status, _)| *status)
    }

    /// Waits until a topic has a status.
    pub async fn until(&mut self, topic: &str, status: Status) {
        while self.status(topic) != status {
            self.next().await;
        }
    }

    /// Waits until a topic has had a value.
    pub async fn until_value(&mut self, topic: &str) {
        while !self.values.iter().any(|known| known == topic) {
            self.next().await;
        }
    }
}
