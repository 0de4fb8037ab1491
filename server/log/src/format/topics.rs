//! Everything known about topics: infos, seqs, statuses and newest updates. A segment begins with
//! it, so it can be read without those before it.

use tickcast_core::tape::StatusChange;
use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{Epoch, Position, Quality, Seq, Status, TimeNs, TopicInfo},
};

use super::{
    bytes::{Reader, append_counted, append_counted_by, append_varint},
    record::{Kind, RecordHeader, append_record},
    strip::{status_byte, status_of},
};

/// Length at which a part of the topics is closed, so that it can be written and read in steps.
const PART_BYTES: usize = 64 * 1024;

/// Bytes of a topic besides its name and value.
const TOPIC_OVERHEAD_BYTES: usize = 32;

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
    bytes: usize,
}

impl Topics {
    /// The topics in the order of their numbers.
    pub fn list(&self) -> &[TopicState] {
        &self.list
    }

    /// About as many bytes as they take in a segment.
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
        self.bytes += cost(&topic.info) + topic.newest.len();
        self.list.push(topic);
        Ok(())
    }

    /// Introduces a topic, or takes what else is known about one.
    ///
    /// # Errors
    ///
    /// If topics before it are missing, or if it has another name.
    pub fn introduce(&mut self, info: &TopicInfo) -> Result<(), String> {
        let Some(known) = self.list.get_mut(info.id as usize) else {
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
        self.bytes = self.bytes + cost(info) - cost(&known.info);
        known.info = info.clone();
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
        let known = self.list.get_mut(head.topic as usize);
        let known = known.ok_or_else(|| unknown(head.topic))?;
        if head.seq <= known.seq {
            let (topic, last, seq) = (&known.info.topic, known.seq, head.seq);
            return Err(format!("{topic} has seq {seq} after seq {last}"));
        }
        known.seq = head.seq;
        // A historical value is the newest one only if there is no other.
        if head.quality != Quality::Historical || known.newest.is_empty() {
            self.bytes = self.bytes + bytes.len() - known.newest.len();
            known.newest.clear();
            known.newest.extend_from_slice(bytes);
        }
        Ok(())
    }
}

fn unknown(topic: u32) -> String {
    format!("topic {topic} was not introduced")
}

fn cost(info: &TopicInfo) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let known = text(&info.unit) + text(&info.name) + text(&info.state_class);
    TOPIC_OVERHEAD_BYTES + info.topic.as_str().len() + known
}

/// Appends all topics as records. There is at least one record.
pub(crate) fn append_topics(
    topics: &Topics,
    epoch: Epoch,
    next: Position,
    now_ns: TimeNs,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut rest = topics.list.as_slice();
    let (mut scratch, mut body) = (Vec::new(), Vec::new());
    loop {
        body.clear();
        let mut count = 0;
        for topic in rest {
            append_topic(topic, &mut scratch, &mut body);
            count += 1;
            if body.len() >= PART_BYTES {
                break;
            }
        }
        rest = &rest[count..];
        let header = RecordHeader {
            is_last: rest.is_empty(),
            count: count as u32,
            ..RecordHeader::new(Kind::Topics, epoch, next, now_ns)
        };
        append_record(header, out, |out| out.extend_from_slice(&body))?;
        if rest.is_empty() {
            return Some(());
        }
    }
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
