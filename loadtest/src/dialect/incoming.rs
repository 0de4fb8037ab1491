//! What a client reads in any dialect, and in which role it connects.

use super::selection::TopicSelection;
use crate::schedule::Stamp;

/// The role in which a client connects.
#[derive(Debug, Clone, Copy)]
pub enum ClientRole {
    /// It publishes.
    Publisher,
    /// It subscribes to these topics.
    Subscriber(TopicSelection),
}

/// One part of a server's message.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A live update of this generator.
    Update(Stamp),
    /// An update of this generator in a snapshot.
    Snapshot(Stamp),
    /// The server announces that this many updates are lost.
    Lost(u64),
    /// The subscription is confirmed.
    Subscribed,
    /// Must be answered with [`Dialect::append_pong`](super::Dialect::append_pong).
    Ping,
    /// The server reports an error.
    Error(&'a str),
}
