//! Messages as finished WebSocket frames: header and payload in one buffer that can be shared by
//! all who get the same.
//!
//! A server's frames are not masked (RFC 6455, section 5.1), so their bytes are the same for every
//! client.

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload};
use tickcast_protocol::{
    codec::{self, BatchHead, Encoding},
    error::CloseCode,
    message::{ChannelId, ServerMessage, Statuses, TopicId, TopicStatus},
};

use crate::topics::TopicState;

/// Longest header of a server's frame: 2 bytes and a 64-bit length (RFC 6455, section 5.2).
const HEADER_MAX_BYTES: usize = 10;

/// Room in front of a batch's updates for the frame's header and the batch's head. The longest
/// head without topics is JSON's: its fixed text and four numbers of at most 20 digits.
const HEAD_ROOM_BYTES: usize = 160;

fn opcode(encoding: Encoding) -> OpCode {
    match encoding {
        Encoding::Bincode => OpCode::Binary,
        Encoding::Json => OpCode::Text,
    }
}

/// The header of an unmasked frame with this payload, and its length.
fn header(opcode: OpCode, payload: &[u8]) -> ([u8; 16], usize) {
    let mut head = [0; 16];
    let len = Frame::new(true, opcode, None, Payload::Borrowed(payload)).fmt_head(&mut head);
    (head, len)
}

fn framed(opcode: OpCode, payload: &[u8]) -> Bytes {
    let (head, len) = header(opcode, payload);
    let mut frame = Vec::with_capacity(len + payload.len());
    frame.extend_from_slice(&head[..len]);
    frame.extend_from_slice(payload);
    frame.into()
}

/// A message without updates as a frame.
pub fn message(message: &ServerMessage<TopicId>, encoding: Encoding) -> Bytes {
    framed(opcode(encoding), &codec::encode_server(message, encoding))
}

/// The status of topics as a frame. In bincode it introduces all of them, because it may come
/// before the batch that would; in JSON they are named in full.
pub fn statuses(channel: ChannelId, topics: &[&TopicState], encoding: Encoding) -> Bytes {
    match encoding {
        Encoding::Bincode => {
            let statuses = topics.iter().map(|topic| TopicStatus {
                topic: topic.info.id,
                status: topic.status,
                since_ns: topic.status_since_ns,
            });
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: topics.iter().map(|topic| topic.info.clone()).collect(),
                statuses: statuses.collect(),
            });
            binary(&codec::encode_server_bincode(&message))
        }
        Encoding::Json => {
            let statuses = topics.iter().map(|topic| TopicStatus {
                topic: topic.info.topic.clone(),
                status: topic.status,
                since_ns: topic.status_since_ns,
            });
            let message = ServerMessage::Status(Statuses {
                channel,
                topics: Vec::new(),
                statuses: statuses.collect(),
            });
            text(&codec::encode_server_json(&message))
        }
    }
}

/// A text message; the bytes must be UTF-8.
pub fn text(bytes: &[u8]) -> Bytes {
    framed(OpCode::Text, bytes)
}

/// A binary message.
pub fn binary(bytes: &[u8]) -> Bytes {
    framed(OpCode::Binary, bytes)
}

/// A ping without payload.
pub fn ping() -> Bytes {
    framed(OpCode::Ping, &[])
}

/// The answer to a ping.
pub fn pong(payload: &[u8]) -> Bytes {
    framed(OpCode::Pong, payload)
}

/// A close frame; the reason is cut to the 123 bytes that fit (RFC 6455, section 5.5.1).
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(123)]);
    framed(OpCode::Close, &payload)
}

/// The answer to a close frame: the same code, or none if it had none.
pub fn close_answer(code: Option<u16>) -> Bytes {
    match code {
        Some(code) => close(code, ""),
        None => framed(OpCode::Close, &[]),
    }
}

/// A close frame with a code of the registry.
pub fn close_with(code: CloseCode, reason: &str) -> Bytes {
    close(code.number(), reason)
}

/// Collects encoded updates and makes them a batch: the updates are copied once, the head is put
/// in front of them when it is known.
#[derive(Debug)]
pub struct BatchWriter {
    encoding: Encoding,
    /// [`HEAD_ROOM_BYTES`] of nothing, then the updates.
    buffer: Vec<u8>,
    updates: usize,
    /// Length of the last batch: the next one is often as long, and need not grow to it.
    last_len: usize,
}

impl BatchWriter {
    /// A batch without updates.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            buffer: Vec::new(),
            updates: 0,
            last_len: HEAD_ROOM_BYTES,
        }
    }

    /// Appends an encoded update.
    pub fn push(&mut self, update: &[u8]) {
        if self.updates == 0 {
            self.buffer.reserve(self.last_len);
            self.buffer.resize(HEAD_ROOM_BYTES, 0);
        } else if self.encoding == Encoding::Json {
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(update);
        self.updates += 1;
    }

    /// How many updates there are.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Bytes of the updates so far.
    pub fn len_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(HEAD_ROOM_BYTES)
    }

    /// Makes a frame of what was pushed, and is empty again.
    pub fn finish(&mut self, head: &BatchHead<'_>) -> Bytes {
        let updates = std::mem::take(&mut self.updates);
        let mut buffer = std::mem::take(&mut self.buffer);
        if updates == 0 {
            buffer.resize(HEAD_ROOM_BYTES, 0);
        }
        buffer.extend_from_slice(codec::batch_tail(self.encoding));
        self.last_len = buffer.len();
        let mut batch_head = Vec::with_capacity(HEAD_ROOM_BYTES);
        codec::append_batch_head(head, updates, self.encoding, &mut batch_head);
        if batch_head.len() + HEADER_MAX_BYTES > HEAD_ROOM_BYTES {
            // Topics are introduced, which is rare: make a larger buffer.
            let missing = batch_head.len() + HEADER_MAX_BYTES - HEAD_ROOM_BYTES;
            buffer.splice(0..0, std::iter::repeat_n(0, missing));
        }
        let room = HEAD_ROOM_BYTES.max(batch_head.len() + HEADER_MAX_BYTES);
        let payload_start = room - batch_head.len();
        buffer[payload_start..room].copy_from_slice(&batch_head);
        let (frame_head, len) = header(opcode(self.encoding), &buffer[payload_start..]);
        let start = payload_start - len;
        buffer[start..payload_start].copy_from_slice(&frame_head[..len]);
        Bytes::from(buffer).slice(start..)
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{message::TopicInfo, topic::Topic};

    use super::*;

    #[test]
    fn a_batch_has_one_header_and_its_head_in_front_of_the_updates() {
        let topic = |id: u32| TopicInfo {
            id,
            topic: Topic::new(&"x".repeat(200)).unwrap(),
            unit: None,
        };
        for encoding in [Encoding::Bincode, Encoding::Json] {
            for topics in [vec![], vec![topic(1)], vec![topic(1), topic(2)]] {
                for updates in [0usize, 1, 2, 40_000] {
                    let head = BatchHead {
                        channel: u32::MAX,
                        from: u64::MAX - 1,
                        to: u64::MAX,
                        snapshot: false,
                        topics: &topics,
                    };
                    let mut writer = BatchWriter::new(encoding);
                    for _ in 0..updates {
                        writer.push(b"{}");
                    }
                    let mut payload = Vec::new();
                    let body = match encoding {
                        Encoding::Bincode => "{}".repeat(updates),
                        Encoding::Json => vec!["{}"; updates].join(","),
                    };
                    let encoded = codec::EncodedUpdates {
                        count: updates,
                        bytes: body.as_bytes(),
                    };
                    codec::append_batch(&head, encoded, encoding, &mut payload);
                    assert_eq!(writer.finish(&head), framed(opcode(encoding), &payload));
                    assert_eq!(writer.updates(), 0);
                }
            }
        }
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = close(1000, &"é".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
