//! The body of a strip: as it is on the tape.

use tickcast_core::{
    tape::{PublishedOnce, StatusChange, Strip},
    work::Once,
};
use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{Epoch, Position, Status, TimeNs, TopicInfo},
};

use super::{
    bytes::{Reader, append_counted_by, append_varint},
    record::{Kind, RecordHeader, append_record},
};

/// Fewest bytes of an encoded topic, with its length.
const TOPIC_MIN_BYTES: usize = 6;

/// Bytes of a status: at least one of the topic's number, the status and its time.
const STATUS_MIN_BYTES: usize = 10;

/// Bytes of a publish: its publisher, its number and its position.
const PUBLISH_BYTES: usize = 24;

/// The earliest and the latest time of some updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The earliest.
    pub min_ns: TimeNs,
    /// The latest.
    pub max_ns: TimeNs,
}

impl Times {
    /// Of no update.
    pub const NONE: Self = Self {
        min_ns: TimeNs::MAX,
        max_ns: TimeNs::MIN,
    };

    /// Adds a time.
    pub fn add(&mut self, time_ns: TimeNs) {
        self.join(Self {
            min_ns: time_ns,
            max_ns: time_ns,
        });
    }

    /// Adds all times of others.
    pub fn join(&mut self, other: Self) {
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Whether there is no time.
    pub fn is_empty(&self) -> bool {
        self.min_ns > self.max_ns
    }
}

/// The byte of a status.
pub(super) fn status_byte(status: Status) -> u8 {
    match status {
        Status::Live => 0,
        Status::Stale => 1,
        Status::Dead => 2,
    }
}

/// The status of a byte.
pub(super) fn status_of(byte: u8) -> Option<Status> {
    [Status::Live, Status::Stale, Status::Dead]
        .get(usize::from(byte))
        .copied()
}

/// Appends a strip as a record. `times` are those of its updates, and `now_ns` counts if it has
/// none. Returns `None` if it is longer than a record may be.
pub(crate) fn append_strip(
    strip: &Strip,
    epoch: Epoch,
    times: Times,
    now_ns: TimeNs,
    out: &mut Vec<u8>,
) -> Option<RecordHeader> {
    let time_ns = if times.is_empty() {
        now_ns
    } else {
        times.max_ns
    };
    let header = RecordHeader {
        count: u32::try_from(strip.len()).ok()?,
        publishes: u32::try_from(strip.publishes().len()).ok()?,
        ..RecordHeader::new(Kind::Strip, epoch, strip.first(), time_ns)
    };
    append_record(header, out, |out| append_body(strip, out))
}

fn append_body(strip: &Strip, out: &mut Vec<u8>) {
    let mut scratch = Vec::new();
    append_varint(strip.topics().len() as u64, out);
    for topic in strip.topics() {
        append_counted_by(&mut scratch, out, |out| {
            codec::append_topic_bincode(topic, out);
        });
    }
    append_varint(strip.statuses().len() as u64, out);
    for change in strip.statuses() {
        append_varint(u64::from(change.topic), out);
        out.push(status_byte(change.status));
        out.extend_from_slice(&change.since_ns.to_le_bytes());
    }
    for update in strip.updates_from(0) {
        append_varint(update.bincode.len() as u64, out);
    }
    for update in strip.updates_from(0) {
        out.extend_from_slice(update.bincode);
    }
    for PublishedOnce { once, position } in strip.publishes() {
        for number in [once.publisher, once.number, *position] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// The body of a strip, read.
#[derive(Debug)]
pub(crate) struct StripBody<'a> {
    /// Position of its first update.
    pub(crate) first: Position,
    /// Topics that are introduced, or of which something else is known.
    pub(crate) topics: Vec<TopicInfo>,
    /// Topics whose status changes.
    pub(crate) statuses: Vec<StatusChange>,
    /// Publishes that are on the tape once.
    pub(crate) publishes: Vec<PublishedOnce>,
    /// End offset of each update in `bytes`.
    ends: Vec<u32>,
    bytes: &'a [u8],
}

impl<'a> StripBody<'a> {
    /// Reads the body of a record.
    ///
    /// # Errors
    ///
    /// If it is not the body of a strip.
    pub(crate) fn parse(header: &RecordHeader, body: &'a [u8]) -> Result<Self, String> {
        let too_short = || "the strip is too short".to_owned();
        let publishes = (header.publishes as usize).saturating_mul(PUBLISH_BYTES);
        let end = body.len().checked_sub(publishes).ok_or_else(too_short)?;
        let (body, publishes) = body.split_at(end);
        let publishes = read_publishes(publishes).ok_or_else(too_short)?;
        let mut reader = Reader(body);
        let count = reader.count(TOPIC_MIN_BYTES).ok_or_else(too_short)?;
        let mut topics = Vec::with_capacity(count);
        for _ in 0..count {
            let bytes = reader.counted().ok_or_else(too_short)?;
            let topic = codec::decode_topic_bincode(bytes);
            topics.push(topic.map_err(|error| format!("a topic cannot be read: {error}"))?);
        }
        let statuses = read_statuses(&mut reader).ok_or_else(too_short)?;
        let count = header.count as usize;
        if count > reader.0.len() {
            return Err(too_short());
        }
        if header
            .first
            .checked_add(Position::from(header.count))
            .is_none()
        {
            return Err("its positions are too large".to_owned());
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = 0u64;
        for _ in 0..count {
            end = reader
                .varint()
                .and_then(|len| end.checked_add(len))
                .filter(|end| *end <= body.len() as u64)
                .ok_or_else(too_short)?;
            ends.push(end as u32);
        }
        if reader.0.len() as u64 != end {
            return Err("the lengths of the updates do not add up to their bytes".to_owned());
        }
        Ok(Self {
            first: header.first,
            topics,
            statuses,
            publishes,
            ends,
            bytes: reader.0,
        })
    }

    /// The position after its last update.
    pub(crate) fn end(&self) -> Position {
        self.first + self.ends.len() as Position
    }

    /// The updates as they are on the tape, in order of position.
    pub(crate) fn updates(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let bytes = self.bytes;
        starts
            .zip(&self.ends)
            .map(move |(start, end)| &bytes[start as usize..*end as usize])
    }

    /// The heads of the updates, each with its bytes.
    ///
    /// # Errors
    ///
    /// If one cannot be read, or has another position than its place.
    pub(crate) fn heads(&self) -> Result<Vec<(UpdateHead, &'a [u8])>, String> {
        let heads = (0..).zip(self.updates()).map(|(index, bytes)| {
            let position: Position = self.first + index;
            let head = codec::decode_update_head_bincode(bytes);
            let head = head.map_err(|error| format!("update {position}: {error}"))?;
            match head.position == position {
                true => Ok((head, bytes)),
                false => Err(format!("update {position} has position {}", head.position)),
            }
        });
        heads.collect()
    }
}

fn read_publishes(bytes: &[u8]) -> Option<Vec<PublishedOnce>> {
    let publishes = bytes.chunks_exact(PUBLISH_BYTES).map(|bytes| {
        let mut reader = Reader(bytes);
        let (publisher, number) = (reader.u64()?, reader.u64()?);
        Some(PublishedOnce {
            once: Once { publisher, number },
            position: reader.u64()?,
        })
    });
    publishes.collect()
}

fn read_statuses(reader: &mut Reader<'_>) -> Option<Vec<StatusChange>> {
    let count = reader.count(STATUS_MIN_BYTES)?;
    let statuses = (0..count).map(|_| {
        Some(StatusChange {
            topic: u32::try_from(reader.varint()?).ok()?,
            status: status_of(reader.byte()?)?,
            since_ns: reader.i64()?,
        })
    });
    statuses.collect()
}
