//! The subscriptions of a session, and the topics that the server has introduced to it.

use tickcast_protocol::{
    message::{ChannelId, Seq},
    topic::Filter,
};

use crate::ledger::{EpochSlot, Receiver, TopicKey};

/// A filter with its channel and its ledger.
#[derive(Debug)]
pub(super) struct FollowedFilter {
    pub(super) filter: Filter,
    pub(super) channel: ChannelId,
    pub(super) receiver: Receiver,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// In the order of the request. Empty before the first answer.
    pub(super) filters: Vec<FollowedFilter>,
    pub(super) epoch: Option<EpochSlot>,
    /// One bit per topic key, of one epoch.
    introduced: Vec<u64>,
}

impl Followed {
    /// Forgets introductions of another epoch.
    pub(super) fn set_epoch(&mut self, epoch: EpochSlot) {
        if self.epoch != Some(epoch) {
            self.introduced.clear();
            self.epoch = Some(epoch);
        }
    }

    /// The index of a channel's filter.
    pub(super) fn find(&self, channel: ChannelId) -> Option<usize> {
        let mut filters = self.filters.iter();
        filters.position(|followed| followed.channel == channel)
    }

    /// The receivers that follow one of these topics, given with their newest seq.
    pub(super) fn of_newest<'a>(
        &'a self,
        newest: &'a [(TopicKey, &'a str, Seq)],
    ) -> impl Iterator<Item = (&'a Receiver, TopicKey, Seq)> {
        self.filters.iter().flat_map(move |followed| {
            let receiver = &followed.receiver;
            newest.iter().filter_map(move |&(key, name, seq)| {
                let concerns = receiver.newest(key).is_some() || followed.filter.matches(name);
                concerns.then_some((receiver, key, seq))
            })
        })
    }

    pub(super) fn is_introduced(&self, topic: TopicKey) -> bool {
        let word = self.introduced.get(topic as usize / 64);
        word.is_some_and(|word| word >> (topic % 64) & 1 == 1)
    }

    pub(super) fn introduce(&mut self, topic: TopicKey) {
        let index = topic as usize / 64;
        if self.introduced.len() <= index {
            self.introduced.resize(index + 1, 0);
        }
        self.introduced[index] |= 1 << (topic % 64);
    }
}
