//! Messages as they go over the wire: WebSocket frames, header and payload in one buffer that can
//! be shared by all who get the same; or, for those without WebSocket, server-sent events.
//!
//! A server's frames are not masked (RFC 6455, section 5.1), so their bytes are the same for every
//! client.

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload};
use tickcast_protocol::{
    codec::{self, BatchHead, EncodedUpdates, Encoding, HistoryHead},
    error::CloseCode,
    message::{
        ChannelId, RequestId, Resume, ServerMessage, Statuses, SubscribeResult, TopicId, TopicInfo,
        TopicStatus,
    },
};

use crate::{history::Stretch, tape::append_as_json, topics::TopicState};

/// Longest header of a server's frame: 2 bytes and a 64-bit length (RFC 6455, section 5.2).
const HEADER_MAX_BYTES: usize = 10;

/// Room in front of a batch's updates for the frame's header and the batch's head. The longest
/// head without topics is JSON's: its fixed text and four numbers of at most 20 digits.
const HEAD_ROOM_BYTES: usize = 160;

/// In front of a message in an event stream. JSON as it is written here has no line breaks, so one
/// `data` field holds it (HTML Living Standard, section 9.2.5).
const EVENT_PREFIX: &[u8] = b"data: ";

/// What a client's messages are in, and what is around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// One WebSocket frame each.
    Frames(Encoding),
    /// One server-sent event each, in JSON. Its id is where the client is after it.
    Events,
}

impl Wire {
    /// The encoding of the messages.
    pub fn encoding(self) -> Encoding {
        match self {
            Self::Frames(encoding) => encoding,
            Self::Events => Encoding::Json,
        }
    }
}

impl From<Encoding> for Wire {
    fn from(encoding: Encoding) -> Self {
        Self::Frames(encoding)
    }
}

/// Where a subscription is, as the id of an event: `epoch:position:count:snapshot`, of which the
/// last two may be missing.
pub fn event_id(place: &Resume) -> String {
    let Resume {
        epoch,
        position,
        count,
        snapshot,
    } = place;
    let mut id = format!("{epoch}:{position}");
    if count.is_some() || snapshot.is_some() {
        id.push(':');
        id.extend(count.map(|count| count.to_string()));
    }
    if let Some(snapshot) = snapshot {
        id.push_str(&format!(":{snapshot}"));
    }
    id
}

/// Reads what [`event_id`] wrote.
pub fn parse_event_id(id: &str) -> Option<Resume> {
    let optional = |part: Option<&str>| match part {
        None | Some("") => Some(None),
        Some(number) => number.parse().ok().map(Some),
    };
    let mut parts = id.split(':');
    let place = Resume {
        epoch: parts.next()?.parse().ok()?,
        position: parts.next()?.parse().ok()?,
        count: optional(parts.next())?,
        snapshot: optional(parts.next())?,
    };
    parts.next().is_none().then_some(place)
}

fn event_end(place: Option<&Resume>) -> String {
    match place {
        Some(place) => format!("\nid: {}\n\n", event_id(place)),
        None => "\n\n".to_owned(),
    }
}

fn event(payload: &[u8], place: Option<&Resume>) -> Bytes {
    [EVENT_PREFIX, payload, event_end(place).as_bytes()]
        .concat()
        .into()
}

/// Room behind a batch's end that is not worth a copy. A slow client keeps its frame for long.
const SPARE_MAX_BYTES: usize = 16 * 1024;

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

/// A message that is no batch.
pub fn message(message: &ServerMessage<TopicId>, wire: Wire) -> Bytes {
    let payload = codec::encode_server(message, wire.encoding());
    match (wire, message) {
        (Wire::Frames(encoding), _) => framed(opcode(encoding), &payload),
        // Programs are not woken by a comment, and it keeps the connection alive all the same.
        (Wire::Events, ServerMessage::Heartbeat(_)) => [b": ", &*payload, b"\n\n"].concat().into(),
        (Wire::Events, ServerMessage::Subscribed(subscribed)) => {
            let accepted = subscribed.results.iter().find_map(|result| match result {
                SubscribeResult::Accepted(accepted) => Some(accepted),
                SubscribeResult::Refused(_) => None,
            });
            let place = accepted.map(|accepted| Resume {
                epoch: accepted.epoch,
                position: accepted.position,
                count: Some(accepted.count),
                snapshot: accepted.snapshot,
            });
            event(&payload, place.as_ref())
        }
        (Wire::Events, _) => event(&payload, None),
    }
}

/// A message after which a client is at another place.
pub fn message_to(message: &ServerMessage<TopicId>, place: &Resume, wire: Wire) -> Bytes {
    match wire {
        Wire::Frames(_) => self::message(message, wire),
        Wire::Events => event(&codec::encode_server(message, wire.encoding()), Some(place)),
    }
}

/// The status of topics as a frame. In bincode it introduces all of them, because it may come
/// before the batch that would; in JSON they are named in full.
pub fn statuses(channel: ChannelId, topics: &[&TopicState], wire: Wire) -> Bytes {
    match wire.encoding() {
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
            let payload = codec::encode_server_json(&message);
            match wire {
                Wire::Frames(_) => text(&payload),
                Wire::Events => event(&payload, None),
            }
        }
    }
}

/// A stretch of a topic's past, as the answer to a request.
pub fn history(id: RequestId, topic: Option<&TopicInfo>, stretch: &Stretch, wire: Wire) -> Bytes {
    let encoding = wire.encoding();
    let mut json = Vec::new();
    if let (Encoding::Json, Some(info)) = (encoding, topic) {
        for update in stretch.updates() {
            if !json.is_empty() {
                json.push(b',');
            }
            append_as_json(update, &info.topic, &mut json);
        }
    }
    let updates = EncodedUpdates {
        count: stretch.ends.len(),
        bytes: match encoding {
            Encoding::Bincode => &stretch.bincode,
            Encoding::Json => &json,
        },
    };
    let head = HistoryHead {
        id,
        topics: topic.map(std::slice::from_ref).unwrap_or_default(),
        more: stretch.more,
    };
    let mut payload = Vec::new();
    codec::append_history(&head, updates, encoding, &mut payload);
    match wire {
        Wire::Frames(encoding) => framed(opcode(encoding), &payload),
        Wire::Events => event(&payload, None),
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
    wire: Wire,
    /// [`HEAD_ROOM_BYTES`] of nothing, then the updates.
    buffer: Vec<u8>,
    updates: usize,
    /// Length of the last batch: the next one is often as long, and need not grow to it.
    last_len: usize,
}

impl BatchWriter {
    /// A batch without updates.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
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
        } else if self.wire.encoding() == Encoding::Json {
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

    /// Makes a batch of what was pushed, after which a client is at `place`, and is empty again.
    pub fn finish(&mut self, head: &BatchHead<'_>, place: &Resume) -> Bytes {
        let encoding = self.wire.encoding();
        let updates = std::mem::take(&mut self.updates);
        let mut buffer = std::mem::take(&mut self.buffer);
        if updates == 0 {
            buffer.resize(HEAD_ROOM_BYTES, 0);
        }
        buffer.extend_from_slice(codec::batch_tail(encoding));
        if self.wire == Wire::Events {
            buffer.extend_from_slice(event_end(Some(place)).as_bytes());
        }
        self.last_len = buffer.len();
        let mut batch_head = Vec::with_capacity(HEAD_ROOM_BYTES);
        codec::append_batch_head(head, updates, encoding, &mut batch_head);
        if batch_head.len() + HEADER_MAX_BYTES > HEAD_ROOM_BYTES {
            // Topics are introduced, which is rare: make a larger buffer.
            let missing = batch_head.len() + HEADER_MAX_BYTES - HEAD_ROOM_BYTES;
            buffer.splice(0..0, std::iter::repeat_n(0, missing));
        }
        let room = HEAD_ROOM_BYTES.max(batch_head.len() + HEADER_MAX_BYTES);
        let payload_start = room - batch_head.len();
        buffer[payload_start..room].copy_from_slice(&batch_head);
        let frame_head;
        let in_front = match self.wire {
            Wire::Frames(encoding) => {
                let (head, len) = header(opcode(encoding), &buffer[payload_start..]);
                frame_head = head;
                &frame_head[..len]
            }
            Wire::Events => EVENT_PREFIX,
        };
        let start = payload_start - in_front.len();
        buffer[start..payload_start].copy_from_slice(in_front);
        if buffer.capacity() - buffer.len() > SPARE_MAX_BYTES {
            buffer.shrink_to_fit();
        }
        Bytes::from(buffer).slice(start..)
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{message::Epoch, topic::Topic};

    use super::*;

    const PLACE: Resume = Resume {
        epoch: Epoch(0x18c5_04b1_f00d_0001),
        position: 4713,
        count: Some(615),
        snapshot: None,
    };

    #[test]
    fn a_batch_has_one_header_and_its_head_in_front_of_the_updates() {
        let topic = |id: u32| TopicInfo {
            id,
            topic: Topic::new(&"x".repeat(200)).unwrap(),
            unit: None,
        };
        for wire in [
            Wire::Frames(Encoding::Bincode),
            Wire::Frames(Encoding::Json),
            Wire::Events,
        ] {
            let encoding = wire.encoding();
            for topics in [vec![], vec![topic(1)], vec![topic(1), topic(2)]] {
                for updates in [0usize, 1, 2, 40_000] {
                    let head = BatchHead {
                        channel: u32::MAX,
                        from: u64::MAX - 1,
                        to: u64::MAX,
                        snapshot: false,
                        topics: &topics,
                    };
                    let mut writer = BatchWriter::new(wire);
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
                    let expected = match wire {
                        Wire::Frames(encoding) => framed(opcode(encoding), &payload),
                        Wire::Events => event(&payload, Some(&PLACE)),
                    };
                    assert_eq!(writer.finish(&head, &PLACE), expected);
                    assert_eq!(writer.updates(), 0);
                }
            }
        }
    }

    #[test]
    fn an_event_says_where_the_client_is_after_it() {
        let text = event(b"{}", Some(&PLACE));
        assert_eq!(text, "data: {}\nid: 18c504b1f00d0001:4713:615\n\n");
    }

    #[test]
    fn an_event_id_is_read_as_it_was_written() {
        for (count, snapshot, text) in [
            (None, None, "18c504b1f00d0001:4713"),
            (Some(615), None, "18c504b1f00d0001:4713:615"),
            (Some(615), Some(0), "18c504b1f00d0001:4713:615:0"),
            (None, Some(250), "18c504b1f00d0001:4713::250"),
        ] {
            let place = Resume {
                count,
                snapshot,
                ..PLACE
            };
            assert_eq!(event_id(&place), text);
            assert_eq!(parse_event_id(text), Some(place));
        }
        for wrong in [
            "",
            "18c504b1f00d0001",
            "18c504b1f00d0001:",
            "18c504b1f00d0001:-1",
            "18c5:1",
            "+8c504b1f00d0001:1",
            "18c504b1f00d0001:1:2:3:4",
            "18c504b1f00d0001:1:x",
        ] {
            assert_eq!(parse_event_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_long_close_reason_is_cut_at_a_character() {
        let frame = close(1000, &"é".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }
}
