//! The shard's state of a connection: its client's permissions and requests, its output, the
//! subscriptions that catch up, and its times.

use std::{
    collections::VecDeque,
    ops::{Index, IndexMut},
    time::Duration,
};

use smallvec::SmallVec;
use tickcast_protocol::message::Position;

use super::{
    behind::{CATCH_UP_FRAME_MAX_BYTES, CATCH_UP_FRAME_MIN_BYTES},
    joint::Joint,
    keys::{ConnectionKey, Keyed, Slot, SubscriptionKey},
    link::UNSENT_START_BYTES,
    output::{Flushed, Output},
    publish_budget::PublishBudget,
    request_budget::RequestBudget,
    socket::Socket,
    under_way::UnderWay,
};
use crate::{identity::Standing, permissions::Access, wire::Wire};

/// A client's connection; see the module.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    generation: u32,
    pub(super) wire: Wire,
    pub(super) access: Access,
    /// Who its client is, if the server has identities.
    pub(super) standing: Option<Box<Standing>>,
    /// What is counted together with other connections, if anything is.
    pub(super) joint: Option<Box<Joint>>,
    pub(super) requests: RequestBudget,
    /// What it may publish, once it has published.
    pub(super) publishing: Option<Box<PublishBudget>>,
    pub(super) under_way: Option<Box<UnderWay>>,
    pub(super) subscriptions: SmallVec<[SubscriptionKey; 2]>,
    pub(super) output: Output<S>,
    pub(super) catching_up: CatchingUp,
    pub(super) times: Times,
}

impl<S: Socket> Connection<S> {
    pub(super) fn new(
        socket: S,
        generation: u32,
        wire: Wire,
        access: Access,
        requests: RequestBudget,
        uptime: Duration,
    ) -> Self {
        Self {
            generation,
            wire,
            access,
            standing: None,
            joint: None,
            requests,
            publishing: None,
            under_way: None,
            subscriptions: SmallVec::new(),
            output: Output::new(socket, uptime),
            catching_up: CatchingUp::default(),
            times: Times::new(uptime),
        }
    }

    /// Hands the kernel as many bytes as it accepts; see [`Output::flush`].
    pub(super) fn flush(&mut self, written: usize, uptime: Duration) -> (Flushed, usize) {
        let (flushed, written) = self.output.flush(written, uptime);
        if flushed == Flushed::Blocked {
            self.shorten_frames();
        }
        (flushed, written)
    }

    /// Makes the next catch-up frame short, after the kernel did not accept all bytes.
    #[cold]
    fn shorten_frames(&mut self) {
        let link_max = self.output.link.frame_max();
        self.catching_up.frame_bytes = link_max
            .unwrap_or(CATCH_UP_FRAME_MIN_BYTES)
            .min(CATCH_UP_FRAME_MIN_BYTES);
    }

    /// Makes the next catch-up frame longer, after the kernel accepted one whole.
    pub(super) fn lengthen_frames(&mut self) {
        let link_max = self.output.link.frame_max();
        let longest = link_max.unwrap_or(CATCH_UP_FRAME_MAX_BYTES);
        let doubled = 2 * self.catching_up.frame_bytes;
        self.catching_up.frame_bytes = doubled.min(longest);
    }

    /// Whether it can be queued for catching up now. If so, it is marked as queued.
    pub(super) fn line_up_to_catch_up(&mut self) -> bool {
        let is_ready = !self.catching_up.subscriptions.is_empty()
            && !self.output.is_blocked()
            && !self.catching_up.is_in_line;
        self.catching_up.is_in_line |= is_ready;
        is_ready
    }
}

/// The subscriptions of a connection that are behind.
#[derive(Debug)]
pub(super) struct CatchingUp {
    /// Subscriptions that have work to do.
    pub(super) subscriptions: VecDeque<SubscriptionKey>,
    /// Whether the connection is in one of the shard's queues for catching up.
    pub(super) is_in_line: bool,
    /// Whether it comes back from the log: it gives way to others until it is live.
    pub(super) is_from_log: bool,
    /// Maximum length of the next frame, in bytes.
    pub(super) frame_bytes: usize,
    /// The age of what the last frame with updates brought.
    pub(super) sent_age: Option<SentAge>,
    /// The subscriptions that wait for the log, if any do.
    pub(super) log: Option<Box<WaitingForLog>>,
}

/// The subscriptions of a connection that wait for the log. It is asked for one of them at a time.
#[derive(Debug)]
pub(super) struct WaitingForLog {
    /// The position that was asked for.
    pub(super) from: Position,
    pub(super) subscriptions: Vec<SubscriptionKey>,
}

impl CatchingUp {
    /// Whether nothing is left to be sent.
    pub(super) fn is_done(&self) -> bool {
        self.subscriptions.is_empty() && self.log.is_none()
    }

    /// Forgets a subscription that has ended.
    pub(super) fn forget(&mut self, key: SubscriptionKey) {
        self.subscriptions.retain(|&other| other != key);
        if let Some(log) = &mut self.log {
            log.subscriptions.retain(|&other| other != key);
            if log.subscriptions.is_empty() {
                self.log = None;
            }
        }
    }

    /// The same for all of them.
    pub(super) fn forget_all(&mut self) {
        self.subscriptions.clear();
        self.log = None;
    }
}

/// The ages of the oldest and the newest update in a frame, when it was handed to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentAge {
    pub(super) oldest_ms: u64,
    pub(super) newest_ms: u64,
}

impl Default for CatchingUp {
    fn default() -> Self {
        Self {
            subscriptions: VecDeque::new(),
            is_in_line: false,
            is_from_log: false,
            frame_bytes: UNSENT_START_BYTES as usize,
            sent_age: None,
            log: None,
        }
    }
}

/// Times of past and future events of a connection, as uptime.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) received: Duration,
    /// Time of a ping that is not answered yet.
    pub(super) ping_sent: Option<Duration>,
    /// Time of the close frame that began the close handshake.
    pub(super) closing_since: Option<Duration>,
    /// Whether it was closed because its client did not read.
    pub(super) was_closed_unread: bool,
    /// Time at which a drain closes it.
    pub(super) close_due: Option<Duration>,
}

impl Times {
    fn new(uptime: Duration) -> Self {
        Self {
            received: uptime,
            ping_sent: None,
            closing_since: None,
            was_closed_unread: false,
            close_due: None,
        }
    }
}

/// A shard's connections.
#[derive(Debug)]
pub(crate) struct Connections<S> {
    slots: Keyed<Slot, Connection<S>>,
    /// Generation of the newest connection.
    generation: u32,
}

impl<S: Socket> Connections<S> {
    pub(super) fn new() -> Self {
        Self {
            slots: Keyed::new(),
            generation: 0,
        }
    }

    /// Adds a connection. `connection` builds it from its generation.
    pub(super) fn insert(
        &mut self,
        connection: impl FnOnce(u32) -> Connection<S>,
    ) -> ConnectionKey {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let slot = self.slots.insert(connection(generation));
        ConnectionKey { slot, generation }
    }

    /// Removes an existing connection.
    pub(super) fn remove(&mut self, key: ConnectionKey) {
        self.slots.remove(key.slot);
    }

    /// The connection, unless it has ended.
    pub(super) fn get(&mut self, key: ConnectionKey) -> Option<&mut Connection<S>> {
        let connection = self.slots.get_mut(key.slot);
        connection.filter(|connection| connection.generation == key.generation)
    }

    /// The same, to look at.
    pub(super) fn find(&self, key: ConnectionKey) -> Option<&Connection<S>> {
        let connection = self.slots.get(key.slot);
        connection.filter(|connection| connection.generation == key.generation)
    }

    /// The connection in a slot, if there is one.
    pub(super) fn in_slot(&mut self, slot: Slot) -> Option<&mut Connection<S>> {
        self.slots.get_mut(slot)
    }

    /// The key of the connection in a slot.
    pub(super) fn key(&self, slot: Slot) -> ConnectionKey {
        ConnectionKey {
            slot,
            generation: self.slots[slot].generation,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnectionKey, &Connection<S>)> {
        self.slots.iter().map(|(slot, connection)| {
            let generation = connection.generation;
            (ConnectionKey { slot, generation }, connection)
        })
    }

    /// The keys of the connections in one of several equal parts of the slots.
    pub(super) fn keys_of_part(&self, part: usize, parts: usize) -> Vec<ConnectionKey> {
        let slots = self.slots.keys_of_part(part, parts);
        slots.map(|slot| self.key(slot)).collect()
    }
}

impl<S> Index<Slot> for Connections<S> {
    type Output = Connection<S>;

    fn index(&self, slot: Slot) -> &Connection<S> {
        &self.slots[slot]
    }
}

impl<S> IndexMut<Slot> for Connections<S> {
    fn index_mut(&mut self, slot: Slot) -> &mut Connection<S> {
        &mut self.slots[slot]
    }
}
