//! Reads a client's WebSocket: checks its frames before they cost anything, and joins them to
//! messages.
//!
//! The files in reading order:
//!
//! * `inbound`: what the reader returns
//! * this file: [`MessageReader`], which uses fastwebsockets to parse frames
//! * `guard`: checks the bytes before fastwebsockets sees them
//!
//! This room knows no shard and no settings: a fuzz target runs it on any bytes.

mod guard;
mod inbound;
#[cfg(test)]
mod tests;

use std::io;

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Role, WebSocketError, after_handshake_split};
use guard::FrameGuard;
use tokio::io::AsyncRead;

pub use inbound::{Inbound, InboundError, Violation};

/// Reads a client's messages.
#[derive(Debug)]
pub struct MessageReader<R> {
    guard: FrameGuard<R>,
    /// The message whose last fragment has not arrived yet.
    partial: Option<Fragments>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// A reader of a stream whose first bytes, `read`, came with the handshake.
    pub fn new(stream: R, read: &Bytes, message_max_bytes: usize) -> Self {
        Self {
            guard: FrameGuard::new(stream, read, message_max_bytes),
            partial: None,
        }
    }

    /// Waits until [`next`](Self::next) can make progress, or the stream has ended.
    pub async fn readable(&mut self) {
        // A failing stream fails again in `next`, which reports the error.
        let _ = self.guard.fill().await;
    }

    /// Returns the next message or control frame. Not cancel-safe: a dropped call may have consumed
    /// half a frame.
    pub async fn next(&mut self) -> Result<Inbound, InboundError> {
        loop {
            if !self.guard.fill().await.map_err(|_| InboundError::Lost)? {
                return Err(InboundError::Lost);
            }
            let frame = self.read_frame().await?;
            if let Some(inbound) = self.take(frame).map_err(InboundError::Violation)? {
                return Ok(inbound);
            }
        }
    }

    async fn read_frame(&mut self) -> Result<OwnedFrame, InboundError> {
        let max = self.guard.message_max_bytes();
        let (mut reader, _) =
            after_handshake_split(&mut self.guard, tokio::io::empty(), Role::Server);
        reader.set_auto_close(false);
        reader.set_auto_pong(false);
        reader.set_max_message_size(max + 1);
        let mut send = |_: Frame<'_>| std::future::ready(Ok::<(), io::Error>(()));
        let error = match reader.read_frame(&mut send).await {
            Ok(frame) => {
                return Ok(OwnedFrame {
                    is_final: frame.fin,
                    opcode: frame.opcode,
                    payload: frame.payload.into(),
                });
            }
            Err(error) => error,
        };
        Err(match (self.guard.take_violation(), error) {
            (Some(violation), _) => InboundError::Violation(violation),
            (None, WebSocketError::IoError(_) | WebSocketError::UnexpectedEOF) => {
                InboundError::Lost
            }
            (None, WebSocketError::InvalidUTF8) => InboundError::Violation(Violation::NOT_UTF8),
            (None, _) => InboundError::Violation(Violation::protocol("the frame is malformed")),
        })
    }

    fn take(&mut self, frame: OwnedFrame) -> Result<Option<Inbound>, Violation> {
        let OwnedFrame {
            is_final,
            opcode,
            payload,
        } = frame;
        let mut partial = match opcode {
            OpCode::Ping => return Ok(Some(Inbound::Ping(payload))),
            OpCode::Pong => return Ok(Some(Inbound::Pong)),
            OpCode::Close => return Ok(Some(Inbound::Close(close_code(&payload)?))),
            OpCode::Text | OpCode::Binary => Fragments {
                is_text: opcode == OpCode::Text,
                bytes: payload,
            },
            OpCode::Continuation => {
                let Some(mut partial) = self.partial.take() else {
                    return Err(Violation::protocol(
                        "a continuation frame has no message to continue",
                    ));
                };
                partial.bytes.extend_from_slice(&payload);
                partial
            }
        };
        if !is_final {
            self.partial = Some(partial);
            return Ok(None);
        }
        let bytes = std::mem::take(&mut partial.bytes);
        match partial.is_text {
            true if std::str::from_utf8(&bytes).is_err() => Err(Violation::NOT_UTF8),
            true => Ok(Some(Inbound::Text(bytes))),
            false => Ok(Some(Inbound::Binary(bytes))),
        }
    }

    /// Reads and drops everything until the end of the stream.
    pub async fn discard(&mut self) {
        self.guard.discard().await;
    }
}

#[derive(Debug)]
struct OwnedFrame {
    is_final: bool,
    opcode: OpCode,
    payload: Vec<u8>,
}

/// The code in a close frame's payload, checked according to RFC 6455, sections 5.5.1 and 7.4.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let (code, reason) = match *payload {
        [] => return Ok(None),
        [_] => return Err(Violation::protocol("a close frame has one byte")),
        [high, low, ref reason @ ..] => (u16::from_be_bytes([high, low]), reason),
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::NOT_UTF8);
    }
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Some(code)),
        _ => Err(Violation::protocol("the close code is not allowed")),
    }
}
