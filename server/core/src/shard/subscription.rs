//! A subscription: a connection's cursor into a channel.
//!
//! A subscription is live while its cursor is where the channel was last flushed; then it costs
//! nothing but its entry in the channel's list. Otherwise it is [`Behind`], and everything it needs
//! is found by one question: what changed since its cursor?

use tickcast_protocol::message::Position;

use super::{
    behind::Behind,
    channel::Channel,
    keys::{ChannelKey, ConnectionKey},
};

/// One connection's part in one channel.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) connection: ConnectionKey,
    pub(super) channel: ChannelKey,
    pub(super) progress: Progress,
}

/// How far a subscription is.
#[derive(Debug)]
pub(super) enum Progress {
    /// As far as the channel. Its index in the channel's list of live subscriptions.
    Live(u32),
    /// Less far.
    Behind(Behind),
}

impl Subscription {
    /// Up to where it has been handed to the connection.
    pub(super) fn position(&self, channel: &Channel) -> Position {
        match &self.progress {
            Progress::Live(_) => channel.flushed(),
            Progress::Behind(behind) => behind.cursor,
        }
    }
}
