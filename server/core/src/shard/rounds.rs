//! The state of a shard's rounds: what must be written, and in which order.
//!
//! A round writes once to each connection that had unsent frames when the round began. A round has
//! several turns; see [`Shard::turn`](super::Shard::turn).

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    connection::Connection,
    connection::Connections,
    keys::{ChannelKey, ConnectionKey, Slot},
    socket::{Socket, WRITE_MANY_MAX, WriteMany, Written},
};

/// Approximate number of turns per round. More turns would give newer values to waiting
/// connections, but each turn may add one more frame to every connection.
const TURNS_PER_ROUND: usize = 4;

/// Minimum number of connections that a turn writes to: about 150 µs of work.
const TURN_WRITES_MIN: usize = 32;

/// Slots that are written to together.
pub(super) type Slots = SmallVec<[Slot; WRITE_MANY_MAX]>;

/// The state of a shard's rounds; see the module.
#[derive(Debug)]
pub(super) struct Rounds<S> {
    /// Channels whose open batch is closed in this turn or at the end of the round.
    pub(super) touched: Vec<ChannelKey>,
    /// Channels whose open batch is closed as far as the steps allow, in this order.
    pub(super) closing: VecDeque<ChannelKey>,
    /// Uptimes at which the next batches of paced channels are due.
    due: BinaryHeap<Reverse<(Duration, ChannelKey)>>,
    /// Connections with unsent updates or statuses, longest waiting first.
    line: VecDeque<Slot>,
    /// Number of these that the round must still write to.
    left: usize,
    /// Number of these that one turn of this round writes to.
    turn_writes: usize,
    turn_writes_min: usize,
    /// Number of rounds so far.
    number: usize,
    write_many: Option<Box<dyn WriteMany<S>>>,
    /// Connections with answers to write at the end of this call.
    answered: Vec<Slot>,
}

impl<S: Socket> Rounds<S> {
    pub(super) fn new() -> Self {
        Self {
            touched: Vec::new(),
            closing: VecDeque::new(),
            due: BinaryHeap::new(),
            line: VecDeque::new(),
            left: 0,
            turn_writes: 0,
            turn_writes_min: TURN_WRITES_MIN,
            number: 0,
            write_many: None,
            answered: Vec::new(),
        }
    }

    pub(super) fn set_turn_writes_min(&mut self, writes: usize) {
        self.turn_writes_min = writes;
    }

    pub(super) fn set_write_many(&mut self, write_many: Box<dyn WriteMany<S>>) {
        self.write_many = Some(write_many);
    }

    /// Sets a channel's timer.
    pub(super) fn set_due(&mut self, channel: ChannelKey, due: Duration) {
        self.due.push(Reverse((due, channel)));
    }

    /// The earliest timer, as uptime.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.due.peek().map(|&Reverse((due, _))| due)
    }

    /// Takes a channel whose timer has expired.
    pub(super) fn take_due(&mut self, uptime: Duration) -> Option<ChannelKey> {
        if self.next_due()? > uptime {
            return None;
        }
        self.due.pop().map(|Reverse((_, channel))| channel)
    }

    /// Forgets channels that were removed.
    pub(super) fn forget(&mut self, mut is_gone: impl FnMut(ChannelKey) -> bool) {
        self.touched.retain(|&channel| !is_gone(channel));
        self.closing.retain(|&channel| !is_gone(channel));
        self.due.retain(|&Reverse((_, channel))| !is_gone(channel));
    }

    /// Gives a connection a frame and queues it for a turn.
    pub(super) fn line_up(&mut self, slot: Slot, connection: &mut Connection<S>, frame: Bytes) {
        connection.output.push(frame);
        if !connection.output.is_in_line {
            connection.output.is_in_line = true;
            self.line.push_back(slot);
        }
    }

    /// Whether no connection is queued for a turn.
    pub(super) fn is_line_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Whether the round has written to every connection that had unsent frames when it began.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Changes which connection is first in the round, so that none is always last.
    pub(super) fn rotate(&mut self) {
        if !self.line.is_empty() {
            self.line.rotate_left(self.number % self.line.len());
            self.number = self.number.wrapping_add(1);
        }
    }

    /// Begins a turn, and a new round if the last one is over. Returns the number of connections
    /// that the turn writes to.
    pub(super) fn begin_turn(&mut self) -> usize {
        if self.left == 0 {
            self.left = self.line.len();
            let share = self.left.div_ceil(TURNS_PER_ROUND);
            self.turn_writes = share.max(self.turn_writes_min);
        }
        let writes = self.left.min(self.turn_writes);
        self.left -= writes;
        writes
    }

    /// Takes up to `max` connections off the queue. A connection is left out if it has ended or was
    /// written to since, for an answer. A connection that is queued twice is taken once.
    pub(super) fn take_line(&mut self, max: usize, connections: &mut Connections<S>) -> Slots {
        let mut slots = Slots::new();
        let max = max.min(self.line.len());
        for &slot in self.line.range(..max) {
            if let Some(connection) = connections.in_slot(slot)
                && std::mem::take(&mut connection.output.is_in_line)
            {
                slots.push(slot);
            }
        }
        self.line.drain(..max);
        slots
    }

    /// Writes to several connections at once, if there is a way to do so. Returns the number of
    /// bytes that each socket accepted.
    pub(super) fn write_many(&mut self, slots: &[Slot], connections: &Connections<S>) -> Written {
        let mut written = Written::new();
        if let Some(write_many) = &mut self.write_many {
            let unsent = |&slot: &Slot| connections[slot].output.unsent();
            let writes: SmallVec<[_; WRITE_MANY_MAX]> = slots.iter().map(unsent).collect();
            write_many.write_many(&writes, &mut written);
        }
        written.resize(slots.len(), 0);
        written
    }

    /// Records that a connection has an answer to write at the end of this call.
    pub(super) fn note_answered(&mut self, key: ConnectionKey) {
        self.answered.push(key.slot);
    }

    /// Takes the connections with answers to write. The caller [gives the list's memory
    /// back](Self::give_back).
    pub(super) fn take_answered(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.answered)
    }

    /// See [`take_answered`](Self::take_answered).
    pub(super) fn give_back(&mut self, mut answered: Vec<Slot>) {
        debug_assert!(self.answered.is_empty());
        answered.clear();
        self.answered = answered;
    }
}
