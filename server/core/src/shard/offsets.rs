//! Offsets: where a client of Socket.IO is with all its subscriptions, in one text that it brings
//! back when it reconnects.
//!
//! A batch says where its own channel is, and all subscribers share its bytes. A client with
//! several subscriptions gets a copy of them that says where it is with each. All of it follows
//! from what was handed to the connection, so nothing is kept for it.

use bytes::Bytes;
use tickcast_protocol::message::{ChannelId, Epoch, Mode, Position, Resume};

use super::{
    Shard,
    channel::Channel,
    connection::Connection,
    keys::{ConnectionKey, SubscriptionKey},
    socket::Socket,
    subscription::{Progress, Subscription},
};
use crate::{
    now::Now,
    wire::{self, OFFSET_PARTS_MAX, Offset, Place, Wire},
};

/// How much of what an offset stands for is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it: the client goes on without a loss.
    Whole,
    /// The tape has dropped some of it, which a log may have. What the log lacks is counted in a
    /// gap.
    BeyondTape {
        /// The first position that the client lacks.
        from: Position,
        /// The last position that the tape has dropped.
        until: Position,
    },
    /// The server has lost some of it in a power cut, which is counted in the answer.
    Partly,
    /// The offset is of an epoch that the current one does not continue, or from the future: the
    /// client begins anew.
    Nothing,
}

impl<S: Socket> Shard<S> {
    /// How much of what an offset stands for is still there.
    pub fn kept(&self, offset: &[Offset]) -> Kept {
        let mut whole = Kept::Whole;
        let mut is_partly = false;
        for part in offset {
            match self.kept_of(part) {
                Kept::Nothing => return Kept::Nothing,
                Kept::Partly => is_partly = true,
                Kept::BeyondTape { from, until } => {
                    let from = match whole {
                        Kept::BeyondTape { from: earlier, .. } => from.min(earlier),
                        _ => from,
                    };
                    whole = Kept::BeyondTape { from, until };
                }
                Kept::Whole => {}
            }
        }
        match is_partly {
            true => Kept::Partly,
            false => whole,
        }
    }

    fn kept_of(&self, part: &Offset) -> Kept {
        let Some(Resume {
            epoch, position, ..
        }) = part.request.resume
        else {
            return Kept::Nothing;
        };
        let until = self.tape.floor();
        match self.lineage.kept(epoch) {
            None => Kept::Nothing,
            Some(kept) if position > kept => Kept::Partly,
            Some(_) if position > self.tape.head() => Kept::Nothing,
            // Newest values come from no tape.
            Some(_) if position < until && part.mode == Mode::Every => Kept::BeyondTape {
                from: position + 1,
                until,
            },
            Some(_) => Kept::Whole,
        }
    }

    /// The channels of a connection's subscriptions to a filter.
    pub fn channels_of(&self, key: ConnectionKey, filter: &str) -> Vec<ChannelId> {
        let connection = self.connections.find(key);
        let subscriptions = connection.into_iter().flat_map(|it| &it.subscriptions);
        let channels = subscriptions.map(|&key| &self.channels[self.subscriptions[key].channel]);
        let of_filter = channels.filter(|channel| channel.spec.filter.as_str() == filter);
        of_filter.map(|channel| channel.key.id()).collect()
    }

    /// Sends a packet that is no message, such as a ping of Engine.IO.
    pub fn send_text(&mut self, key: ConnectionKey, packet: &str, now: Now) {
        self.send_control(key, wire::text_frame(packet.as_bytes()));
        self.flush_answers(now);
    }

    /// Where a client is with all its subscriptions; `None` if it does not bring that back.
    pub(super) fn offset(&self, key: ConnectionKey) -> Option<String> {
        let connection = &self.connections[key.slot];
        (connection.wire == Wire::SocketIo).then(|| self.offset_of(connection))
    }

    fn offset_of(&self, connection: &Connection<S>) -> String {
        let subscriptions = &connection.subscriptions;
        if subscriptions.len() > OFFSET_PARTS_MAX {
            return wire::NO_OFFSET.to_owned();
        }
        let parts = subscriptions.iter().map(|&key| self.place(key).part());
        let parts: Vec<String> = parts.collect();
        wire::joined_offset(parts.iter().map(String::as_str))
    }

    /// A frame that moves one subscription of a connection, as the connection gets it.
    #[inline]
    pub(super) fn moved(&self, connection: &Connection<S>, frame: &Bytes) -> Bytes {
        match connection.wire {
            Wire::SocketIo if connection.subscriptions.len() > 1 => {
                wire::with_offset(frame, &self.offset_of(connection))
            }
            _ => frame.clone(),
        }
    }

    fn place(&self, key: SubscriptionKey) -> Place {
        let subscription = &self.subscriptions[key];
        place(
            subscription,
            &self.channels[subscription.channel],
            self.lineage.epoch,
        )
    }
}

/// What was handed to a subscription's connection, and what it is subscribed to.
fn place(subscription: &Subscription, channel: &Channel, epoch: Epoch) -> Place {
    let (position, count, snapshot) = match &subscription.progress {
        Progress::Live(_) => {
            let is_whole = channel.closed_updates() == 0;
            let count = is_whole.then_some(channel.flushed_count());
            (channel.flushed(), count, None)
        }
        Progress::Behind(behind) => (
            behind.cursor,
            // Once newest values were sent, the count is of an earlier position.
            behind.count.filter(|_| behind.sent == 0),
            behind.snapshot.map(|range| range.after),
        ),
    };
    Place {
        resume: Resume {
            epoch,
            position,
            count,
            snapshot,
        },
        subscription: channel.name.clone(),
    }
}
