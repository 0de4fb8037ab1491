//! The headers of a client's frames (RFC 6455, section 5.2).
//!
//! A frame that RFC 6455 or a limit forbids is refused from its header alone, before its payload
//! costs anything. Nothing is kept per fragment.

use bytes::{Buf, BytesMut};
use tickcast_protocol::error::CloseCode;

use super::inbound::Violation;

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_MAX_BYTES: u64 = 125;

/// Empty fragments that a message may have in addition to one for each fragment with bytes. An
/// empty fragment costs the work of a header and brings the message no closer to its end. Fragments
/// with bytes need no bound: there are at most as many as the message may have bytes.
const EMPTY_FRAGMENTS_MAX: u32 = 1024;

/// Longest header: 2 bytes, a 64-bit length, and the mask.
const HEADER_MAX_BYTES: usize = 14;

/// The kind of a frame (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A frame whose header was accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub kind: FrameKind,
    pub is_final: bool,
    /// The mask of the next byte of payload, and of those after it.
    pub mask: [u8; 4],
    /// Bytes of payload that have not been read yet.
    pub rest: u64,
}

/// Reads headers, and checks each against the frames before it.
#[derive(Debug)]
pub(super) struct Headers {
    /// The bytes of an incomplete header.
    bytes: [u8; HEADER_MAX_BYTES],
    len: u8,
    /// The current message, unless its last fragment has begun.
    message: Option<Fragments>,
    message_max_bytes: u64,
}

/// The fragments of a message so far.
#[derive(Debug, Clone, Copy, Default)]
struct Fragments {
    bytes: u64,
    /// Fragments with bytes.
    filled: u32,
    empty: u32,
}

impl Headers {
    pub(super) fn new(message_max_bytes: usize) -> Self {
        Self {
            bytes: [0; HEADER_MAX_BYTES],
            len: 0,
            message: None,
            message_max_bytes: message_max_bytes as u64,
        }
    }

    /// Moves the bytes of a header from `pending`. Returns its frame if it is complete.
    pub(super) fn read(&mut self, pending: &mut BytesMut) -> Result<Option<Frame>, Violation> {
        while let Ok(byte) = pending.try_get_u8() {
            self.bytes[usize::from(self.len)] = byte;
            self.len += 1;
            // Checked at once, so that the error does not depend on how the bytes arrive.
            if self.len == 1 {
                kind(byte)?;
            } else if usize::from(self.len) == header_len(self.bytes[1]) {
                self.len = 0;
                return self.check().map(Some);
            }
        }
        Ok(None)
    }

    /// Checks a complete header.
    fn check(&mut self) -> Result<Frame, Violation> {
        let [first, second, ..] = self.bytes;
        let kind = kind(first)?;
        let is_final = first & 0x80 != 0;
        if second & 0x80 == 0 {
            return Err(Violation::protocol("a client's frames must be masked"));
        }
        let len = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]])),
            127 => {
                let mut len = [0; 8];
                len.copy_from_slice(&self.bytes[2..10]);
                u64::from_be_bytes(len)
            }
            len => len.into(),
        };
        if matches!(kind, FrameKind::Close | FrameKind::Ping | FrameKind::Pong) {
            check_control(is_final, len)?;
        } else {
            self.message = self.check_fragment(kind, is_final, len)?;
        }
        let mut mask = [0; 4];
        let end = header_len(second);
        mask.copy_from_slice(&self.bytes[end - 4..end]);
        Ok(Frame {
            kind,
            is_final,
            mask,
            rest: len,
        })
    }

    /// Returns the message that continues after this fragment.
    fn check_fragment(
        &self,
        kind: FrameKind,
        is_final: bool,
        len: u64,
    ) -> Result<Option<Fragments>, Violation> {
        let mut message = match (kind, self.message) {
            (FrameKind::Continuation, None) => {
                return Err(Violation::protocol(
                    "a continuation frame has no message to continue",
                ));
            }
            (FrameKind::Continuation, Some(message)) => message,
            (_, Some(_)) => {
                return Err(Violation::protocol(
                    "a message began before the previous one ended",
                ));
            }
            (_, None) => Fragments::default(),
        };
        message.bytes = message.bytes.saturating_add(len);
        if message.bytes > self.message_max_bytes {
            return Err(Violation::TOO_BIG);
        }
        if is_final {
            return Ok(None);
        }
        if len > 0 {
            message.filled = message.filled.saturating_add(1);
        } else {
            message.empty += 1;
        }
        if message.empty > message.filled.saturating_add(EMPTY_FRAGMENTS_MAX) {
            return Err(Violation {
                code: CloseCode::PolicyViolation,
                reason: "the message has too many empty fragments (limit 1024, and one for each \
                         fragment with bytes)",
            });
        }
        Ok(Some(message))
    }
}

fn check_control(is_final: bool, len: u64) -> Result<(), Violation> {
    if len > CONTROL_MAX_BYTES {
        return Err(Violation::protocol(
            "a control frame has more than 125 bytes",
        ));
    }
    if !is_final {
        return Err(Violation::protocol("a control frame is fragmented"));
    }
    Ok(())
}

/// The kind in a header's first byte. Reserved bits and unknown opcodes are refused.
fn kind(byte: u8) -> Result<FrameKind, Violation> {
    if byte & 0x70 != 0 {
        return Err(Violation::protocol("a reserved bit is set"));
    }
    match byte & 0x0f {
        0x0 => Ok(FrameKind::Continuation),
        0x1 => Ok(FrameKind::Text),
        0x2 => Ok(FrameKind::Binary),
        0x8 => Ok(FrameKind::Close),
        0x9 => Ok(FrameKind::Ping),
        0xa => Ok(FrameKind::Pong),
        _ => Err(Violation::protocol("the opcode is unknown")),
    }
}

/// Length of a header whose second byte is this one.
fn header_len(second: u8) -> usize {
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + mask
}
