//! Why bytes are not a message.

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not follow the encoding.
    #[error("{0}")]
    Malformed(String),
    /// The message type is not known: a number in bincode, a string with quotes in JSON.
    #[error("unknown message type {0}")]
    UnknownMessage(String),
    /// There are bytes after the message.
    #[error("{0} trailing bytes after the message")]
    TrailingBytes(usize),
    /// The message is longer than any message may be.
    #[error("the message has {actual} bytes (limit {limit})")]
    TooLong {
        /// Bytes of the message.
        actual: usize,
        /// Bytes allowed.
        limit: usize,
    },
}
