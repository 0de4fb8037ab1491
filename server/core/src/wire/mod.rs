//! Messages as bytes on the wire: one WebSocket frame or one server-sent event each.
//!
//! What several clients get alike is one buffer that all of them share.

mod batch;
mod event;
mod frame;
mod messages;

use tickcast_protocol::codec::Encoding;

pub use batch::BatchWriter;
pub use event::{event_id, parse_event_id};
pub use frame::{binary, close, close_answer, close_with, ping, pong, text};
pub use messages::{StatusRow, history, message, message_at, statuses};

/// The encoding of a client's messages, and what is around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// One WebSocket frame each.
    Frames(Encoding),
    /// One server-sent event each, in JSON. Its id says where the client is after it.
    Events,
}

impl Wire {
    /// The encoding of the messages.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Frames(encoding) => encoding,
            Self::Events => Encoding::Json,
        }
    }
}

impl From<Encoding> for Wire {
    fn from(encoding: Encoding) -> Self {
        Self::Frames(encoding)
    }
}
