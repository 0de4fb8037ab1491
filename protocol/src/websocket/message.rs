//! A message of the server.

use bytes::Bytes;

/// A message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whether it is a text. That it is UTF-8 is not checked.
    pub is_text: bool,
    /// Its bytes.
    pub payload: Bytes,
}
