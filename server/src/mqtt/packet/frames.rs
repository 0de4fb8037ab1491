//! Packets from a stream of bytes. A message above the limit is skipped as it arrives, so that one
//! message does not end the connection, and the memory stays bounded.

use bytes::{Buf, Bytes, BytesMut};

use super::{Malformed, Publish};

/// Bytes that are read at once, at most: some hundreds of messages, and few enough to keep the
/// other tasks of the thread waiting for less than a millisecond.
const READ_BYTES: usize = 64 * 1024;

/// Less room than this is not worth a system call.
const ROOM_MIN_BYTES: usize = 4 * 1024;

/// Longest fixed header: the first byte and a length of four.
const HEADER_MAX_BYTES: usize = 5;

/// Longest topic with its length and a packet identifier.
const TOPIC_MAX_BYTES: usize = 2 + 65_535 + 2;

/// Longest part of a message that is kept before it is known to be too long.
pub(super) const HEAD_MAX_BYTES: usize = HEADER_MAX_BYTES + TOPIC_MAX_BYTES;

/// The first four bits of a message.
const PUBLISH: u8 = 3;

/// A packet, or what is left of it.
#[derive(Debug)]
pub(crate) enum Frame {
    Message { packet: Bytes, header_bytes: usize },
    Other(BytesMut),
    TooLong(Skipped),
}

/// A message above the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// All of it but its properties and its payload.
    pub(crate) head: Publish,
    /// Length of the packet.
    pub(crate) bytes: usize,
}

/// The bytes that have arrived.
#[derive(Debug)]
pub(crate) struct Frames {
    buffer: BytesMut,
    packet_max_bytes: usize,
    /// A message that is being skipped, and its bytes that have not arrived.
    skipping: Option<(Skipped, usize)>,
}

impl Frames {
    pub(crate) fn new(packet_max_bytes: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            packet_max_bytes,
            skipping: None,
        }
    }

    /// Where to put the next bytes. It has room.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < ROOM_MIN_BYTES {
            self.buffer.reserve(READ_BYTES);
        }
        &mut self.buffer
    }

    /// The bytes that are no whole packet yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// The next packet. `None` if more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        if let Some((_, left)) = &mut self.skipping {
            let arrived = (*left).min(self.buffer.len());
            self.buffer.advance(arrived);
            *left -= arrived;
            let whole = self.skipping.take_if(|(_, left)| *left == 0);
            return Ok(whole.map(|(skipped, _)| Frame::TooLong(skipped)));
        }
        let Some((header_bytes, bytes)) = self.lengths()? else {
            return Ok(None);
        };
        let first = self.buffer[0];
        if bytes > self.packet_max_bytes {
            return self.skip(first, header_bytes, bytes);
        }
        if self.buffer.len() < bytes {
            let missing = bytes - self.buffer.len();
            self.buffer.reserve(missing);
            return Ok(None);
        }
        let packet = self.buffer.split_to(bytes);
        Ok(Some(match first >> 4 {
            PUBLISH => Frame::Message {
                packet: packet.freeze(),
                header_bytes,
            },
            _ => Frame::Other(packet),
        }))
    }

    /// The lengths of the fixed header and of the packet.
    fn lengths(&self) -> Result<Option<(usize, usize)>, Malformed> {
        let mut length = 0;
        let bytes = self.buffer.iter().skip(1).take(HEADER_MAX_BYTES - 1);
        for (index, byte) in bytes.enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                let header_bytes = index + 2;
                return Ok(Some((header_bytes, header_bytes + length)));
            }
        }
        match self.buffer.len() >= HEADER_MAX_BYTES {
            true => Err("the length of a packet has more than four bytes".into()),
            false => Ok(None),
        }
    }

    fn skip(
        &mut self,
        first: u8,
        header_bytes: usize,
        bytes: usize,
    ) -> Result<Option<Frame>, Malformed> {
        if first >> 4 != PUBLISH {
            let max = self.packet_max_bytes;
            let kind = first >> 4;
            return Err(format!(
                "a packet of type {kind} has {bytes} bytes (limit {max}), and is no message that \
                 could be skipped: raise max_packet"
            ));
        }
        let head_max_bytes = (header_bytes + TOPIC_MAX_BYTES).min(bytes);
        let arrived = self.buffer.len().min(head_max_bytes);
        let mut head = Bytes::copy_from_slice(&self.buffer[header_bytes..arrived]);
        match Publish::head(first, &mut head) {
            Ok(head) => {
                // The slices of the buffer are copies already.
                self.skipping = Some((Skipped { head, bytes }, bytes));
                self.next()
            }
            Err(_) if arrived < head_max_bytes => Ok(None),
            Err(malformed) => Err(malformed),
        }
    }
}
