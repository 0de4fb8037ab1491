//! Ended channels on their way out: the topics forget them a few at a time, and all that have ended
//! meanwhile at once.

use fixedbitset::FixedBitSet;
use tickcast_protocol::message::TopicId;

use super::{
    channel::Channel,
    keys::{ChannelKey, Key, Keyed},
    steps::Steps,
    topics::Topics,
};

/// Maximum number of channels that leave together. The sets of their topics are united in one step
/// per channel and 8,192 topics.
const LEAVE_TOGETHER_MAX: usize = 256;

/// Channels of a topic that are compared in one step: they lie next to each other.
const CHANNELS_PER_STEP: usize = 8;

/// The ended channels of a shard; see the module.
#[derive(Debug, Default)]
pub(super) struct EndedChannels {
    /// Ended channels that new topics still find.
    findable: Vec<ChannelKey>,
    /// Other ended channels whose turn has not come.
    waiting: Vec<ChannelKey>,
    leaving: Option<Leaving>,
}

/// Channels that leave the lists of their topics.
#[derive(Debug)]
struct Leaving {
    channels: Vec<ChannelKey>,
    /// The same, by index.
    is_leaving: FixedBitSet,
    /// Topics of any of them.
    topics: FixedBitSet,
    /// The next block of `topics`.
    next: usize,
}

impl EndedChannels {
    /// Adds a channel that has ended. New topics still find it.
    pub(super) fn push(&mut self, key: ChannelKey) {
        self.findable.push(key);
    }

    /// Takes a channel that new topics find, so that they find it no more.
    pub(super) fn take_findable(&mut self) -> Option<ChannelKey> {
        self.findable.pop()
    }

    /// Adds a channel whose topics are known: no new topic finds it any more.
    pub(super) fn push_unfindable(&mut self, key: ChannelKey) {
        self.waiting.push(key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.findable.is_empty() && self.waiting.is_empty() && self.leaving.is_none()
    }

    /// Goes on while there are steps. Returns the channels that no topic knows any more.
    pub(super) fn sweep(
        &mut self,
        channels: &Keyed<ChannelKey, Channel>,
        topics: &mut Topics,
        steps: &mut Steps,
    ) -> Vec<ChannelKey> {
        let mut removed = Vec::new();
        while !steps.are_spent() {
            if self.leaving.is_none() && self.waiting.is_empty() {
                break;
            }
            let leaving = self
                .leaving
                .get_or_insert_with(|| Leaving::begin(&mut self.waiting, channels, steps));
            if leaving.advance(topics, steps) {
                removed.append(&mut leaving.channels);
                self.leaving = None;
            }
        }
        removed
    }
}

impl Leaving {
    fn begin(
        waiting: &mut Vec<ChannelKey>,
        slots: &Keyed<ChannelKey, Channel>,
        steps: &mut Steps,
    ) -> Self {
        let first = waiting.len().saturating_sub(LEAVE_TOGETHER_MAX);
        let channels = waiting.split_off(first);
        let mut is_leaving = FixedBitSet::new();
        let mut topics = FixedBitSet::new();
        for &key in &channels {
            is_leaving.grow_and_insert(key.index());
            let channel = &slots[key];
            match channel.topic_set() {
                Some(set) => topics.union_with(set),
                None => channel
                    .topics()
                    .for_each(|id| topics.grow_and_insert(id as usize)),
            }
            steps.take(1 + topics.as_slice().len() / 128);
        }
        Self {
            channels,
            is_leaving,
            topics,
            next: 0,
        }
    }

    /// Returns whether all topics have forgotten the channels.
    fn advance(&mut self, topics: &mut Topics, steps: &mut Steps) -> bool {
        let blocks = self.topics.as_slice();
        while let Some(&block) = blocks.get(self.next) {
            if steps.are_spent() {
                return false;
            }
            steps.take(1);
            let mut left = block;
            while left != 0 {
                let id = self.next * usize::BITS as usize + left.trailing_zeros() as usize;
                left &= left - 1;
                let of_topic = &mut topics[id as TopicId].channels;
                steps.take(1 + of_topic.len() / CHANNELS_PER_STEP);
                of_topic.retain(|key| !self.is_leaving.contains(key.index()));
                // A list that was long keeps its memory otherwise.
                if of_topic.spilled() && of_topic.capacity() >= 4 * of_topic.len() {
                    of_topic.shrink_to_fit();
                }
            }
            self.next += 1;
        }
        true
    }
}
