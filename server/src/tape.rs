//! The tape: the bounded log of recent updates, in strips that are shared by reference.
//!
//! A [`Strip`] is written once, by the sequencer, and never changes. Each shard keeps its own
//! [`Tape`], a window of the newest strips; the bytes are the same for all of them.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use tickcast_protocol::{
    codec::{self, Encoding},
    error::ErrorCode,
    message::{Position, TopicId, TopicInfo, Update},
    topic::Topic,
};

use crate::{ingest::Ack, liveness::StatusChange, topics::Topics};

/// What a strip costs besides its bytes, roughly: so that many small strips do not exceed the
/// tape's bound unnoticed.
const STRIP_OVERHEAD_BYTES: usize = 256;

/// An update in JSON is about so many times as long as in bincode.
const JSON_SIZE_FACTOR: usize = 4;

/// Where an update stands in its strip.
#[derive(Debug, Clone, Copy)]
struct Entry {
    topic: TopicId,
    /// Its bytes end here and begin where those of the one before end.
    end: u32,
}

/// The answer to a publish: the position of its last update, or why it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckResult {
    /// Whom to tell.
    pub ack: Ack,
    /// What to tell.
    pub result: Result<Position, ErrorCode>,
}

/// Some updates with consecutive positions, encoded.
#[derive(Debug)]
pub struct Strip {
    first: Position,
    entries: Box<[Entry]>,
    bincode: Box<[u8]>,
    json: OnceLock<EncodedJson>,
    topics: Box<[TopicInfo]>,
    statuses: Box<[StatusChange]>,
    acks: Box<[AckResult]>,
}

#[derive(Debug)]
struct EncodedJson {
    bytes: Box<[u8]>,
    ends: Box<[u32]>,
}

/// One update as it stands on the tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeUpdate<'a> {
    /// Its place.
    pub position: Position,
    /// Its topic.
    pub topic: TopicId,
    /// Its bytes in bincode, ready to be spliced into a batch.
    pub bincode: &'a [u8],
}

impl Strip {
    /// Position of its first update. A strip without updates (it only brings acks or statuses) has
    /// the position that comes next.
    pub fn first(&self) -> Position {
        self.first
    }

    /// Position of the update behind its last one.
    pub fn end(&self) -> Position {
        self.first + self.entries.len() as Position
    }

    /// Topics that appear for the first time.
    pub fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    /// Topics whose status changes, in this order.
    pub fn statuses(&self) -> &[StatusChange] {
        &self.statuses
    }

    /// Answers to publishes that end in this strip.
    pub fn acks(&self) -> &[AckResult] {
        &self.acks
    }

    /// Whether it brings more than updates: something that somebody waits for or must know at once.
    pub fn has_news(&self) -> bool {
        !self.acks.is_empty() || !self.statuses.is_empty()
    }

    /// What it costs, in bytes.
    pub fn cost_bytes(&self) -> usize {
        STRIP_OVERHEAD_BYTES + self.len_bytes() + self.entries.len() * size_of::<Entry>()
    }

    /// Bytes of all updates in bincode, and of statuses.
    pub fn len_bytes(&self) -> usize {
        self.bincode.len() + size_of_val(&*self.statuses)
    }

    fn start_of(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .map_or(0, |before| self.entries[before].end as usize)
    }

    /// The update at an index below the number of updates.
    pub fn get(&self, index: usize) -> TapeUpdate<'_> {
        let entry = self.entries[index];
        TapeUpdate {
            position: self.first + index as Position,
            topic: entry.topic,
            bincode: &self.bincode[self.start_of(index)..entry.end as usize],
        }
    }

    /// All updates, by position.
    pub fn updates(&self) -> impl DoubleEndedIterator<Item = TapeUpdate<'_>> {
        (0..self.entries.len()).map(|index| self.get(index))
    }

    /// The bytes of the update at an index, ready to be spliced into a batch. In JSON the whole
    /// strip is encoded when the first of its updates is asked for, once for all shards.
    pub fn encoded(&self, index: usize, encoding: Encoding, topics: &Topics) -> &[u8] {
        match encoding {
            Encoding::Bincode => self.get(index).bincode,
            Encoding::Json => self
                .json
                .get_or_init(|| self.encode_json(topics))
                .get(index),
        }
    }

    fn encode_json(&self, topics: &Topics) -> EncodedJson {
        let mut bytes = Vec::with_capacity(self.bincode.len() * JSON_SIZE_FACTOR);
        let ends = self
            .updates()
            .map(|update| {
                let topic = &topics.get(update.topic).info.topic;
                append_as_json(update.bincode, topic, &mut bytes);
                u32_from(bytes.len())
            })
            .collect();
        EncodedJson {
            bytes: bytes.into(),
            ends,
        }
    }
}

impl EncodedJson {
    fn get(&self, index: usize) -> &[u8] {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[index] as usize]
    }
}

/// Appends in JSON an update that is given in bincode.
pub fn append_as_json(bincode: &[u8], topic: &Topic, out: &mut Vec<u8>) {
    let update = codec::decode_update_bincode(bincode).expect("the sequencer encoded it");
    let update = Update {
        topic: topic.clone(),
        position: update.position,
        seq: update.seq,
        source_time_ns: update.source_time_ns,
        ingest_time_ns: update.ingest_time_ns,
        quality: update.quality,
        value: update.value,
    };
    codec::append_update_json(&update, out);
}

fn u32_from(len: usize) -> u32 {
    u32::try_from(len).expect("a strip is much smaller than 4 GiB")
}

/// Collects the updates of one strip.
#[derive(Debug)]
pub struct StripBuilder {
    first: Position,
    entries: Vec<Entry>,
    bincode: Vec<u8>,
    topics: Vec<TopicInfo>,
    statuses: Vec<StatusChange>,
    acks: Vec<AckResult>,
}

impl StripBuilder {
    /// An empty strip whose first update will have position `first`.
    pub fn new(first: Position) -> Self {
        Self {
            first,
            entries: Vec::new(),
            bincode: Vec::new(),
            topics: Vec::new(),
            statuses: Vec::new(),
            acks: Vec::new(),
        }
    }

    /// The position that the next update must have.
    pub fn next(&self) -> Position {
        self.first + self.entries.len() as Position
    }

    /// Bytes of the updates so far.
    pub fn len_bytes(&self) -> usize {
        self.bincode.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.acks.is_empty() && self.statuses.is_empty()
    }

    /// Introduces a topic, before its first update.
    pub fn introduce(&mut self, topic: TopicInfo) {
        self.topics.push(topic);
    }

    /// Encodes and appends an update whose position is [`next`](Self::next). Returns its bytes.
    pub fn push(&mut self, update: &Update<TopicId>) -> &[u8] {
        debug_assert_eq!(update.position, self.next());
        let start = self.bincode.len();
        codec::append_update_bincode(update, &mut self.bincode);
        self.entries.push(Entry {
            topic: update.topic,
            end: u32_from(self.bincode.len()),
        });
        &self.bincode[start..]
    }

    /// Adds topics whose status changes.
    pub fn change_statuses(&mut self, changes: impl IntoIterator<Item = StatusChange>) {
        self.statuses.extend(changes);
    }

    /// Adds the answer to a publish.
    pub fn acknowledge(&mut self, ack: AckResult) {
        self.acks.push(ack);
    }

    /// The finished strip.
    pub fn build(self) -> Strip {
        Strip {
            first: self.first,
            entries: self.entries.into(),
            bincode: self.bincode.into(),
            json: OnceLock::new(),
            topics: self.topics.into(),
            statuses: self.statuses.into(),
            acks: self.acks.into(),
        }
    }
}

/// A window of the newest strips, bounded by what they cost.
#[derive(Debug)]
pub struct Tape {
    strips: VecDeque<Arc<Strip>>,
    bytes: usize,
    max_bytes: usize,
    /// Position of the first update that is still there, or comes next.
    start: Position,
    end: Position,
}

impl Tape {
    /// An empty tape that holds about `max_bytes`. Its first update will have position 1.
    pub fn new(max_bytes: usize) -> Self {
        Self {
            strips: VecDeque::new(),
            bytes: 0,
            max_bytes,
            start: 1,
            end: 1,
        }
    }

    /// Appends the next strip and forgets the oldest ones that exceed the bound.
    pub fn push(&mut self, strip: Arc<Strip>) {
        debug_assert_eq!(strip.first(), self.end);
        self.end = strip.end();
        self.bytes += strip.cost_bytes();
        self.strips.push_back(strip);
        while self.bytes > self.max_bytes && self.strips.len() > 1 {
            if let Some(oldest) = self.strips.pop_front() {
                self.bytes -= oldest.cost_bytes();
                self.start = oldest.end();
            }
        }
    }

    /// The position before the first update that is still there: whoever is there or later can go
    /// on without a gap.
    pub fn floor(&self) -> Position {
        self.start - 1
    }

    /// The position of the newest update, 0 if there was none.
    pub fn head(&self) -> Position {
        self.end - 1
    }

    /// What the strips cost, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Strips that hold updates after `position`, oldest first.
    pub fn strips_after(&self, position: Position) -> impl Iterator<Item = &Arc<Strip>> {
        let skip = self
            .strips
            .partition_point(|strip| strip.end() <= position + 1);
        self.strips.range(skip..)
    }

    /// Updates with positions in (`after`, `until`], oldest first, with their strip and index.
    pub fn between(
        &self,
        after: Position,
        until: Position,
    ) -> impl Iterator<Item = (&Arc<Strip>, usize)> {
        self.strips_after(after).flat_map(move |strip| {
            let from = (after + 1).saturating_sub(strip.first());
            let to = (until + 1).min(strip.end()).saturating_sub(strip.first());
            (from as usize..to as usize).map(move |index| (strip, index))
        })
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{message::Quality, value::Value};

    use super::*;

    fn strip(first: Position, count: u64) -> Arc<Strip> {
        let mut builder = StripBuilder::new(first);
        for position in first..first + count {
            builder.push(&Update {
                topic: position as TopicId % 3,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 5,
                quality: Quality::Live,
                value: Value::Reading(position as f64),
            });
        }
        Arc::new(builder.build())
    }

    #[test]
    fn the_tape_forgets_the_oldest_strips_and_knows_where_it_begins() {
        let cost = strip(1, 10).cost_bytes();
        let mut tape = Tape::new(cost * 3 + cost / 2);
        assert_eq!((tape.floor(), tape.head()), (0, 0));
        for round in 0..5 {
            tape.push(strip(1 + round * 10, 10));
        }
        assert_eq!((tape.floor(), tape.head()), (20, 50));
        assert!(tape.bytes() <= cost * 3 + cost / 2);
    }

    #[test]
    fn a_range_of_positions_is_found_across_strips() {
        let mut tape = Tape::new(1 << 20);
        for first in [1, 11, 21] {
            tape.push(strip(first, 10));
        }
        let positions = |after, until| {
            tape.between(after, until)
                .map(|(strip, index)| strip.get(index).position)
                .collect::<Vec<_>>()
        };
        assert_eq!(positions(8, 23), (9..=23).collect::<Vec<_>>());
        assert_eq!(positions(0, 30), (1..=30).collect::<Vec<_>>());
        assert_eq!(positions(10, 11), [11]);
        assert_eq!(positions(30, 30), [0u64; 0]);
    }

    #[test]
    fn json_and_bincode_tell_the_same() {
        let strip = strip(1, 3);
        let mut topics = Topics::default();
        for (id, name) in ["a", "b", "c"].into_iter().enumerate() {
            let topic = Topic::new(name).unwrap();
            let id = id as TopicId;
            topics.introduce(
                TopicInfo {
                    id,
                    topic,
                    unit: None,
                },
                Default::default(),
            );
        }
        let json = strip.encoded(1, Encoding::Json, &topics);
        assert_eq!(
            std::str::from_utf8(json).unwrap(),
            r#"{"topic":"c","position":2,"seq":2,"ingest_time_ns":"5","quality":"live","value":{"reading":2.0}}"#
        );
    }
}
