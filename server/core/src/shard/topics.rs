//! A shard's topics: the newest value, the status and the channels of each.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

use smallvec::SmallVec;
use tickcast_protocol::{
    codec::Encoding,
    message::{Position, Seq, Status, TimeNs, TopicId, TopicInfo},
    topic::{Filter, Topic},
};

use super::{
    keys::ChannelKey,
    steps::Steps,
    topic_index::{Search, TopicTree},
};
use crate::{
    restored::RestoredTopic,
    tape::{Made, StatusChange, TapeUpdate, append_as_json},
    wire::News,
};

/// A topic with its newest value.
#[derive(Debug)]
pub struct TopicState {
    /// Its id, its topic, and what else is known about it.
    pub info: TopicInfo,
    /// Updates so far in this epoch.
    pub seq: Seq,
    /// Whether its source is live.
    pub status: Status,
    /// Time of its last status change, in ns since the Unix epoch; 0 if it never changed.
    pub status_since_ns: TimeNs,
    /// Number of its newest status change, counted over all topics; 0 if it never changed.
    pub status_number: u64,
    /// Number of the newest change of `info`, in the same order as status changes; 0 if it never
    /// changed.
    pub info_number: u64,
    /// The newest position on the tape at that time.
    pub info_position: Position,
    /// Channels whose filter matches.
    pub channels: SmallVec<[ChannelKey; 2]>,
    /// The newest update. It is a copy, so that a topic that has gone quiet does not keep a whole
    /// strip in memory. The buffer is reused for the next update.
    bincode: Vec<u8>,
    /// The newest update in JSON; empty until it is requested.
    json: Vec<u8>,
}

impl TopicState {
    /// The newest update in an encoding, ready to be copied into a batch.
    pub fn latest(&mut self, encoding: Encoding) -> &[u8] {
        self.latest_made(encoding).bytes
    }

    /// The same, with the work that it was.
    #[inline]
    pub fn latest_made(&mut self, encoding: Encoding) -> Made<'_> {
        let mut new_bytes = 0;
        let bytes = match encoding {
            Encoding::Bincode => &self.bincode,
            Encoding::Json => {
                if self.json.is_empty() {
                    self.make_json();
                    new_bytes = self.json.len();
                }
                &self.json
            }
        };
        Made { bytes, new_bytes }
    }

    fn make_json(&mut self) {
        append_as_json(&self.bincode, &self.info.topic, &mut self.json);
    }

    /// Number of the newest change of its status or of its info.
    pub fn news_number(&self) -> u64 {
        self.status_number.max(self.info_number)
    }

    /// What is sent about it, its info and its status, as far as each is wanted.
    pub fn news(&self, info: bool, status: bool) -> News<'_> {
        News {
            info: &self.info,
            is_info_new: info,
            status: status.then_some((self.status, self.status_since_ns)),
        }
    }
}

/// All topics of the epoch, indexed by topic id.
#[derive(Debug, Default)]
pub struct Topics {
    #[expect(clippy::vec_box, reason = "moving 100,000 states takes milliseconds")]
    states: Vec<Box<TopicState>>,
    /// Position of each topic's newest update; 0 if it had none. It is stored apart from the rest
    /// because catching up walks the positions of all topics.
    positions: Vec<Position>,
    /// Topics of which a status or an info has changed, by the number of the newest change.
    changed: BTreeMap<u64, TopicId>,
    index: TopicTree,
}

impl Topics {
    /// Adds the next topic.
    pub fn introduce(
        &mut self,
        info: TopicInfo,
        channels: SmallVec<[ChannelKey; 2]>,
        steps: &mut Steps,
    ) {
        debug_assert_eq!(info.id as usize, self.states.len());
        self.index.insert(info.topic.clone(), steps);
        self.positions.push(0);
        self.states.push(Box::new(TopicState {
            info,
            seq: 0,
            status: Status::Live,
            status_since_ns: 0,
            status_number: 0,
            info_number: 0,
            info_position: 0,
            channels,
            bincode: Vec::new(),
            json: Vec::new(),
        }));
    }

    /// Adds the next topic as it was. `change` counts its status and its info among the changes.
    pub(super) fn restore(
        &mut self,
        restored: &RestoredTopic,
        next: Position,
        mut change: impl FnMut() -> u64,
    ) {
        let RestoredTopic { info, newest, .. } = restored;
        self.introduce(info.clone(), SmallVec::new(), &mut Steps::unlimited());
        let id = info.id as usize;
        self.positions[id] = restored.position;
        let state = &mut self.states[id];
        state.seq = restored.seq;
        state.bincode.extend_from_slice(newest);
        (state.status, state.status_since_ns) = (restored.status, restored.since_ns);
        if restored.since_ns != 0 {
            state.status_number = change();
        }
        if info.unit.is_some() || info.name.is_some() || info.state_class.is_some() {
            // When it became known is not: a client that resumes is told again.
            state.info_number = change();
            state.info_position = next - 1;
        }
        if state.news_number() > 0 {
            self.changed.insert(state.news_number(), id as TopicId);
        }
    }

    /// Applies a new status, as the change of this number.
    pub(super) fn change_status(&mut self, change: StatusChange, number: u64) {
        let topic = self.note_change(change.topic, number);
        topic.status = change.status;
        topic.status_since_ns = change.since_ns;
        topic.status_number = number;
    }

    /// Applies what else is known about a topic from `position` on, as the change of this number.
    pub(super) fn change_info(&mut self, info: &TopicInfo, position: Position, number: u64) {
        let topic = self.note_change(info.id, number);
        topic.info = info.clone();
        topic.info_position = position;
        topic.info_number = number;
    }

    fn note_change(&mut self, id: TopicId, number: u64) -> &mut TopicState {
        let topic = &mut self.states[id as usize];
        self.changed.remove(&topic.news_number());
        self.changed.insert(number, id);
        topic
    }

    /// The topics that have changed after the change of this number, each with the number of its
    /// newest change, ascending.
    pub(super) fn changed_after(&self, number: u64) -> impl Iterator<Item = (u64, TopicId)> {
        let after = self.changed.range(number + 1..);
        after.map(|(&number, &id)| (number, id))
    }

    /// Stores an update as the newest of its topic, unless it is historical and the topic has a
    /// value.
    #[inline]
    pub fn apply(&mut self, update: TapeUpdate<'_>, is_historical: bool) -> &mut TopicState {
        let state = &mut self.states[update.topic as usize];
        state.seq += 1;
        if is_historical && state.seq > 1 {
            return state;
        }
        self.positions[update.topic as usize] = update.position;
        state.bincode.clear();
        state.bincode.extend_from_slice(update.bincode);
        state.json.clear();
        state
    }

    /// Position of a topic's newest value. Historical updates may have come after it.
    #[inline]
    pub fn position(&self, id: TopicId) -> Position {
        self.positions[id as usize]
    }

    /// Number of topics.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are no topics.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The name of an introduced topic.
    pub fn name(&self, id: TopicId) -> &Topic {
        &self[id].info.topic
    }

    /// Begins a search for the topics that a filter matches.
    pub fn search(&self, filter: &Filter, steps: &mut Steps) -> Search {
        Search::new(&self.index, filter, steps)
    }

    /// Goes on with a search while there are steps, and passes the id of each topic to `found`.
    /// Returns whether the search is over.
    pub fn advance(
        &self,
        search: &mut Search,
        steps: &mut Steps,
        found: impl FnMut(TopicId),
    ) -> bool {
        search.advance(&self.index, steps, found)
    }
}

impl Index<TopicId> for Topics {
    type Output = TopicState;

    /// An introduced topic.
    fn index(&self, id: TopicId) -> &TopicState {
        &self.states[id as usize]
    }
}

impl IndexMut<TopicId> for Topics {
    fn index_mut(&mut self, id: TopicId) -> &mut TopicState {
        &mut self.states[id as usize]
    }
}

/// Topics with a value each, and the strip that has brought them.
#[cfg(test)]
pub(super) fn with_values(count: TopicId) -> (Topics, crate::tape::Strip) {
    use tickcast_protocol::{
        message::{Quality, Update},
        value::Value,
    };

    let mut topics = Topics::default();
    let mut builder = crate::tape::StripBuilder::new(1);
    for id in 0..count {
        let topic = Topic::new(&id.to_string()).unwrap();
        topics.introduce(
            TopicInfo::new(id, topic),
            SmallVec::new(),
            &mut Steps::unlimited(),
        );
        builder.push(&Update {
            topic: id,
            position: builder.next(),
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: Quality::Live,
            value: Value::Reading(1.0),
        });
    }
    let strip = builder.build();
    for update in strip.updates() {
        topics.apply(update, false);
    }
    (topics, strip)
}
