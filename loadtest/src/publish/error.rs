//! Why publishing ended early.

use std::io;

use crate::{connection::ClientConnectionError, wire::mqtt};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The socket, or the operating system.
    #[error("publisher: {0}")]
    Io(#[from] io::Error),
    /// The connection to the server.
    #[error("publisher: {0}")]
    ClientConnection(#[from] ClientConnectionError<Refusal>),
    /// The broker's answer.
    #[error("publisher: {0}")]
    Mqtt(#[from] mqtt::ConnackError),
    /// Connecting takes too long.
    #[error("publisher: the server did not complete the handshake within {0} s")]
    Timeout(u64),
    /// The thread is gone.
    #[error("publisher: its thread has ended")]
    Lost,
}

/// The server refuses what is published, or sends a message that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server reports: {0}")]
pub struct Refusal(pub String);
