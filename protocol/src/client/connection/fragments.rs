//! Joins the fragments of a message (RFC 6455, section 5.4).

use bytes::{Bytes, BytesMut};
use fastwebsockets::OpCode;

use super::{error::ConnectionError, reader::IncomingFrame};
use crate::codec::{Encoding, SERVER_MESSAGE_MAX_BYTES};

/// Turns data frames into messages.
pub(super) struct Fragments {
    /// The opcode of a message's first frame.
    first_opcode: OpCode,
    /// The received part of an incomplete message.
    received: Option<BytesMut>,
}

impl Fragments {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            first_opcode: match encoding {
                Encoding::Bincode => OpCode::Binary,
                Encoding::Json => OpCode::Text,
            },
            received: None,
        }
    }

    /// Takes the first frame of a message. Returns the message if it is complete.
    pub(super) fn first(&mut self, frame: IncomingFrame) -> Result<Option<Bytes>, ConnectionError> {
        if frame.opcode != self.first_opcode {
            return Err(ConnectionError::WrongKind);
        }
        if self.received.is_some() {
            return Err(ConnectionError::Frame(
                "a message starts inside another message".into(),
            ));
        }
        if frame.fin {
            return Ok(Some(frame.payload.freeze()));
        }
        self.received = Some(frame.payload);
        Ok(None)
    }

    /// Takes a continuation frame. Returns the message if it is complete.
    pub(super) fn next(&mut self, frame: &IncomingFrame) -> Result<Option<Bytes>, ConnectionError> {
        let Some(received) = &mut self.received else {
            return Err(ConnectionError::Frame(
                "a continuation frame without the start of a message".into(),
            ));
        };
        if received.len() + frame.payload.len() > SERVER_MESSAGE_MAX_BYTES {
            return Err(ConnectionError::TooLong);
        }
        received.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        Ok(self.received.take().map(BytesMut::freeze))
    }
}
