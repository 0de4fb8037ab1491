//! What a client publishes: its will, and messages of the task that owns it.

use tokio::sync::mpsc;

use super::packet::{Outgoing, Will};
use crate::clock::wall_ns;

/// Messages that wait to be published, at most. They are taken at once, unless the broker reads
/// nothing.
const OUTGOING_MAX: usize = 16;

/// Messages that the broker has not acknowledged, at most. A broker of version 5 may refuse more
/// than it announces, and Mosquitto announces 20.
const UNACKNOWLEDGED_MAX: usize = 16;

/// Packet identifiers of what is published: between those of subscriptions and unsubscriptions.
const PUBLISH_IDS: u16 = 0x4000;

/// Makes the will of a connection, of its time in ms since the Unix epoch.
pub(crate) type MakeWill = Box<dyn Fn(i64) -> Will + Send>;

/// Publishes by a client, beside the task that receives.
#[derive(Debug, Clone)]
pub(crate) struct Publisher(mpsc::Sender<Outgoing>);

/// The client's end.
pub(crate) struct Publishing {
    publisher: Publisher,
    waiting: mpsc::Receiver<Outgoing>,
    make_will: Option<MakeWill>,
    /// The time in the will of the connection, in ms.
    will_ms: i64,
    /// Number of messages published.
    published: u16,
    /// Messages of this connection that the broker has not acknowledged.
    unacknowledged: usize,
}

impl Publisher {
    /// Requests to publish a message. Returns `false` if too many requests wait.
    pub(crate) fn publish(&self, message: &Outgoing) -> bool {
        self.0.try_send(message.clone()).is_ok()
    }

    /// Whether the client has taken all messages.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.capacity() == self.0.max_capacity()
    }

    /// Waits until a message can be published, and takes a place for it. Cancel-safe. `None` if the
    /// client is gone.
    pub(crate) async fn place(&self) -> Option<mpsc::Permit<'_, Outgoing>> {
        self.0.reserve().await.ok()
    }
}

impl Publishing {
    pub(crate) fn new(make_will: Option<MakeWill>) -> Self {
        let (sender, waiting) = mpsc::channel(OUTGOING_MAX);
        Self {
            publisher: Publisher(sender),
            waiting,
            make_will,
            will_ms: 0,
            published: 0,
            unacknowledged: 0,
        }
    }

    /// Publishes by this client.
    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// The will of the next connection.
    pub(crate) fn will(&mut self) -> Option<Will> {
        // What was to be said on the former connection is not true on this one.
        while self.waiting.try_recv().is_ok() {}
        self.unacknowledged = 0;
        let make_will = self.make_will.as_ref()?;
        self.will_ms = wall_ns() / 1_000_000;
        Some(make_will(self.will_ms))
    }

    /// The time in the will of the connection, in ms since the Unix epoch.
    pub(crate) fn will_ms(&self) -> i64 {
        self.will_ms
    }

    /// Whether the broker has acknowledged enough for a further message.
    pub(crate) fn has_room(&self) -> bool {
        self.unacknowledged < UNACKNOWLEDGED_MAX
    }

    /// Waits for a message to publish. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        self.waiting.recv().await
    }

    /// A message that waits.
    pub(crate) fn try_next(&mut self) -> Option<Outgoing> {
        self.waiting.try_recv().ok()
    }

    /// The packet identifier of a message that is published now.
    pub(crate) fn begin(&mut self, message: &Outgoing) -> u16 {
        self.unacknowledged += usize::from(message.is_acknowledged);
        let id = PUBLISH_IDS + self.published % PUBLISH_IDS;
        self.published = self.published.wrapping_add(1);
        id
    }

    /// The broker has acknowledged a message.
    pub(crate) fn acknowledged(&mut self) {
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
    }
}
