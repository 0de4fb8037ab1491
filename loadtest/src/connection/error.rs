//! Why a connection ended.

use std::io;

use crate::wire::websocket::WebSocketError;

/// See the module. `E` is the error of whatever handles the messages. The texts are short, because
/// reports count them by kind.
#[derive(Debug, thiserror::Error)]
pub enum ClientConnectionError<E> {
    /// It could not be opened.
    #[error("connect: {0}")]
    Connect(io::ErrorKind),
    /// The socket could not be read.
    #[error("read: {0}")]
    Read(io::ErrorKind),
    /// The socket could not be written to.
    #[error("write: {0}")]
    Write(io::ErrorKind),
    /// TLS failed.
    #[error("{0}")]
    Tls(String),
    /// The server closed the socket.
    #[error("closed without a close frame")]
    Eof,
    /// The server sent a close frame.
    #[error("close code {0}")]
    Closed(u16),
    /// The server violates RFC 6455, or refused the handshake.
    #[error("{0}")]
    WebSocket(#[from] WebSocketError),
    /// A message could not be handled.
    #[error("{0}")]
    Handler(E),
}
