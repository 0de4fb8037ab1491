//! The begin of a segment with many topics, which is written a part at a time.
//!
//! Everything known about 250,000 topics is 15 MB, and all clients wait for a write. So the begin
//! of such a segment gets its place in the file at once, strips are written after it, and between
//! them its parts are written. A topic that changes meanwhile is kept as it was.
//!
//! If the server stops before all parts are written, the next start writes them: the strips of the
//! segment before are on the disk, and say the same about the topics.

use std::collections::{HashMap, VecDeque};

use tickcast_protocol::message::TopicId;

use crate::{
    format::{Part, RECORD_HEADER_BYTES, RecordHeader, TopicState, Topics, append_part},
    outcome::Refusal,
};

/// Parts that are written at once, with the rest of a segment's begin: about a millisecond of work.
const AT_ONCE_PARTS: usize = 4;

/// How the topics at the begin of a segment are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    AtOnce,
    /// In parts between strips, if there are many. All strips of the segment before it have to be
    /// on the disk, and to say the same about the topics at its end.
    InParts,
}

/// The rest of a segment's begin; see the module.
#[derive(Debug)]
pub(crate) struct Head {
    /// The header of each part, without what differs.
    header: RecordHeader,
    /// The parts that are not written yet.
    parts: VecDeque<Part>,
    /// The first topic of the next part.
    next: usize,
    /// Number of topics when the segment began.
    topics: usize,
    /// Where the next part begins in the file.
    offset: u64,
    /// Topics that have changed since, and are not written yet, as they were.
    earlier: HashMap<TopicId, TopicState>,
    buffer: Vec<u8>,
}

impl Head {
    /// The begin of a segment at an offset of its file, and its bytes. `None` if it is so short
    /// that it is written at once.
    pub(crate) fn new(topics: &Topics, header: RecordHeader, offset: u64) -> Option<(Self, u64)> {
        let parts = VecDeque::from(topics.parts());
        if parts.len() <= AT_ONCE_PARTS {
            return None;
        }
        let around = RECORD_HEADER_BYTES + 1;
        let bytes = parts.iter().map(|part| (part.bytes + around) as u64).sum();
        let head = Self {
            header,
            parts,
            next: 0,
            topics: topics.list().len(),
            offset,
            earlier: HashMap::new(),
            buffer: Vec::new(),
        };
        Some((head, bytes))
    }

    /// Keeps a topic as it is, before it changes.
    pub(crate) fn keep(&mut self, id: TopicId, topics: &Topics) {
        let index = id as usize;
        if (self.next..self.topics).contains(&index)
            && let Some(topic) = topics.list().get(index)
        {
            self.earlier.entry(id).or_insert_with(|| topic.clone());
        }
    }

    /// The part that is written next.
    pub(crate) fn next_part(&self) -> Option<Part> {
        self.parts.front().copied()
    }

    /// Encodes the next part. Returns its bytes, and where they are written in the file.
    pub(crate) fn encode(&mut self, part: Part, topics: &Topics) -> Result<(&[u8], u64), Refusal> {
        self.buffer.clear();
        let states = topics.list()[self.next..part.end].iter();
        let states = states.map(|now| self.earlier.get(&now.info.id).unwrap_or(now));
        let is_last = part.end == self.topics;
        let encoded = append_part(states, is_last, self.header, &mut self.buffer);
        match encoded {
            Some(header) if header.body_bytes as usize == part.bytes => {
                Ok((&self.buffer, self.offset))
            }
            // Strips would overwrite it.
            _ => Err(Refusal::Content(
                self.header.first,
                format!(
                    "topics from {} on have other lengths than before",
                    self.next
                ),
            )),
        }
    }

    /// Forgets a part that is written.
    pub(crate) fn pass(&mut self, part: Part) {
        if !self.earlier.is_empty() {
            for index in self.next..part.end {
                self.earlier.remove(&(index as TopicId));
            }
        }
        self.next = part.end;
        self.offset += self.buffer.len() as u64;
        self.parts.pop_front();
    }
}
