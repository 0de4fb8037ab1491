//! A subscription: a connection's cursor into a channel.
//!
//! A subscription is live while its cursor is at the channel's last batch. A live subscription
//! costs only its entry in the channel's list. Otherwise it is [`Behind`], and one question finds
//! everything it needs: what has changed since its cursor?

use tickcast_protocol::message::Position;

use super::{
    behind::Behind,
    channel::Channel,
    keys::{ChannelKey, ConnectionKey},
};

/// One connection's subscription to one channel.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) connection: ConnectionKey,
    pub(super) channel: ChannelKey,
    pub(super) progress: Progress,
    /// Whether it is in its channel's list of subscriptions that wait for the next batch.
    pub(super) is_waiting: bool,
    /// Whether it has ended, and only keeps its key while it is in that list.
    pub(super) is_ended: bool,
}

/// How far a subscription has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// It has everything that the channel has sent. The number is its index in the channel's list
    /// of live subscriptions.
    Live(u32),
    /// It lacks some of it.
    Behind(Behind),
}

impl Subscription {
    /// The position up to which it was handed to the connection.
    pub(super) fn position(&self, channel: &Channel) -> Position {
        match &self.progress {
            Progress::Live(_) => channel.flushed(),
            Progress::Behind(behind) => behind.cursor,
        }
    }
}
