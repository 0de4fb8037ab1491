//! A shard's channels, found by key, by spec, and by topic.

use std::{
    ops::{Index, IndexMut},
    time::Duration,
};

use hashbrown::HashMap;
use smallvec::SmallVec;
use tickcast_protocol::{
    message::{Epoch, Position},
    topic::Topic,
};

use super::{
    channel::{Channel, ChannelSpec},
    keys::{ChannelKey, Keyed},
    topic_index::FilterTree,
    topics::Topics,
};

/// The channels of a shard; see the module.
#[derive(Debug)]
pub(super) struct Channels {
    slots: Keyed<ChannelKey, Channel>,
    by_spec: HashMap<ChannelSpec, ChannelKey>,
    by_filter: FilterTree<ChannelKey>,
    /// Number of channels without a pace, which send their updates at once.
    unpaced: usize,
}

impl Channels {
    pub(super) fn new() -> Self {
        Self {
            slots: Keyed::new(),
            by_spec: HashMap::new(),
            by_filter: FilterTree::default(),
            unpaced: 0,
        }
    }

    /// The channel for a spec, if there is one.
    pub(super) fn find(&self, spec: &ChannelSpec) -> Option<ChannelKey> {
        self.by_spec.get(spec).copied()
    }

    /// Creates the channel for a spec that has none. The channel starts at `head`, the newest
    /// position applied.
    pub(super) fn insert(
        &mut self,
        spec: ChannelSpec,
        epoch: Epoch,
        topics: &mut Topics,
        head: Position,
    ) -> ChannelKey {
        let channel = |key| Channel::new(key, spec.clone(), epoch, topics, head);
        let key = self.slots.insert_with(channel);
        for id in self.slots[key].topics() {
            topics[id].channels.push(key);
        }
        self.by_filter.insert(&spec.filter, key);
        self.unpaced += usize::from(spec.pace.interval().is_zero());
        self.by_spec.insert(spec, key);
        key
    }

    /// Removes an existing channel.
    pub(super) fn remove(&mut self, key: ChannelKey, topics: &mut Topics) {
        let channel = self.slots.remove(key);
        for id in channel.topics() {
            topics[id].channels.retain(|&mut channel| channel != key);
        }
        self.by_filter.remove(&channel.spec.filter, key);
        self.unpaced -= usize::from(channel.spec.pace.interval().is_zero());
        self.by_spec.remove(&channel.spec);
    }

    pub(super) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        self.slots.get_mut(key)
    }

    /// The channels whose filter matches a topic.
    pub(super) fn matching(&self, topic: &Topic) -> SmallVec<[ChannelKey; 2]> {
        self.by_filter.matching(topic)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Channels whose timer is set.
    pub(super) fn scheduled(&self) -> impl Iterator<Item = ChannelKey> {
        let scheduled = self
            .slots
            .iter()
            .filter(|(_, channel)| channel.is_scheduled);
        scheduled.map(|(key, _)| key)
    }

    /// The earliest time (uptime, at most `limit`) at which a new update must be sent although no
    /// timer is set for it. Returns `None` if a new update must be sent at once.
    pub(super) fn quiet_until(&self, limit: Duration) -> Option<Duration> {
        if self.unpaced > 0 {
            return None;
        }
        let mut until = limit;
        for (_, channel) in self.slots.iter().filter(|(_, c)| !c.is_scheduled) {
            until = until.min(channel.last_flush? + channel.spec.pace.interval());
        }
        Some(until)
    }
}

impl Index<ChannelKey> for Channels {
    type Output = Channel;

    fn index(&self, key: ChannelKey) -> &Channel {
        &self.slots[key]
    }
}

impl IndexMut<ChannelKey> for Channels {
    fn index_mut(&mut self, key: ChannelKey) -> &mut Channel {
        &mut self.slots[key]
    }
}
