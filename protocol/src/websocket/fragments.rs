//! Joins the fragments of a message (RFC 6455, section 5.4).

use bytes::BytesMut;
use fastwebsockets::OpCode;

use super::{error::WebSocketError, message::Message, reader::IncomingFrame};

/// Turns data frames into messages.
pub(super) struct Fragments {
    message_max_bytes: usize,
    /// Whether an incomplete message is a text, and its part so far.
    received: Option<(bool, BytesMut)>,
}

impl Fragments {
    pub(super) fn new(message_max_bytes: usize) -> Self {
        Self {
            message_max_bytes,
            received: None,
        }
    }

    /// Takes the first frame of a message. Returns the message if it is complete.
    pub(super) fn first(
        &mut self,
        frame: IncomingFrame,
    ) -> Result<Option<Message>, WebSocketError> {
        if self.received.is_some() {
            return Err(WebSocketError::Frame(
                "a message starts inside another message".into(),
            ));
        }
        let is_text = frame.opcode == OpCode::Text;
        if frame.fin {
            let payload = frame.payload.freeze();
            return Ok(Some(Message { is_text, payload }));
        }
        self.received = Some((is_text, frame.payload));
        Ok(None)
    }

    /// Takes a continuation frame. Returns the message if it is complete.
    pub(super) fn next(
        &mut self,
        frame: &IncomingFrame,
    ) -> Result<Option<Message>, WebSocketError> {
        let Some((_, received)) = &mut self.received else {
            return Err(WebSocketError::Frame(
                "a continuation frame without the start of a message".into(),
            ));
        };
        if received.len() + frame.payload.len() > self.message_max_bytes {
            return Err(WebSocketError::TooLong {
                max_bytes: self.message_max_bytes,
            });
        }
        received.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        Ok(self.received.take().map(|(is_text, received)| Message {
            is_text,
            payload: received.freeze(),
        }))
    }
}
