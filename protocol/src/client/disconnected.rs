//! Why a client lost its connection, and whether it tries again.

use std::time::Duration;

use super::connection::CloseReason;

/// See [`Event::Disconnected`](super::Event::Disconnected).
#[derive(Debug, Clone, PartialEq)]
pub struct Disconnected {
    /// What ended the connection, or the attempt to connect.
    pub why: Why,
    /// When the next attempt starts. `None`: the client has ended, and no more events follow.
    pub retry_in: Option<Duration>,
}

/// What ended a connection, or the attempt to connect. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The attempt to connect failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// There is no token to connect with: the source has none, or only one that the server has
    /// refused.
    #[error("cannot log in: {0}")]
    NoToken(String),
    /// The server closed the connection.
    #[error("the server closed the connection: {0}")]
    Closed(CloseReason),
    /// The caller closed the connection.
    #[error("closed")]
    ByCaller,
    /// The server asked its clients to leave.
    #[error("the server is draining")]
    Draining,
    /// The server sent nothing for this long, so it or the network must be dead.
    #[error("the server sent nothing for {0:?}")]
    Silent(Duration),
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The server violated the protocol.
    #[error("the server violated the protocol: {0}")]
    Protocol(String),
}

impl Disconnected {
    /// The close code, if the server sent one.
    pub fn close_code(&self) -> Option<u16> {
        match &self.why {
            Why::Closed(reason) => Some(reason.code),
            _ => None,
        }
    }
}
