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
    ended_channels::EndedChannels,
    keys::{ChannelKey, Keyed},
    steps::Steps,
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
    ended: EndedChannels,
}

impl Channels {
    pub(super) fn new() -> Self {
        Self {
            slots: Keyed::new(),
            by_spec: HashMap::new(),
            by_filter: FilterTree::default(),
            unpaced: 0,
            ended: EndedChannels::default(),
        }
    }

    /// The channel for a spec, if there is one.
    pub(super) fn find(&self, spec: &ChannelSpec) -> Option<ChannelKey> {
        self.by_spec.get(spec).copied()
    }

    /// Creates the channel for a spec that has none. It starts when it is [built](Self::build).
    pub(super) fn insert(
        &mut self,
        spec: ChannelSpec,
        epoch: Epoch,
        topics: &Topics,
        steps: &mut Steps,
    ) -> ChannelKey {
        let search = topics.search(&spec.filter, steps);
        let channel = |key| Channel::new(key, spec.clone(), epoch, search);
        let key = self.slots.insert_with(channel);
        // New topics find the channel from now on, and the search finds all earlier ones.
        self.by_filter.insert(&spec.filter, key, steps);
        self.unpaced += usize::from(spec.pace.interval().is_zero());
        self.by_spec.insert(spec, key);
        key
    }

    /// Goes on to search for a new channel's topics. With the last one the channel starts at
    /// `head`, the newest position applied. Returns whether it has started.
    pub(super) fn build(
        &mut self,
        key: ChannelKey,
        topics: &mut Topics,
        head: Position,
        steps: &mut Steps,
    ) -> bool {
        let channel = &mut self.slots[key];
        let Some(search) = &mut channel.search else {
            return true;
        };
        let mut found = Vec::new();
        let is_over = topics.advance(search, steps, |id| found.push(id));
        for id in found {
            channel.find_topic(&topics[id]);
            topics[id].channels.push(key);
        }
        if is_over {
            channel.search = None;
            channel.start(head);
        }
        is_over
    }

    /// Ends a channel that has no subscription any more. New topics and its own forget it, and its
    /// key becomes free, in calls of [`sweep`](Self::sweep).
    pub(super) fn end(&mut self, key: ChannelKey) {
        let channel = &mut self.slots[key];
        channel.end();
        self.unpaced -= usize::from(channel.spec.pace.interval().is_zero());
        self.by_spec.remove(&channel.spec);
        self.ended.push(key);
    }

    /// Whether channels have ended and are not removed yet.
    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Goes on to remove ended channels. Returns those that are removed now, whose keys are free.
    pub(super) fn sweep(&mut self, topics: &mut Topics, steps: &mut Steps) -> Vec<ChannelKey> {
        while !steps.are_spent()
            && let Some(key) = self.ended.take_findable()
        {
            let filter = &self.slots[key].spec.filter;
            self.by_filter.remove(filter, key, steps);
            self.ended.push_unfindable(key);
        }
        let removed = self.ended.sweep(&self.slots, topics, steps);
        for &key in &removed {
            self.slots.remove(key);
        }
        removed
    }

    pub(super) fn get_mut(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        self.slots.get_mut(key)
    }

    /// The channels whose filter matches a topic.
    pub(super) fn matching(&self, topic: &Topic, steps: &mut Steps) -> SmallVec<[ChannelKey; 2]> {
        let mut found = self.by_filter.matching(topic, steps);
        steps.take(found.len());
        // Channels that have ended are found until their filters are removed.
        found.retain(|key| self.slots[*key].subscriptions > 0);
        found
    }

    /// Number of channels that have not ended.
    pub(super) fn len(&self) -> usize {
        self.by_spec.len()
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
        let unscheduled =
            |&(_, channel): &(ChannelKey, &Channel)| !channel.is_scheduled && !channel.is_silent();
        for (_, channel) in self.slots.iter().filter(unscheduled) {
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
