//! A shard's topics: the newest value, the status and the channels of each.

use std::ops::{Index, IndexMut};

use smallvec::SmallVec;
use tickcast_protocol::{
    codec::Encoding,
    message::{Position, Seq, Status, TimeNs, TopicId, TopicInfo},
    topic::{Filter, Topic},
};

use super::{keys::ChannelKey, topic_index::TopicTree};
use crate::{
    tape::{TapeUpdate, append_as_json},
    wire::StatusRow,
};

/// A topic with its newest value.
#[derive(Debug)]
pub struct TopicState {
    /// Id, name and unit.
    pub info: TopicInfo,
    /// Updates so far in this epoch.
    pub seq: Seq,
    /// Whether its source is live.
    pub status: Status,
    /// Since when, ns since the Unix epoch; 0 if it was never another.
    pub status_since_ns: TimeNs,
    /// Changes of status, of all topics, up to and with its newest one; 0 if it had none.
    pub status_number: u64,
    /// Channels whose filter matches.
    pub channels: SmallVec<[ChannelKey; 2]>,
    /// The newest update. Copied out of its strip, so that a topic that went quiet does not keep a
    /// whole strip alive; the buffer is used again for the next one.
    bincode: Vec<u8>,
    /// The same in JSON once it has been asked for, else empty.
    json: Vec<u8>,
}

impl TopicState {
    /// The newest update in an encoding, ready to be spliced into a batch.
    pub fn latest(&mut self, encoding: Encoding) -> &[u8] {
        match encoding {
            Encoding::Bincode => &self.bincode,
            Encoding::Json => {
                if self.json.is_empty() {
                    append_as_json(&self.bincode, &self.info.topic, &mut self.json);
                }
                &self.json
            }
        }
    }

    /// The newest update in JSON, as [`latest`](Self::latest) has made it.
    pub fn latest_json(&self) -> &[u8] {
        &self.json
    }

    /// Its status, as it is sent.
    pub fn status_row(&self) -> StatusRow<'_> {
        (&self.info, self.status, self.status_since_ns)
    }
}

/// All topics of the epoch; a topic's id is its index.
#[derive(Debug, Default)]
pub struct Topics {
    states: Vec<TopicState>,
    /// Of each topic's newest update; 0 if it had none. Apart from the rest, because catching up
    /// walks those of all topics.
    positions: Vec<Position>,
    index: TopicTree,
}

impl Topics {
    /// Adds the next topic.
    pub fn introduce(&mut self, info: TopicInfo, channels: SmallVec<[ChannelKey; 2]>) {
        debug_assert_eq!(info.id as usize, self.states.len());
        self.index.insert(info.topic.clone());
        self.positions.push(0);
        self.states.push(TopicState {
            info,
            seq: 0,
            status: Status::Live,
            status_since_ns: 0,
            status_number: 0,
            channels,
            bincode: Vec::new(),
            json: Vec::new(),
        });
    }

    /// Takes an update as its topic's newest.
    pub fn apply(&mut self, update: TapeUpdate<'_>) -> &mut TopicState {
        let state = &mut self.states[update.topic as usize];
        state.seq += 1;
        self.positions[update.topic as usize] = update.position;
        state.bincode.clear();
        state.bincode.extend_from_slice(update.bincode);
        state.json.clear();
        state
    }

    /// Position of a topic's newest update.
    pub fn position(&self, id: TopicId) -> Position {
        self.positions[id as usize]
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The name of a topic that was introduced.
    pub fn name(&self, id: TopicId) -> &Topic {
        &self[id].info.topic
    }

    /// The ids of the topics that a filter matches.
    pub fn matching(&self, filter: &Filter) -> Vec<TopicId> {
        self.index.matching(filter)
    }
}

impl Index<TopicId> for Topics {
    type Output = TopicState;

    /// A topic that was introduced.
    fn index(&self, id: TopicId) -> &TopicState {
        &self.states[id as usize]
    }
}

impl IndexMut<TopicId> for Topics {
    fn index_mut(&mut self, id: TopicId) -> &mut TopicState {
        &mut self.states[id as usize]
    }
}
