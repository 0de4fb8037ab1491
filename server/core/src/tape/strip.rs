//! A strip: updates with consecutive positions. The sequencer writes it once; it never changes.

use std::sync::OnceLock;

use tickcast_protocol::{
    codec,
    message::{Position, Quality, Status, TimeNs, TopicId, TopicInfo, Update},
    topic::Topic,
};

use crate::work::{Ack, Once, Unpublished};

/// Length at which a strip is closed, so that shards can begin with it and the tape can drop old
/// updates in small steps.
pub const STRIP_MAX_BYTES: usize = 64 * 1024;

/// Approximate cost of a strip besides its bytes. If it were not counted, many small strips would
/// exceed the tape's bound unnoticed.
const STRIP_OVERHEAD_BYTES: usize = 256;

/// Approximate length of an update in JSON, as a multiple of its length in bincode.
const JSON_SIZE_FACTOR: usize = 4;

/// Number of updates that are encoded in JSON together: about 50 µs of work. A client that
/// publishes as many short updates as fit into a message makes a strip of 13,000, which take 4 ms.
const JSON_PART_UPDATES: usize = 128;

/// One update of a strip.
#[derive(Debug, Clone, Copy)]
struct Entry {
    topic: TopicId,
    /// End offset of its bytes. They begin at the end of the previous update.
    end: u32,
}

/// A topic's new status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// The topic.
    pub topic: TopicId,
    /// Its status from now on.
    pub status: Status,
    /// Time of the change, in ns since the Unix epoch.
    pub since_ns: TimeNs,
}

/// The answer to a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckResult {
    /// Where it goes.
    pub ack: Ack,
    /// The position of the last update, or the reason for the refusal.
    pub result: Result<Position, Unpublished>,
}

/// A publish that is on the tape once, however often it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedOnce {
    /// What tells it.
    pub once: Once,
    /// The position of its last update, or of the newest update if it has none.
    pub position: Position,
}

/// An update in an encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Bytes of JSON that did not exist before the call: the work that it did.
    pub new_bytes: usize,
}

/// Updates with consecutive positions, encoded.
#[derive(Debug)]
pub struct Strip {
    first: Position,
    entries: Box<[Entry]>,
    bincode: Box<[u8]>,
    /// The first [`JSON_PART_UPDATES`] updates in JSON. Most strips have no more.
    json: OnceLock<EncodedJson>,
    /// Indices of the historical updates, in order. Nearly always there are none.
    historical: Box<[u32]>,
    /// The other updates in JSON, in parts of as many.
    more_json: Box<[OnceLock<EncodedJson>]>,
    topics: Box<[TopicInfo]>,
    statuses: Box<[StatusChange]>,
    acks: Box<[AckResult]>,
    publishes: Box<[PublishedOnce]>,
}

#[derive(Debug)]
struct EncodedJson {
    bytes: Box<[u8]>,
    ends: Box<[u32]>,
}

/// One update as stored on the tape.
#[derive(Debug, Clone, Copy)]
pub struct TapeUpdate<'a> {
    /// Its position.
    pub position: Position,
    /// Its topic.
    pub topic: TopicId,
    /// Its bytes in bincode, ready to be copied into a batch.
    pub bincode: &'a [u8],
}

impl Strip {
    /// Position of its first update. A strip without updates, which carries only acknowledgements
    /// or statuses, has the position of the next update.
    pub fn first(&self) -> Position {
        self.first
    }

    /// Position of the update after its last one.
    pub fn end(&self) -> Position {
        self.first + self.entries.len() as Position
    }

    /// Number of updates.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no updates.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it has something that a later server must know. Others carry answers only.
    pub fn is_news(&self) -> bool {
        let has_updates = !self.is_empty() || !self.publishes.is_empty();
        has_updates || !self.topics.is_empty() || !self.statuses.is_empty()
    }

    /// Topics that appear for the first time, and known ones that something else is known about. An
    /// entry about a known topic holds from the strip's first update on.
    pub fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    /// Topics whose status changes, in order.
    pub fn statuses(&self) -> &[StatusChange] {
        &self.statuses
    }

    /// Answers to publishes whose last update is in this strip.
    pub fn acks(&self) -> &[AckResult] {
        &self.acks
    }

    /// Publishes in it that are on the tape once.
    pub fn publishes(&self) -> &[PublishedOnce] {
        &self.publishes
    }

    /// Whether it carries more than updates: an answer that a client waits for, or a new status.
    pub fn has_news(&self) -> bool {
        !self.acks.is_empty() || !self.statuses.is_empty()
    }

    /// Its cost, in bytes.
    pub fn cost_bytes(&self) -> usize {
        let publishes = size_of_val(&*self.publishes);
        STRIP_OVERHEAD_BYTES
            + self.len_bytes()
            + self.entries.len() * size_of::<Entry>()
            + publishes
    }

    /// Bytes of all updates in bincode plus the status changes.
    pub fn len_bytes(&self) -> usize {
        self.bincode.len() + size_of_val(&*self.statuses)
    }

    fn start_of(&self, index: usize) -> usize {
        index
            .checked_sub(1)
            .map_or(0, |before| self.entries[before].end as usize)
    }

    /// The update at `index`, which must be below the number of updates.
    pub fn get(&self, index: usize) -> TapeUpdate<'_> {
        let entry = self.entries[index];
        TapeUpdate {
            position: self.first + index as Position,
            topic: entry.topic,
            bincode: &self.bincode[self.start_of(index)..entry.end as usize],
        }
    }

    /// Whether the update at an index is historical: it does not replace a newer value.
    pub fn is_historical(&self, index: usize) -> bool {
        let historical = &self.historical;
        !historical.is_empty() && historical.binary_search(&(index as u32)).is_ok()
    }

    /// The topic of the update at an index.
    pub fn topic(&self, index: usize) -> TopicId {
        self.entries[index].topic
    }

    /// The updates from an index on, in order of position.
    pub fn updates_from(&self, index: usize) -> impl Iterator<Item = TapeUpdate<'_>> {
        let mut start = self.start_of(index);
        let positions = self.first + index as Position..;
        self.entries[index..]
            .iter()
            .zip(positions)
            .map(move |(entry, position)| {
                let end = entry.end as usize;
                TapeUpdate {
                    position,
                    topic: entry.topic,
                    bincode: &self.bincode[std::mem::replace(&mut start, end)..end],
                }
            })
    }

    /// All updates, in order of position.
    pub fn updates(&self) -> impl DoubleEndedIterator<Item = TapeUpdate<'_>> {
        (0..self.entries.len()).map(|index| self.get(index))
    }

    /// One of its updates in JSON, ready to be copied into a batch. The first call encodes the
    /// updates around it as well, once for all shards. `name_of` returns a topic's name.
    pub fn json<'n>(&self, position: Position, name_of: impl Fn(TopicId) -> &'n Topic) -> Made<'_> {
        let index = (position - self.first) as usize;
        let part = index / JSON_PART_UPDATES;
        let json = match part.checked_sub(1) {
            None => &self.json,
            Some(later) => &self.more_json[later],
        };
        let mut new_bytes = 0;
        let json = json.get_or_init(|| {
            let json = self.encode_json(part * JSON_PART_UPDATES, name_of);
            new_bytes = json.bytes.len();
            json
        });
        Made {
            bytes: json.get(index % JSON_PART_UPDATES),
            new_bytes,
        }
    }

    fn encode_json<'n>(&self, from: usize, name_of: impl Fn(TopicId) -> &'n Topic) -> EncodedJson {
        let until = self.len().min(from + JSON_PART_UPDATES);
        let bincode_bytes = self.start_of(until) - self.start_of(from);
        let mut bytes = Vec::with_capacity(bincode_bytes * JSON_SIZE_FACTOR);
        let ends = (from..until)
            .map(|index| {
                let update = self.get(index);
                append_as_json(update.bincode, name_of(update.topic), &mut bytes);
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

/// Converts an update from bincode to JSON and appends it.
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
    historical: Vec<u32>,
    topics: Vec<TopicInfo>,
    statuses: Vec<StatusChange>,
    acks: Vec<AckResult>,
    publishes: Vec<PublishedOnce>,
}

impl StripBuilder {
    /// An empty strip whose first update will have position `first`.
    pub fn new(first: Position) -> Self {
        Self {
            first,
            entries: Vec::new(),
            bincode: Vec::new(),
            historical: Vec::new(),
            topics: Vec::new(),
            statuses: Vec::new(),
            acks: Vec::new(),
            publishes: Vec::new(),
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

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        let has_updates = !self.entries.is_empty();
        let has_publishes = !self.acks.is_empty() || !self.publishes.is_empty();
        !has_updates && !has_publishes && self.statuses.is_empty() && self.topics.is_empty()
    }

    /// Introduces a topic, or says what else is known about one. Must be called before its first
    /// update.
    pub fn introduce(&mut self, topic: TopicInfo) {
        self.topics.push(topic);
    }

    /// Encodes and appends an update whose position is [`next`](Self::next). Returns its bytes.
    pub fn push(&mut self, update: &Update<TopicId>) -> &[u8] {
        debug_assert_eq!(update.position, self.next());
        let start = self.bincode.len();
        codec::append_update_bincode(update, &mut self.bincode);
        if update.quality == Quality::Historical {
            self.historical.push(u32_from(self.entries.len()));
        }
        self.entries.push(Entry {
            topic: update.topic,
            end: u32_from(self.bincode.len()),
        });
        &self.bincode[start..]
    }

    /// Appends an update that was encoded before, and whose position is [`next`](Self::next).
    pub fn push_encoded(&mut self, topic: TopicId, quality: Quality, bincode: &[u8]) {
        if quality == Quality::Historical {
            self.historical.push(u32_from(self.entries.len()));
        }
        self.bincode.extend_from_slice(bincode);
        let end = u32_from(self.bincode.len());
        self.entries.push(Entry { topic, end });
    }

    /// Adds topics whose status changes.
    pub fn change_statuses(&mut self, changes: impl IntoIterator<Item = StatusChange>) {
        self.statuses.extend(changes);
    }

    /// Adds the answer to a publish.
    pub fn acknowledge(&mut self, ack: AckResult) {
        self.acks.push(ack);
    }

    /// Adds a publish that is on the tape once, after its updates.
    pub fn publish_once(&mut self, publish: PublishedOnce) {
        self.publishes.push(publish);
    }

    /// Builds the finished strip.
    pub fn build(self) -> Strip {
        let parts = self.entries.len().div_ceil(JSON_PART_UPDATES);
        Strip {
            first: self.first,
            entries: self.entries.into(),
            bincode: self.bincode.into(),
            json: OnceLock::new(),
            historical: self.historical.into(),
            more_json: (1..parts).map(|_| OnceLock::new()).collect(),
            topics: self.topics.into(),
            statuses: self.statuses.into(),
            acks: self.acks.into(),
            publishes: self.publishes.into(),
        }
    }
}
