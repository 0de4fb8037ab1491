//! Batches: encoded updates with one head in front, in one buffer that all subscribers share.

use bytes::Bytes;
use tickcast_protocol::{
    codec::{self, BatchHead, Encoding},
    message::TopicInfo,
};

use super::{
    Wire,
    event::{EVENT_PREFIX, event_end},
    frame::{HEADER_MAX_BYTES, Header, Opcode},
    place::Place,
    socket_io::{BATCH_PREFIX, append_event_end},
};

/// An open batch is closed when its updates and topics have this many bytes. Many client libraries
/// take messages of 1 MiB unless they are told otherwise, and the update that reaches the limit may
/// have 64 KiB.
pub const BATCH_MAX_BYTES: usize = 960 * 1024;

/// Space in front of a batch's head for the frame's header and the prefix of Socket.IO, which is
/// longer than that of an event.
const FRONT_MAX_BYTES: usize = HEADER_MAX_BYTES + BATCH_PREFIX.len();

/// Space in front of a batch's updates for all of these and the batch's head. The longest head
/// without topics is the one in JSON: its fixed text and four numbers of at most 20 digits.
const HEAD_ROOM_BYTES: usize = 160;

/// Largest spare capacity after a batch's end that is not worth a copy. A slow client keeps its
/// frame for a long time.
const SPARE_MAX_BYTES: usize = 16 * 1024;

/// Collects encoded updates and builds a batch from them. The updates are copied once; the head is
/// written in front of them when it is known.
#[derive(Debug)]
pub struct BatchWriter {
    wire: Wire,
    /// The topics that the batch introduces, encoded.
    topics: Vec<u8>,
    /// Their number.
    introduced: usize,
    /// [`HEAD_ROOM_BYTES`] zeros, then the updates.
    buffer: Vec<u8>,
    updates: usize,
    /// Length of the previous batch: the next one is often as long, so its buffer need not grow.
    last_len: usize,
}

impl BatchWriter {
    /// An empty batch.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            topics: Vec::new(),
            introduced: 0,
            buffer: Vec::new(),
            updates: 0,
            last_len: HEAD_ROOM_BYTES,
        }
    }

    /// Introduces a topic.
    pub fn introduce(&mut self, topic: &TopicInfo) {
        let encoding = self.wire.encoding();
        codec::append_batch_topic(topic, self.introduced, encoding, &mut self.topics);
        self.introduced += 1;
    }

    /// Number of topics introduced so far.
    pub fn introduced(&self) -> usize {
        self.introduced
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

    /// Number of updates so far.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Bytes of the updates so far, and of the topics that are introduced.
    pub fn len_bytes(&self) -> usize {
        self.topics.len() + self.buffer.len().saturating_sub(HEAD_ROOM_BYTES)
    }

    /// Builds a batch from what it was given, and leaves the writer empty. The topics are those
    /// that were introduced, not those of the head. A client that has received the batch resumes at
    /// `place`.
    pub fn finish(&mut self, head: &BatchHead<'_>, place: &Place) -> Bytes {
        let encoding = self.wire.encoding();
        let updates = std::mem::take(&mut self.updates);
        let introduced = std::mem::take(&mut self.introduced);
        let topics = std::mem::take(&mut self.topics);
        let mut buffer = std::mem::take(&mut self.buffer);
        if updates == 0 {
            buffer.resize(HEAD_ROOM_BYTES, 0);
        }
        append_tail(self.wire, place, &mut buffer);
        let mut start = Vec::with_capacity(HEAD_ROOM_BYTES);
        codec::append_batch_start(head, introduced, encoding, &mut start);
        let mut payload_start = FRONT_MAX_BYTES;
        if introduced == 0 {
            codec::append_batch_count(introduced, updates, encoding, &mut start);
            payload_start = HEAD_ROOM_BYTES - start.len();
            buffer[payload_start..HEAD_ROOM_BYTES].copy_from_slice(&start);
        } else {
            // Topics are rare, and there is no room for them in front of the updates.
            let mut whole = Vec::with_capacity(HEAD_ROOM_BYTES + topics.len() + buffer.len());
            whole.resize(FRONT_MAX_BYTES, 0);
            whole.extend_from_slice(&start);
            whole.extend_from_slice(&topics);
            codec::append_batch_count(introduced, updates, encoding, &mut whole);
            whole.extend_from_slice(&buffer[HEAD_ROOM_BYTES..]);
            buffer = whole;
        }
        self.last_len = buffer.len();
        with_header(self.wire, buffer, payload_start)
    }
}

/// Appends the end of a batch.
fn append_tail(wire: Wire, place: &Place, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(codec::batch_tail(wire.encoding()));
    match wire {
        Wire::Frames(_) => {}
        Wire::Events => buffer.extend_from_slice(event_end(Some(&place.resume)).as_bytes()),
        Wire::SocketIo => append_event_end(Some(&place.part()), buffer),
    }
}

/// Writes the frame's header in front of the payload, and returns both.
fn with_header(wire: Wire, mut buffer: Vec<u8>, mut payload_start: usize) -> Bytes {
    if wire == Wire::SocketIo {
        let payload = payload_start;
        payload_start -= BATCH_PREFIX.len();
        buffer[payload_start..payload].copy_from_slice(BATCH_PREFIX);
    }
    let header;
    let in_front = match wire {
        Wire::Frames(encoding) => {
            header = Header::new(encoding.into(), buffer.len() - payload_start);
            header.as_bytes()
        }
        Wire::Events => EVENT_PREFIX,
        Wire::SocketIo => {
            header = Header::new(Opcode::Text, buffer.len() - payload_start);
            header.as_bytes()
        }
    };
    let start = payload_start - in_front.len();
    buffer[start..payload_start].copy_from_slice(in_front);
    if buffer.capacity() - buffer.len() > SPARE_MAX_BYTES {
        buffer.shrink_to_fit();
    }
    Bytes::from(buffer).slice(start..)
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        message::{Epoch, Resume},
        topic::Topic,
    };

    use super::*;
    use crate::wire::{event::event, frame::framed, socket_io::packet};

    fn place() -> Place {
        Place {
            resume: Resume {
                epoch: Epoch(0x18c5_04b1_f00d_0001),
                position: 4713,
                count: Some(615),
                snapshot: None,
            },
            subscription: Some("e~market/#".into()),
        }
    }

    #[test]
    fn the_length_is_that_of_the_updates_and_the_topics() {
        for (wire, expected) in [(Encoding::Bincode, [0, 3, 5]), (Encoding::Json, [0, 3, 6])] {
            let mut writer = BatchWriter::new(Wire::Frames(wire));
            let mut lens = vec![writer.len_bytes()];
            for update in ["abc", "de"] {
                writer.push(update.as_bytes());
                lens.push(writer.len_bytes());
            }
            assert_eq!(lens, expected);
            writer.introduce(&TopicInfo::new(1, Topic::new("a/b").unwrap()));
            let topic = writer.len_bytes() - expected[2];
            assert!(topic > "a/b".len(), "{topic}");
        }
    }

    #[test]
    fn a_batch_keeps_16_kib_of_spare_memory_at_most() {
        let head = BatchHead {
            channel: 1,
            from: 1,
            to: 2,
            snapshot: false,
            topics: &[],
        };
        for (spare, is_kept) in [(0, true), (16_384, true), (16_385, false), (1 << 20, false)] {
            let mut writer = BatchWriter::new(Wire::Frames(Encoding::Bincode));
            // The second batch has as much memory as the first one.
            writer.push(&vec![7; 100 + spare]);
            writer.finish(&head, &place());
            writer.push(&[7; 100]);
            let batch = writer.finish(&head, &place());
            let len = batch.len();
            let batch = batch.try_into_mut().expect("no other owner");
            let expected = if is_kept { spare } else { 0 };
            assert_eq!(batch.capacity() - len, expected, "{spare}");
        }
    }

    #[test]
    fn a_batch_has_one_header_and_its_head_in_front_of_the_updates() {
        let topic = |id: u32| TopicInfo::new(id, Topic::new(&"x".repeat(200)).unwrap());
        for wire in [
            Wire::Frames(Encoding::Bincode),
            Wire::Frames(Encoding::Json),
            Wire::Events,
            Wire::SocketIo,
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
                    topics.iter().for_each(|topic| writer.introduce(topic));
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
                        Wire::Frames(encoding) => framed(encoding.into(), &payload),
                        Wire::Events => event(&payload, Some(&place().resume)),
                        Wire::SocketIo => packet(&payload, Some(&place())),
                    };
                    assert_eq!(writer.finish(&head, &place()), expected);
                    assert_eq!(writer.updates(), 0);
                }
            }
        }
    }
}
