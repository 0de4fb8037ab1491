//! What a decoder must know to recognise the type of a message before it decodes the message.

use super::limits::{CLIENT_MESSAGE_MAX_BYTES, SERVER_MESSAGE_MAX_BYTES};
use crate::message::{ClientMessage, ServerMessage};

/// A message with a type: in bincode a number in front, in JSON the member `type`.
pub(super) trait Tagged {
    /// The names of the types. The index is the number.
    const TYPES: &'static [&'static str];

    /// Longest message, in bytes of payload.
    const MAX_BYTES: usize;
}

impl Tagged for ClientMessage {
    const TYPES: &'static [&'static str] = Self::TYPES;
    const MAX_BYTES: usize = CLIENT_MESSAGE_MAX_BYTES;
}

impl<T> Tagged for ServerMessage<T> {
    const TYPES: &'static [&'static str] = Self::TYPES;
    const MAX_BYTES: usize = SERVER_MESSAGE_MAX_BYTES;
}
