//! Payloads of polls: the frames that the shard writes for a WebSocket, as packets of an HTTP
//! answer.
//!
//! The shard writes the same bytes whatever the transport is. In front of each text is the frame's
//! header, which becomes a separator here. Control frames become packets of Engine.IO.

use bytes::{Buf, BytesMut};

use super::packet::SEPARATOR;

/// Maximum number of packets in an answer: a client handles all of them before it polls again.
const PACKETS_MAX: usize = 256;

/// Opcodes (RFC 6455, section 11.8). Each message of the server is one frame.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// The mark of a 16-bit and of a 64-bit length in the header of a frame (section 5.2).
const LEN_16: u8 = 126;
const LEN_64: u8 = 127;

/// The payload of one poll.
#[derive(Debug, Default)]
pub(super) struct Payload {
    packets: usize,
    /// The kind of the frame under way, and the bytes that it still has.
    frame: Option<(u8, u64)>,
    is_closed: bool,
}

impl Payload {
    /// Moves what frames hold to the answer, as far as it goes: up to the end of a frame if the
    /// answer is full.
    pub(super) fn take(&mut self, frames: &mut BytesMut, out: &mut Vec<u8>) {
        while !self.is_full() || self.frame.is_some() {
            let (opcode, rest) = match self.frame {
                Some(frame) => frame,
                None => match header(frames) {
                    None => return,
                    Some((opcode, len)) => {
                        self.begin(opcode, out);
                        (opcode, len)
                    }
                },
            };
            let len = usize::try_from(rest).map_or(frames.len(), |rest| rest.min(frames.len()));
            if opcode == TEXT {
                out.extend_from_slice(&frames[..len]);
            }
            frames.advance(len);
            let rest = rest - len as u64;
            self.frame = (rest > 0).then_some((opcode, rest));
            if rest > 0 {
                return;
            }
        }
    }

    fn begin(&mut self, opcode: u8, out: &mut Vec<u8>) {
        match opcode {
            TEXT => self.separate(out),
            PING => {
                self.separate(out);
                out.push(b'2');
            }
            CLOSE => {
                self.separate(out);
                out.push(b'1');
                self.is_closed = true;
            }
            // Clients of HTTP send no pings that need an answer.
            _ => {}
        }
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        if self.packets > 0 {
            out.push(SEPARATOR as u8);
        }
        self.packets += 1;
    }

    /// Adds a packet that is no frame, such as a noop.
    pub(super) fn push(&mut self, packet: &str, out: &mut Vec<u8>) {
        self.separate(out);
        out.extend_from_slice(packet.as_bytes());
    }

    /// Whether no packet is under way.
    pub(super) fn is_whole(&self) -> bool {
        self.frame.is_none()
    }

    /// Whether it has a packet.
    pub(super) fn has_any(&self) -> bool {
        self.packets > 0
    }

    /// Whether the server has ended the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether nothing more goes into it.
    pub(super) fn is_full(&self) -> bool {
        self.packets >= PACKETS_MAX || self.is_closed
    }
}

/// Takes the header of the next frame, if all of it is there: opcode and length of the payload.
fn header(frames: &mut BytesMut) -> Option<(u8, u64)> {
    let (&first, &second) = (frames.first()?, frames.get(1)?);
    let (header, len) = match second {
        LEN_16 => (
            4,
            u64::from(u16::from_be_bytes(*frames.get(2..)?.first_chunk()?)),
        ),
        LEN_64 => (10, u64::from_be_bytes(*frames.get(2..)?.first_chunk()?)),
        short => (2, u64::from(short)),
    };
    frames.advance(header);
    Some((first & 0x0f, len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tickcast_core::wire;

    use super::*;

    #[test]
    fn control_frames_are_packets_of_engine_io() {
        let mut frames = BytesMut::new();
        for frame in [
            wire::text_frame(b"42[]"),
            wire::ping(),
            wire::pong(b"x"),
            wire::close(1012, "later"),
            wire::text_frame(b"never"),
        ] {
            frames.extend_from_slice(&frame);
        }
        let (mut payload, mut out) = (Payload::default(), Vec::new());
        payload.take(&mut frames, &mut out);
        assert_eq!(out, b"42[]\x1e2\x1e1");
        assert!(payload.is_closed() && payload.is_full() && payload.is_whole());
    }

    #[test]
    fn an_answer_has_a_bounded_number_of_packets() {
        let mut frames = BytesMut::new();
        for _ in 0..=PACKETS_MAX {
            frames.extend_from_slice(&wire::text_frame(b"x"));
        }
        let (mut payload, mut out) = (Payload::default(), Vec::new());
        payload.take(&mut frames, &mut out);
        assert_eq!(out.split(|&byte| byte == 0x1e).count(), PACKETS_MAX);
        assert_eq!(frames.len(), 3);
    }

    proptest! {
        #[test]
        fn frames_in_any_pieces_are_the_same_packets(
            texts in proptest::collection::vec(
                prop_oneof![
                    4 => proptest::collection::vec(b'a'..=b'z', 0..20),
                    1 => proptest::collection::vec(b'a'..=b'z', 120..130),
                    1 => proptest::collection::vec(b'a'..=b'z', 65_530..65_540),
                ],
                1..8,
            ),
            pieces in proptest::collection::vec(1usize..5_000, 1..20),
        ) {
            let all: Vec<u8> = texts.iter().flat_map(|text| wire::text_frame(text)).collect();
            let (mut payload, mut out) = (Payload::default(), Vec::new());
            let (mut rest, mut frames) = (all.as_slice(), BytesMut::new());
            for &piece in pieces.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at(piece.min(rest.len()));
                rest = later;
                frames.extend_from_slice(piece);
                payload.take(&mut frames, &mut out);
            }
            prop_assert!(payload.is_whole() && frames.is_empty());
            prop_assert_eq!(out, texts.join(&0x1e));
        }
    }
}
