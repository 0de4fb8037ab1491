//! Everything known about topics: infos, seqs, statuses and newest updates. A segment begins with
//! it, so it can be read without those before it.

use tickcast_core::tape::StatusChange;
use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{Quality, Seq, Status, TimeNs, TopicInfo},
};

use super::{
    bytes::{Reader, append_counted, append_counted_by, append_varint, varint_bytes},
    record::{RecordHeader, append_record},
    strip::{status_byte, status_of},
};

/// Length at which a part of the topics is closed, so that it can be written and read in steps.
const PART_BYTES: usize = 64 * 1024;

/// Topics of a page. The bytes of each page are known, so that parts are found without a look at
/// each topic.
const PAGE_TOPICS: usize = 64;

/// Bytes of a status and of the time since when.
const STATUS_BYTES: usize = 1 + size_of::<TimeNs>();

/// What is known about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Its number, name, unit and so on.
    pub info: TopicInfo,
    /// Seq of its last update.
    pub seq: Seq,
    /// Its status.
    pub status: Status,
    /// Since when.
    pub since_ns: TimeNs,
    /// Its newest update as it is on the tape; empty if there is none.
    pub newest: Vec<u8>,
}

/// All topics, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topics {
    list: Vec<TopicState>,
    /// Bytes of each topic's info in a segment.
    info_bytes: Vec<usize>,
    /// Bytes of each page of topics in a segment.
    page_bytes: Vec<usize>,
    bytes: usize,
}

/// A part of all topics, which is a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The number after its last topic.
    pub(crate) end: usize,
    /// Bytes of its body.
    pub(crate) bytes: usize,
}

impl Topics {
    /// The topics in the order of their numbers.
    pub fn list(&self) -> &[TopicState] {
        &self.list
    }

    /// Bytes that they take in a segment, besides the headers of records.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The topics of a server, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// If they are in another order.
    pub fn new(topics: impl IntoIterator<Item = TopicState>) -> Result<Self, String> {
        let mut all = Self::default();
        topics.into_iter().try_for_each(|topic| all.push(topic))?;
        Ok(all)
    }

    fn push(&mut self, topic: TopicState) -> Result<(), String> {
        if topic.info.id as usize != self.list.len() {
            let (id, expected) = (topic.info.id, self.list.len());
            return Err(format!("topic {id} is introduced, and {expected} is next"));
        }
        let index = self.list.len();
        self.info_bytes.push(info_bytes(&topic.info));
        self.list.push(topic);
        let bytes = self.bytes_of(index);
        self.bytes += bytes;
        match self.page_bytes.get_mut(index / PAGE_TOPICS) {
            Some(page) => *page += bytes,
            None => self.page_bytes.push(bytes),
        }
        Ok(())
    }

    /// Bytes of a topic in a segment.
    fn bytes_of(&self, index: usize) -> usize {
        let topic = &self.list[index];
        let newest = topic.newest.len();
        let lengths = varint_bytes(topic.seq) + varint_bytes(newest as u64);
        self.info_bytes[index] + lengths + STATUS_BYTES + newest
    }

    /// Changes a topic, and what is known about its bytes.
    fn change_topic(&mut self, index: usize, change: impl FnOnce(&mut TopicState, &mut usize)) {
        let before = self.bytes_of(index);
        change(&mut self.list[index], &mut self.info_bytes[index]);
        let after = self.bytes_of(index);
        for bytes in [&mut self.bytes, &mut self.page_bytes[index / PAGE_TOPICS]] {
            *bytes = *bytes + after - before;
        }
    }

    /// The parts in which they are written. There is at least one.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut part = Part { end: 0, bytes: 0 };
        let mut add = |end, bytes| {
            part.end = end;
            part.bytes += bytes;
            if part.bytes >= PART_BYTES {
                parts.push(part);
                part.bytes = 0;
            }
        };
        for (page, bytes) in self.page_bytes.iter().enumerate() {
            let first = page * PAGE_TOPICS;
            let end = self.list.len().min(first + PAGE_TOPICS);
            match *bytes < PART_BYTES {
                true => add(end, *bytes),
                // Each of its topics may be as long as a part.
                false => (first..end).for_each(|index| add(index + 1, self.bytes_of(index))),
            }
        }
        if part.bytes > 0 || parts.is_empty() {
            parts.push(part);
        }
        parts
    }

    /// Introduces a topic, or takes what else is known about one.
    ///
    /// # Errors
    ///
    /// If topics before it are missing, or if it has another name.
    pub fn introduce(&mut self, info: &TopicInfo) -> Result<(), String> {
        let Some(known) = self.list.get(info.id as usize) else {
            return self.push(TopicState {
                info: info.clone(),
                seq: 0,
                status: Status::Live,
                since_ns: 0,
                newest: Vec::new(),
            });
        };
        if known.info.topic != info.topic {
            let (id, old, new) = (info.id, &known.info.topic, &info.topic);
            return Err(format!("topic {id} is {old}, and is introduced as {new}"));
        }
        self.change_topic(info.id as usize, |known, bytes| {
            known.info = info.clone();
            *bytes = info_bytes(info);
        });
        Ok(())
    }

    /// Changes a status.
    ///
    /// # Errors
    ///
    /// If there is no such topic.
    pub fn change(&mut self, change: &StatusChange) -> Result<(), String> {
        let known = self.list.get_mut(change.topic as usize);
        let known = known.ok_or_else(|| unknown(change.topic))?;
        (known.status, known.since_ns) = (change.status, change.since_ns);
        Ok(())
    }

    /// Takes an update.
    ///
    /// # Errors
    ///
    /// If there is no such topic, or an update of it is missing.
    pub fn update(&mut self, head: &UpdateHead, bytes: &[u8]) -> Result<(), String> {
        let known = self.list.get(head.topic as usize);
        let known = known.ok_or_else(|| unknown(head.topic))?;
        if head.seq <= known.seq {
            let (topic, last, seq) = (&known.info.topic, known.seq, head.seq);
            return Err(format!("{topic} has seq {seq} after seq {last}"));
        }
        self.change_topic(head.topic as usize, |known, _| {
            known.seq = head.seq;
            // A historical value is the newest one only if there is no other.
            if head.quality != Quality::Historical || known.newest.is_empty() {
                known.newest.clear();
                known.newest.extend_from_slice(bytes);
            }
        });
        Ok(())
    }
}

fn unknown(topic: u32) -> String {
    format!("topic {topic} was not introduced")
}

/// Bytes of a topic's info in a segment.
fn info_bytes(info: &TopicInfo) -> usize {
    let mut encoded = Vec::new();
    codec::append_topic_bincode(info, &mut encoded);
    varint_bytes(encoded.len() as u64) + encoded.len()
}

/// Appends all topics as records. There is at least one record.
pub(crate) fn append_topics(
    topics: &Topics,
    header: RecordHeader,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut first = 0;
    for part in topics.parts() {
        let states = topics.list[first..part.end].iter();
        append_part(states, part.end == topics.list.len(), header, out)?;
        first = part.end;
    }
    Some(())
}

/// Appends a part of the topics as a record.
pub(crate) fn append_part<'a>(
    topics: impl ExactSizeIterator<Item = &'a TopicState>,
    is_last: bool,
    header: RecordHeader,
    out: &mut Vec<u8>,
) -> Option<RecordHeader> {
    let header = RecordHeader {
        is_last,
        count: topics.len() as u32,
        ..header
    };
    let mut scratch = Vec::new();
    append_record(header, out, |out| {
        topics.for_each(|topic| append_topic(topic, &mut scratch, out));
    })
}

fn append_topic(topic: &TopicState, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    append_counted_by(scratch, out, |out| {
        codec::append_topic_bincode(&topic.info, out);
    });
    append_varint(topic.seq, out);
    out.push(status_byte(topic.status));
    out.extend_from_slice(&topic.since_ns.to_le_bytes());
    append_counted(&topic.newest, out);
}

/// Reads a part of the topics and adds them.
///
/// # Errors
///
/// If the body is not a part of topics that follows those so far.
pub(crate) fn parse_topics(
    header: &RecordHeader,
    body: &[u8],
    topics: &mut Topics,
) -> Result<(), String> {
    read_topics(header, body, |topic| {
        if !topic.newest.is_empty() {
            let newest = codec::decode_update_bincode(&topic.newest);
            let newest = newest.map_err(|error| format!("a newest update: {error}"))?;
            if newest.topic != topic.info.id {
                return Err("a newest update is of another topic".to_owned());
            }
        }
        topics.push(topic)
    })
}

/// Reads a part of the topics. `on` gets each of them.
///
/// # Errors
///
/// If the body is not a part of topics, or `on` fails.
pub(crate) fn read_topics(
    header: &RecordHeader,
    body: &[u8],
    mut on: impl FnMut(TopicState) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader(body);
    let too_short = || "a part of the topics is too short".to_owned();
    for _ in 0..header.count {
        let info = reader.counted().ok_or_else(too_short)?;
        let info = codec::decode_topic_bincode(info);
        let info = info.map_err(|error| format!("a topic cannot be read: {error}"))?;
        let topic = (|| {
            Some(TopicState {
                info,
                seq: reader.varint()?,
                status: status_of(reader.byte()?)?,
                since_ns: reader.i64()?,
                newest: reader.counted()?.to_vec(),
            })
        })();
        on(topic.ok_or_else(too_short)?)?;
    }
    match reader.is_empty() {
        true => Ok(()),
        false => Err("a part of the topics is too long".to_owned()),
    }
}
