//! Clients that publish once: each sends what is not answered again on its next connection.

use std::collections::BTreeMap;

use tickcast_core::work::{Once, Unpublished};
use tickcast_protocol::message::{Position, PublisherId};

/// What a client has sent and knows no answer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) once: Once,
    pub(super) value: u64,
}

/// A client with a connection to a node.
#[derive(Debug)]
pub(super) struct Publisher {
    /// The node, and which of its lives.
    connection: Option<(usize, u64)>,
    publisher: PublisherId,
    number: u64,
    unanswered: Vec<Sent>,
}

#[derive(Debug)]
pub(super) struct Publishers {
    all: Vec<Publisher>,
    /// Which client has published a value, and where it is on the tape.
    values: BTreeMap<u64, (usize, Option<Position>)>,
    next: PublisherId,
}

impl Publishers {
    pub(super) fn new(count: usize) -> Self {
        let publisher = |publisher| Publisher {
            connection: None,
            publisher,
            number: 0,
            unanswered: Vec::new(),
        };
        Self {
            all: (0..count as PublisherId).map(publisher).collect(),
            values: BTreeMap::new(),
            next: count as PublisherId,
        }
    }

    /// The node that a client is connected to, and which of its lives.
    pub(super) fn connection(&self, index: usize) -> Option<(usize, u64)> {
        self.all[index].connection
    }

    /// A client connects to a node. Returns what it sends again.
    pub(super) fn connect(&mut self, index: usize, connection: (usize, u64)) -> Vec<Sent> {
        let client = &mut self.all[index];
        client.connection = Some(connection);
        client.unanswered.clone()
    }

    /// A client publishes a value.
    pub(super) fn publish(&mut self, index: usize, value: u64) -> Sent {
        let client = &mut self.all[index];
        client.number += 1;
        let (publisher, number) = (client.publisher, client.number);
        let once = Once { publisher, number };
        let sent = Sent { once, value };
        client.unanswered.push(sent);
        self.values.insert(value, (index, None));
        sent
    }

    /// Whether a client has published the value in this way.
    pub(super) fn have(&self, value: u64) -> bool {
        self.values.contains_key(&value)
    }

    /// A connection to a node has an answer, which its client sees if it is still there. All
    /// answers to the same publish must be the same, unless the stream has lost it meanwhile.
    pub(super) fn answered(
        &mut self,
        value: u64,
        connection: (usize, u64),
        result: Result<Position, Unpublished>,
        is_shortened: bool,
    ) {
        let (index, known) = self.values.get_mut(&value).unwrap();
        match result {
            Ok(position) => {
                let first = *known.get_or_insert(position);
                assert!(first == position || is_shortened, "{first} {position}");
            }
            Err(error) => assert!(is_shortened, "{value}: {error:?}"),
        }
        let client = &mut self.all[*index];
        if client.connection != Some(connection) {
            return;
        }
        let found = client
            .unanswered
            .iter()
            .position(|sent| sent.value == value);
        let Some(sent) = found.map(|found| client.unanswered.remove(found)) else {
            return;
        };
        if result.is_err() && sent.once.publisher == client.publisher {
            client.publisher = self.next;
            client.number = 0;
            self.next += 1;
        }
    }

    /// Whether a client waits for answers.
    pub(super) fn is_waiting(&self) -> bool {
        self.all.iter().any(|client| !client.unanswered.is_empty())
    }
}
