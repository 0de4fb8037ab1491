//! Why a WebSocket ends.

use std::io;

/// The content of a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// 1005 if the frame had no code.
    pub code: u16,
    /// The reason, for people.
    pub reason: String,
}

/// Why receiving a message failed. Each is final.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketError {
    /// The server sent a close frame.
    #[error("closed by the server: code {}{}", .0.code, after_comma(&.0.reason))]
    Closed(CloseFrame),
    /// The connection broke, or ended without a close frame.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server sent a frame that RFC 6455 forbids.
    #[error("{0}")]
    Frame(String),
    /// The server sent a message that is too long.
    #[error("a message of the server is too long (limit {max_bytes} bytes)")]
    TooLong {
        /// The longest message that is accepted.
        max_bytes: usize,
    },
}

fn after_comma(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(", {reason}"),
    }
}
