//! All packets of a stream of bytes, for the fuzz target.

use bytes::{BufMut, Bytes};

use super::{super::version::MqttVersion, Frame, Frames, HEAD_MAX_BYTES, Malformed, Publish};

/// A packet of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walked {
    /// A message: its topic, its payload, and the number of its subscription identifiers.
    Message(Bytes, Bytes, usize),
    /// A message above the limit: its topic, and the length of the packet.
    TooLong(Bytes, usize),
    /// Another packet, as it is told in the log.
    Other(String),
}

/// Reads a stream that arrives in pieces of this length. Returns the packets, and why the stream
/// ends if one of them is malformed.
pub fn walk(
    version: MqttVersion,
    stream: &[u8],
    piece: usize,
    packet_max_bytes: usize,
) -> (Vec<Walked>, Option<Malformed>) {
    let mut frames = Frames::new(packet_max_bytes);
    let mut packets = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        frames.buffer().put_slice(piece);
        loop {
            match next(version, &mut frames) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break,
                Err(malformed) => return (packets, Some(malformed)),
            }
        }
        // What waits is a part of a packet, or the topic of one that is to be skipped.
        assert!(frames.rest().len() <= packet_max_bytes.max(HEAD_MAX_BYTES));
    }
    (packets, None)
}

fn next(version: MqttVersion, frames: &mut Frames) -> Result<Option<Walked>, Malformed> {
    let Some(frame) = frames.next()? else {
        return Ok(None);
    };
    Ok(Some(match frame {
        Frame::Message {
            packet,
            header_bytes,
        } => {
            let message = Publish::read(version, packet, header_bytes)?;
            Walked::Message(message.topic, message.payload, message.identifiers.len())
        }
        Frame::Other(packet) => Walked::Other(format!("{:?}", version.read(packet)?)),
        Frame::TooLong(skipped) => Walked::TooLong(skipped.head.topic, skipped.bytes),
    }))
}
