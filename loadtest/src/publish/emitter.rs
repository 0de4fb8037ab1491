//! Publishes what is due, and never waits: stamps updates, appends them to the connection and
//! writes what the socket takes.
//!
//! Both loads publish through this. They differ only in what they do between two calls: the load
//! tester's publisher sleeps (`publish::Publisher`), and the comparison's thread reads
//! subscribers (`busy_loop`).

use mio::{Registry, Token};
use tickcast_protocol::message::TimeNs;

use super::{
    connection::PublisherConnection,
    error::PublishError,
    target::{PublishContent, PublishTarget},
};
use crate::schedule::{DueSlots, RunClock, Stamp};

/// How much is appended before the socket is written to.
#[derive(Debug, Clone, Copy)]
pub struct AppendLimit {
    /// Updates per call.
    pub updates: usize,
    /// Bytes that wait for the socket. Beyond this, no more updates are appended.
    pub waiting_bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Emitter {
    connection: PublisherConnection,
    content: PublishContent,
    payload: Vec<u8>,
    published: u64,
}

impl Emitter {
    /// Connects, and waits until the connection is open.
    pub fn connect(
        target: &PublishTarget,
        content: PublishContent,
        clock: RunClock,
    ) -> Result<Self, PublishError> {
        let connection = PublisherConnection::connect(target, clock)?;
        Ok(Self::new(connection, content))
    }

    /// Starts to connect. [`is_open`](Self::is_open) tells when updates can be published.
    pub fn open(
        target: &PublishTarget,
        content: PublishContent,
        clock: RunClock,
        token: Token,
        registry: &Registry,
    ) -> Result<Self, PublishError> {
        let connection = PublisherConnection::open(target, clock, token, registry)?;
        Ok(Self::new(connection, content))
    }

    fn new(connection: PublisherConnection, content: PublishContent) -> Self {
        Self {
            connection,
            payload: vec![0; content.payload_bytes],
            content,
            published: 0,
        }
    }

    /// Whether updates can be published.
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// Updates appended so far.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Whether the socket has taken everything.
    pub fn is_written(&self) -> bool {
        self.connection.waiting() == 0
    }

    /// Appends the updates that are due at `sent_ns`, up to a limit, and hands out their due times.
    pub fn append_due(
        &mut self,
        slots: &mut DueSlots,
        sent_ns: TimeNs,
        limit: AppendLimit,
        mut appended: impl FnMut(TimeNs),
    ) {
        for _ in 0..limit.updates {
            if self.connection.waiting() > limit.waiting_bytes {
                break;
            }
            let Some(due_ns) = slots.next_due(sent_ns) else {
                break;
            };
            self.append(due_ns, sent_ns);
            appended(due_ns);
        }
    }

    /// Appends one update.
    pub fn append(&mut self, due_ns: TimeNs, sent_ns: TimeNs) {
        let stamp = Stamp {
            run: self.content.run,
            index: self.published,
            due_ns,
            sent_ns,
        };
        stamp.write(&mut self.payload);
        let topics = &self.content.topics;
        let topic = &topics[(self.published % topics.len() as u64) as usize];
        self.connection.append(topic, &self.payload);
        self.published += 1;
    }

    /// Appends what ends a session, if the protocol has such a thing.
    pub fn append_end(&mut self) {
        self.connection.append_end();
    }

    /// Drops what the socket has not taken.
    pub fn drop_waiting(&mut self) {
        self.connection.drop_outgoing();
    }

    /// Writes what the socket takes. Returns whether it has taken everything.
    pub fn flush(&mut self) -> Result<bool, PublishError> {
        self.connection.flush()
    }

    /// Reads what the other side has sent, and answers its pings.
    pub fn listen(&mut self) -> Result<(), PublishError> {
        self.connection.listen()
    }

    /// The socket is ready for something.
    pub fn on_event(&mut self) -> Result<(), PublishError> {
        self.connection.on_event()
    }
}
