//! Why a connection ends, or refuses a message.

use std::{fmt, io};

use crate::{
    client::topic_table::TopicTableError,
    codec::{CodecError, SERVER_MESSAGE_MAX_BYTES},
    error::CloseCode,
    websocket::{CloseFrame, OUTGOING_MAX_BYTES, WebSocketError},
};

/// The content of the server's close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// See [`CloseCode`]. 1005 if the frame had no code.
    pub code: u16,
    /// The reason, for people.
    pub reason: String,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CloseCode::from_number(self.code) {
            Some(code) => write!(f, "{code}")?,
            None => write!(f, "code {}", self.code)?,
        }
        if !self.reason.is_empty() {
            write!(f, ", {}", self.reason)?;
        }
        Ok(())
    }
}

/// Why receiving or sending a message failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The server sent a close frame.
    #[error("closed by the server: {0}")]
    Closed(CloseReason),
    /// The connection broke, or ended without a close frame.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server sent a frame that RFC 6455 forbids.
    #[error("{0}")]
    Frame(String),
    /// The server sent a message longer than [`SERVER_MESSAGE_MAX_BYTES`].
    #[error("a message of the server is too long (limit {SERVER_MESSAGE_MAX_BYTES} bytes)")]
    TooLong,
    /// The server sent a text frame where the subprotocol is binary, or a binary one where it is
    /// text.
    #[error("a text frame where the subprotocol is binary, or a binary frame where it is text")]
    WrongKind,
    /// The payload is not a message.
    #[error("{0}")]
    Codec(#[from] CodecError),
    /// A message names a topic that the client does not know.
    #[error("{0}")]
    Topic(#[from] TopicTableError),
    /// [`OUTGOING_MAX_BYTES`] are already waiting to be sent, so the message was refused.
    #[error("too many bytes are waiting to be sent (limit {OUTGOING_MAX_BYTES})")]
    OutgoingFull,
}

impl From<WebSocketError> for ConnectionError {
    fn from(error: WebSocketError) -> Self {
        match error {
            WebSocketError::Closed(CloseFrame { code, reason }) => {
                Self::Closed(CloseReason { code, reason })
            }
            WebSocketError::Io(error) => Self::Io(error),
            WebSocketError::Frame(reason) => Self::Frame(reason),
            WebSocketError::TooLong { .. } => Self::TooLong,
        }
    }
}
