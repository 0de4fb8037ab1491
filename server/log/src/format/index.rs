//! The index of a segment: where its strips are, by position, time and topic.

use tickcast_protocol::{
    codec::{self, UpdateHead},
    message::{Position, TimeNs, TopicId, TopicInfo},
};

use super::{
    bytes::{Reader, append_counted, append_counted_by, append_varint},
    strip::Times,
};

/// Bytes of strips after which a new block begins. A page of one topic reads this much at least.
const BLOCK_BYTES: u64 = 256 * 1024;

/// Bytes of an encoded block.
const BLOCK_ENCODED_BYTES: usize = 32;

/// Some strips of a segment, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// Where its first record begins.
    pub(crate) offset: u64,
    /// The position of its first update.
    pub(crate) first: Position,
    /// The times of its updates.
    pub(crate) times: Times,
}

/// A topic that is introduced in a segment, or of which something else is known from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Introduced {
    /// Holds from this position on.
    pub(crate) position: Position,
    /// What is known.
    pub(crate) info: TopicInfo,
}

/// What is in a segment, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Index {
    /// Position after its last update.
    pub(crate) end: Position,
    /// Number of its updates.
    pub(crate) updates: u64,
    /// The blocks, in order.
    pub(crate) blocks: Vec<Block>,
    /// What it introduces, in order.
    pub(crate) introduced: Vec<Introduced>,
    /// For each topic with updates, in order, a bit for each block: whether it has some there.
    topics: Vec<(TopicId, Vec<u8>)>,
}

impl Index {
    /// The times of all updates.
    pub(crate) fn times(&self) -> Times {
        let mut times = Times::NONE;
        for block in &self.blocks {
            times.join(block.times);
        }
        times
    }

    /// For each block whether it has updates of wanted topics.
    pub(crate) fn blocks_with(&self, is_wanted: impl Fn(TopicId) -> bool) -> Vec<bool> {
        let bits = self.topics.iter().map(|(id, bits)| (*id, bits));
        blocks_with(self.blocks.len(), bits, is_wanted)
    }

    /// Bytes of memory that it takes, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let bits = self.topics.iter().map(|(_, bits)| bits.len());
        bits.sum::<usize>()
            + size_of_val(&*self.topics)
            + size_of_val(&*self.blocks)
            + size_of_val(&*self.introduced)
    }

    /// Number of topics that have updates.
    pub(crate) fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Appends the body of its record, with topics that it may lack itself.
    fn append_with<'a>(
        &self,
        topics: impl Iterator<Item = (TopicId, &'a Vec<u8>)>,
        count: usize,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&self.updates.to_le_bytes());
        append_varint(self.blocks.len() as u64, out);
        for block in &self.blocks {
            out.extend_from_slice(&block.offset.to_le_bytes());
            out.extend_from_slice(&block.first.to_le_bytes());
            out.extend_from_slice(&block.times.min_ns.to_le_bytes());
            out.extend_from_slice(&block.times.max_ns.to_le_bytes());
        }
        let mut scratch = Vec::new();
        append_varint(self.introduced.len() as u64, out);
        for introduced in &self.introduced {
            append_varint(introduced.position, out);
            append_counted_by(&mut scratch, out, |out| {
                codec::append_topic_bincode(&introduced.info, out);
            });
        }
        append_varint(count as u64, out);
        for (topic, bits) in topics {
            append_varint(u64::from(topic), out);
            // Few topics have updates from the first block on, if there are many topics.
            let zeros = bits.iter().take_while(|byte| **byte == 0).count();
            append_varint(zeros as u64, out);
            append_counted(&bits[zeros..], out);
        }
    }

    /// Reads the body of its record.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let (end, updates) = (reader.u64()?, reader.u64()?);
        let blocks = (0..reader.count(BLOCK_ENCODED_BYTES)?).map(|_| {
            Some(Block {
                offset: reader.u64()?,
                first: reader.u64()?,
                times: Times {
                    min_ns: reader.i64()?,
                    max_ns: reader.i64()?,
                },
            })
        });
        let blocks: Vec<_> = blocks.collect::<Option<_>>()?;
        let introduced = (0..reader.count(2)?).map(|_| {
            Some(Introduced {
                position: reader.varint()?,
                info: codec::decode_topic_bincode(reader.counted()?).ok()?,
            })
        });
        let introduced = introduced.collect::<Option<_>>()?;
        let mut topics: Vec<(TopicId, Vec<u8>)> = Vec::new();
        let bytes_max = blocks.len().div_ceil(8);
        for _ in 0..reader.count(3)? {
            let topic = u32::try_from(reader.varint()?).ok()?;
            let zeros = usize::try_from(reader.varint()?).ok()?;
            let bits = reader.counted()?;
            let is_next = topics.last().is_none_or(|(last, _)| *last < topic);
            if !is_next || zeros > bytes_max || bits.len() > bytes_max - zeros {
                return None;
            }
            let mut all = vec![0; zeros];
            all.extend_from_slice(bits);
            topics.push((topic, all));
        }
        reader.is_empty().then_some(Self {
            end,
            updates,
            blocks,
            introduced,
            topics,
        })
    }
}

/// For each block whether one of the wanted topics has its bit set.
fn blocks_with<'a>(
    blocks: usize,
    topics: impl Iterator<Item = (TopicId, &'a Vec<u8>)>,
    is_wanted: impl Fn(TopicId) -> bool,
) -> Vec<bool> {
    let mut joined = vec![0; blocks.div_ceil(8)];
    for (_, bits) in topics.filter(|(id, _)| is_wanted(*id)) {
        for (joined, bits) in joined.iter_mut().zip(bits) {
            *joined |= bits;
        }
    }
    let is_set = |block: usize| joined[block / 8] & 1 << (block % 8) != 0;
    (0..blocks).map(is_set).collect()
}

/// Makes the index of a segment while its strips are written or read.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexBuilder {
    /// Everything but the topics.
    index: Index,
    /// The bits of each topic, by its number.
    bits: Vec<Vec<u8>>,
}

impl IndexBuilder {
    /// An index of a segment whose first update will have position `first`.
    pub(crate) fn new(first: Position) -> Self {
        Self {
            index: Index {
                end: first,
                ..Index::default()
            },
            bits: Vec::new(),
        }
    }

    /// Begins a strip at an offset of the segment.
    pub(crate) fn begin(&mut self, offset: u64, first: Position) {
        let newest = self.index.blocks.last();
        if newest.is_none_or(|newest| offset - newest.offset >= BLOCK_BYTES) {
            self.index.blocks.push(Block {
                offset,
                first,
                times: Times::NONE,
            });
        }
    }

    /// Adds what the strip introduces.
    pub(crate) fn introduce(&mut self, position: Position, infos: &[TopicInfo]) {
        let infos = infos.iter().cloned();
        let introduced = infos.map(|info| Introduced { position, info });
        self.index.introduced.extend(introduced);
    }

    /// Adds an update of the strip.
    pub(crate) fn add(&mut self, update: &UpdateHead) {
        let block = self.index.blocks.len().saturating_sub(1);
        self.add_time(update.ingest_time_ns);
        let topic = update.topic as usize;
        if topic >= self.bits.len() {
            self.bits.resize(topic + 1, Vec::new());
        }
        let bits = &mut self.bits[topic];
        if bits.len() <= block / 8 {
            bits.resize(block / 8 + 1, 0);
        }
        bits[block / 8] |= 1 << (block % 8);
        self.index.end = update.position + 1;
        self.index.updates += 1;
    }

    /// Adds the time of an update of the strip.
    pub(crate) fn add_time(&mut self, time_ns: TimeNs) {
        if let Some(newest) = self.index.blocks.last_mut() {
            newest.times.add(time_ns);
        }
    }

    /// The blocks so far.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.index.blocks
    }

    /// For each block so far whether it has updates of wanted topics.
    pub(crate) fn blocks_with(&self, is_wanted: impl Fn(TopicId) -> bool) -> Vec<bool> {
        let bits = (0..).zip(&self.bits);
        blocks_with(self.index.blocks.len(), bits, is_wanted)
    }

    /// The times of all updates so far.
    pub(crate) fn times(&self) -> Times {
        self.index.times()
    }

    /// Number of updates so far.
    pub(crate) fn updates(&self) -> u64 {
        self.index.updates
    }

    /// The topics with updates.
    fn topics(&self) -> impl Iterator<Item = (TopicId, &Vec<u8>)> {
        let bits = (0..).zip(&self.bits);
        bits.filter(|(_, bits)| !bits.is_empty())
    }

    /// Number of topics with updates.
    pub(crate) fn topic_count(&self) -> usize {
        self.topics().count()
    }

    /// Appends the body of the index's record, without a copy of it: there may be many topics.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        let count = self.topic_count();
        self.index.append_with(self.topics(), count, out);
    }

    /// The index so far.
    pub(crate) fn build(&self) -> Index {
        Index {
            topics: self.topics().map(|(id, bits)| (id, bits.clone())).collect(),
            ..self.index.clone()
        }
    }
}
