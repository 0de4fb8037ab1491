//! What a client publishes: its will, and messages of the task that owns it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

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
pub(crate) struct Publisher {
    waiting: mpsc::Sender<Outgoing>,
    unacknowledged: Arc<AtomicUsize>,
}

/// The client's end.
pub(crate) struct Publishing {
    publisher: Publisher,
    waiting: mpsc::Receiver<Outgoing>,
    make_will: Option<MakeWill>,
    /// The time in the will of the connection, in ms.
    will_ms: i64,
    /// Number of packet identifiers given.
    published: u16,
    /// Messages that the broker has not acknowledged, in the order in which they were published.
    sent: Vec<Sent>,
    /// Whether they are published again on the next connection.
    keeps: bool,
}

/// A message that the broker has not acknowledged.
#[derive(Debug)]
struct Sent {
    id: u16,
    message: Outgoing,
    /// Whether the broker has it, and only needs to be told that it is not sent again.
    is_stored: bool,
}

/// What is sent again on a new connection.
#[derive(Debug)]
pub(super) enum Again<'a> {
    /// A message, with its packet identifier.
    Publish(u16, &'a Outgoing),
    /// That a message will not be sent again.
    Release(u16),
}

impl Publisher {
    /// Requests to publish a message. Returns `false` if too many requests wait.
    pub(crate) fn publish(&self, message: &Outgoing) -> bool {
        self.waiting.try_send(message.clone()).is_ok()
    }

    /// Whether the client has taken all messages, and the broker has acknowledged those that it
    /// acknowledges.
    pub(crate) fn is_idle(&self) -> bool {
        self.unsettled() == 0
    }

    /// The number of messages that wait, or that the broker has not acknowledged.
    pub(crate) fn unsettled(&self) -> usize {
        let waiting = self.waiting.max_capacity() - self.waiting.capacity();
        waiting + self.unacknowledged.load(Ordering::Relaxed)
    }

    /// Waits until a message can be published, and takes a place for it. Cancel-safe. `None` if the
    /// client is gone.
    pub(crate) async fn place(&self) -> Option<mpsc::Permit<'_, Outgoing>> {
        self.waiting.reserve().await.ok()
    }
}

impl Publishing {
    /// `keeps`: what the broker has not acknowledged is published again on the next connection.
    pub(crate) fn new(make_will: Option<MakeWill>, keeps: bool) -> Self {
        let (sender, waiting) = mpsc::channel(OUTGOING_MAX);
        Self {
            publisher: Publisher {
                waiting: sender,
                unacknowledged: Arc::default(),
            },
            waiting,
            make_will,
            will_ms: 0,
            published: 0,
            sent: Vec::new(),
            keeps,
        }
    }

    /// Publishes by this client.
    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Whether what the broker has not acknowledged is published again on the next connection.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// The will of the next connection.
    pub(crate) fn will(&mut self) -> Option<Will> {
        if !self.keeps {
            // What was to be said on the former connection is not true on this one.
            while self.waiting.try_recv().is_ok() {}
            self.sent.clear();
            self.count();
        }
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
        self.sent.len() < UNACKNOWLEDGED_MAX
    }

    /// Waits for a message to publish. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Outgoing> {
        self.waiting.recv().await
    }

    /// A message that waits.
    pub(crate) fn try_next(&mut self) -> Option<Outgoing> {
        self.waiting.try_recv().ok()
    }

    /// Publishes a message by `write`, which is passed its packet identifier.
    pub(super) fn begin(&mut self, message: Outgoing, write: impl FnOnce(u16, &Outgoing)) {
        if message.qos == 0 {
            return write(0, &message);
        }
        let id = self.free_id();
        write(id, &message);
        self.sent.push(Sent {
            id,
            message,
            is_stored: false,
        });
        self.count();
    }

    /// A packet identifier that no other message has: a broker would take it for that one.
    fn free_id(&mut self) -> u16 {
        loop {
            let id = PUBLISH_IDS + self.published % PUBLISH_IDS;
            self.published = self.published.wrapping_add(1);
            // It ends: only few messages are not acknowledged.
            if self.sent.iter().all(|sent| sent.id != id) {
                return id;
            }
        }
    }

    /// The broker has a message of quality of service 2.
    pub(super) fn stored(&mut self, id: u16) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.id == id) {
            sent.is_stored = true;
        }
    }

    /// The broker has answered all that a message needs.
    pub(super) fn done(&mut self, id: u16) {
        self.sent.retain(|sent| sent.id != id);
        self.count();
    }

    /// What is sent again on a new connection. A broker without the session of the former one may
    /// have forgotten what it had stored and not passed on, so it gets that once more.
    pub(super) fn again(&mut self, has_session: bool) -> impl Iterator<Item = Again<'_>> {
        for sent in &mut self.sent {
            sent.is_stored &= has_session;
        }
        self.sent.iter().map(|sent| match sent.is_stored {
            true => Again::Release(sent.id),
            false => Again::Publish(sent.id, &sent.message),
        })
    }

    fn count(&self) {
        let unacknowledged = &self.publisher.unacknowledged;
        unacknowledged.store(self.sent.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(publishing: &mut Publishing, qos: u8) -> u16 {
        let message = Outgoing {
            topic: "a".into(),
            payload: "1".into(),
            is_retained: false,
            qos,
        };
        let mut given = None;
        publishing.begin(message, |id, _| given = Some(id));
        given.unwrap()
    }

    /// The identifiers of what is sent again, with whether it is a message.
    fn again(publishing: &mut Publishing, has_session: bool) -> Vec<(u16, bool)> {
        let again = publishing.again(has_session);
        let again = again.map(|again| match again {
            Again::Publish(id, _) => (id, true),
            Again::Release(id) => (id, false),
        });
        again.collect()
    }

    #[test]
    fn what_is_not_acknowledged_is_sent_again_and_a_stored_message_only_with_its_session_lost() {
        let mut publishing = Publishing::new(None, true);
        assert_eq!(publish(&mut publishing, 0), 0);
        let ids: Vec<u16> = [1, 2, 2].map(|qos| publish(&mut publishing, qos)).into();
        assert_eq!(publishing.publisher().unsettled(), 3);
        publishing.stored(ids[1]);
        publishing.will();
        let all = [(ids[0], true), (ids[1], false), (ids[2], true)];
        assert_eq!(again(&mut publishing, true), all);
        assert_eq!(
            again(&mut publishing, false),
            ids.iter().map(|id| (*id, true)).collect::<Vec<_>>()
        );
        publishing.stored(ids[2]);
        ids.iter().for_each(|id| publishing.done(*id));
        assert_eq!(again(&mut publishing, true), []);
        assert!(publishing.publisher().is_idle());
    }

    #[test]
    fn a_client_that_keeps_nothing_forgets_with_its_connection() {
        let mut publishing = Publishing::new(None, false);
        publish(&mut publishing, 1);
        assert!(!publishing.publisher().is_idle());
        publishing.will();
        assert_eq!(again(&mut publishing, true), []);
        assert!(publishing.publisher().is_idle());
    }

    #[test]
    fn an_identifier_is_not_given_twice_while_its_message_is_not_acknowledged() {
        let mut publishing = Publishing::new(None, true);
        let first = publish(&mut publishing, 2);
        for _ in 0..2 * u32::from(PUBLISH_IDS) {
            let id = publish(&mut publishing, 1);
            assert!((PUBLISH_IDS..2 * PUBLISH_IDS).contains(&id) && id != first);
            publishing.done(id);
        }
        assert!(publishing.has_room());
        while publishing.has_room() {
            publish(&mut publishing, 2);
        }
        assert_eq!(publishing.publisher().unsettled(), UNACKNOWLEDGED_MAX);
    }
}
