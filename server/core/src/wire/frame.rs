//! The server's WebSocket frames: header and payload in one buffer (RFC 6455, section 5.2).
//!
//! A server's frames are not masked (section 5.1), so their bytes are the same for every client.

use bytes::Bytes;
use tickcast_protocol::{codec::Encoding, error::CloseCode};

/// Longest header of a server's frame: 2 bytes and a 64-bit length.
pub(super) const HEADER_MAX_BYTES: usize = 10;

/// The bit that marks the last frame of a message. Here each message is one frame.
const FIN: u8 = 0x80;

/// Longest payload whose length fits into the second byte of the header.
const SHORT_MAX_BYTES: usize = 125;

/// Longest reason in a close frame: a control frame has at most 125 bytes of payload, and the code
/// takes 2 (RFC 6455, section 5.5).
const REASON_MAX_BYTES: usize = 123;

/// The kind of a frame (RFC 6455, section 11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl From<Encoding> for Opcode {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Bincode => Self::Binary,
            Encoding::Json => Self::Text,
        }
    }
}

/// The header of an unmasked frame.
#[derive(Debug)]
pub(super) struct Header {
    bytes: [u8; HEADER_MAX_BYTES],
    len: usize,
}

impl Header {
    /// The header of a frame with `payload_bytes` bytes of payload.
    pub(super) fn new(opcode: Opcode, payload_bytes: usize) -> Self {
        let mut bytes = [0; HEADER_MAX_BYTES];
        bytes[0] = FIN | opcode as u8;
        let len = if payload_bytes <= SHORT_MAX_BYTES {
            bytes[1] = payload_bytes as u8;
            2
        } else if let Ok(short) = u16::try_from(payload_bytes) {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&short.to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            10
        };
        Self { bytes, len }
    }

    /// Its bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

pub(super) fn framed(opcode: Opcode, payload: &[u8]) -> Bytes {
    let header = Header::new(opcode, payload.len());
    [header.as_bytes(), payload].concat().into()
}

/// The header of a text message with `payload_bytes` bytes of UTF-8.
pub fn text_header(payload_bytes: usize) -> Bytes {
    Bytes::copy_from_slice(Header::new(Opcode::Text, payload_bytes).as_bytes())
}

/// The header of a binary message with `payload_bytes` bytes.
pub fn binary_header(payload_bytes: usize) -> Bytes {
    Bytes::copy_from_slice(Header::new(Opcode::Binary, payload_bytes).as_bytes())
}

/// A ping without payload.
pub fn ping() -> Bytes {
    framed(Opcode::Ping, &[])
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Bytes {
    framed(Opcode::Pong, payload)
}

/// A close frame. A reason above 123 bytes is cut at a character boundary.
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    let end = reason.floor_char_boundary(REASON_MAX_BYTES);
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    framed(Opcode::Close, &payload)
}

/// The answer to a close frame: the same code, or no code if it had none.
pub fn close_answer(code: Option<u16>) -> Bytes {
    match code {
        Some(code) => close(code, ""),
        None => framed(Opcode::Close, &[]),
    }
}

/// A close frame with a registered code.
pub fn close_with(code: CloseCode, reason: &str) -> Bytes {
    close(code.number(), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_the_shortest_length_that_fits() {
        for (payload_bytes, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let header = Header::new(Opcode::Text, payload_bytes);
            assert_eq!(header.as_bytes(), expected, "{payload_bytes}");
        }
        assert_eq!(pong(b"x")[..], [0x8a, 1, b'x']);
        assert_eq!(text_header(126)[..], [0x81, 126, 0, 126]);
        assert_eq!(binary_header(1)[..], [0x82, 1]);
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character_boundary() {
        let frame = close(1000, &"é".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
