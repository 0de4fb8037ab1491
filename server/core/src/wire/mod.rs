//! Messages as bytes on the wire: each is one WebSocket frame, one server-sent event or one packet
//! of Socket.IO.
//!
//! Bytes that several clients receive alike are encoded once, into one buffer that all of them
//! share.
//!
//! The files in reading order:
//!
//! * this file: [`Wire`], the form of a client's messages
//! * `frame`: WebSocket frames, with their header, close, ping and pong
//! * `event`: server-sent events and their ids
//! * `place`: where a client is after a message, and the offsets of Socket.IO
//! * `socket_io`: packets of Socket.IO
//! * `batch`: encoded updates with one head in front
//! * `messages`: every other message
//!
//! This module writes bytes and decides nothing: it knows no shard and no connection.

mod batch;
mod event;
mod frame;
mod messages;
mod place;
mod socket_io;

use tickcast_protocol::codec::Encoding;

pub use batch::{BATCH_MAX_BYTES, BatchWriter};
pub use event::{event_id, parse_event_id};
pub use frame::{binary_header, close, close_answer, close_with, ping, pong, text_header};
pub use messages::{
    News, append_intervals, append_past, candles, history, message, message_at,
    message_with_offset, statuses, subscribed,
};
pub use place::{
    NO_OFFSET, OFFSET_PARTS_MAX, Offset, Place, joined_offset, parse_offset, subscription_name,
};
pub use socket_io::{NO_ACK, offset_of, text_frame, with_offset};

/// The encoding of a client's messages, and the framing around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Each message is one WebSocket frame.
    Frames(Encoding),
    /// Each message is one server-sent event in JSON. Its id is the client's position after it.
    Events,
    /// Each message is one packet of Socket.IO in JSON, in one WebSocket text frame.
    SocketIo,
}

impl Wire {
    /// The encoding of the messages.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Frames(encoding) => encoding,
            Self::Events | Self::SocketIo => Encoding::Json,
        }
    }
}

impl From<Encoding> for Wire {
    fn from(encoding: Encoding) -> Self {
        Self::Frames(encoding)
    }
}
