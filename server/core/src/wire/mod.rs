//! Messages as bytes on the wire: each is one WebSocket frame or one server-sent event.
//!
//! Bytes that several clients receive alike are encoded once, into one buffer that all of them
//! share.
//!
//! The files in reading order:
//!
//! * this file: [`Wire`], the form of a client's messages
//! * `frame`: WebSocket frames, with their header, close, ping and pong
//! * `event`: server-sent events and their ids
//! * `batch`: encoded updates with one head in front
//! * `messages`: every other message
//!
//! This module writes bytes and decides nothing: it knows no shard and no connection.

mod batch;
mod event;
mod frame;
mod messages;

use tickcast_protocol::codec::Encoding;

pub use batch::{BatchInParts, BatchWriter};
pub use event::{event_id, parse_event_id};
pub use frame::{binary_header, close, close_answer, close_with, ping, pong, text_header};
pub use messages::{
    News, append_intervals, append_past, candles, history, message, message_at, statuses,
    subscribed,
};

/// The encoding of a client's messages, and the framing around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Each message is one WebSocket frame.
    Frames(Encoding),
    /// Each message is one server-sent event in JSON. Its id is the client's position after it.
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
