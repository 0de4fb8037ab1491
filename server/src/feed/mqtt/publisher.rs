//! What a client publishes: its will, and messages of a host of Sparkplug.

use tokio::sync::mpsc;

use super::{
    packet::{Outgoing, Will},
    settings::MqttSettings,
};
use crate::{
    clock::wall_ns,
    feed::sparkplug::{HostState, state_topic},
};

/// Messages that wait to be published, at most. They are taken at once, unless the broker reads
/// nothing.
const OUTGOING_MAX: usize = 16;

/// Packet identifiers of what is published: between those of subscriptions and unsubscriptions.
const PUBLISH_IDS: u16 = 0x4000;

/// Publishes by a client, beside the task that receives.
#[derive(Debug, Clone)]
pub(super) struct Publisher(mpsc::Sender<Outgoing>);

/// The client's end.
pub(super) struct Publishing {
    publisher: Publisher,
    waiting: mpsc::Receiver<Outgoing>,
    /// Where the broker publishes that this host of Sparkplug is gone.
    state_topic: Option<String>,
    /// The time in the will of the connection, in ms.
    will_ms: i64,
    /// Number of messages published.
    published: u16,
}

impl Publisher {
    /// Requests to publish a message. Returns `false` if too many requests wait.
    pub(super) fn publish(&self, message: &Outgoing) -> bool {
        self.0.try_send(message.clone()).is_ok()
    }
}

impl Publishing {
    pub(super) fn new(settings: &MqttSettings) -> Self {
        let (sender, waiting) = mpsc::channel(OUTGOING_MAX);
        Self {
            publisher: Publisher(sender),
            waiting,
            state_topic: settings.sparkplug.as_deref().map(state_topic),
            will_ms: 0,
            published: 0,
        }
    }

    /// Publishes by this client.
    pub(super) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// The will of the next connection: that this host of Sparkplug is not online, with the time of
    /// the connection (Sparkplug 3.0.0, section 5.13).
    pub(super) fn will(&mut self) -> Option<Will> {
        // What was to be said on the former connection is not true on this one.
        while self.waiting.try_recv().is_ok() {}
        let topic = self.state_topic.clone()?;
        self.will_ms = wall_ns() / 1_000_000;
        let state = HostState {
            online: false,
            timestamp: self.will_ms,
        };
        let payload = state.to_json();
        Some(Will { topic, payload })
    }

    /// The time in the will of the connection, in ms since the Unix epoch.
    pub(super) fn will_ms(&self) -> i64 {
        self.will_ms
    }

    /// Waits for a message to publish. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        self.waiting.recv().await
    }

    /// A message that waits.
    pub(super) fn try_next(&mut self) -> Option<Outgoing> {
        self.waiting.try_recv().ok()
    }

    /// A packet identifier.
    pub(super) fn next_id(&mut self) -> u16 {
        let id = PUBLISH_IDS + self.published % PUBLISH_IDS;
        self.published = self.published.wrapping_add(1);
        id
    }
}
