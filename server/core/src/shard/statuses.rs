//! How changes of status get from the tape to subscribers.
//!
//! A shard numbers the changes as they come; all shards see them in the same order. Live
//! subscribers are told at the end of the turn; the others have a
//! [`StatusCursor`](super::StatusCursor).

use tickcast_protocol::message::TopicId;

use super::{channels::Channels, keys::ChannelKey, topics::Topics};
use crate::tape::StatusChange;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    /// Changes so far.
    changes: u64,
    /// Channels with changes to be told in this turn.
    channels: Vec<ChannelKey>,
}

/// The changes of a channel that live subscribers have not been told.
#[derive(Debug)]
pub(super) struct Untold {
    /// The topics, ascending.
    pub(super) topics: Vec<TopicId>,
    /// The number up to which live subscribers have been told.
    pub(super) told: u64,
}

impl Statuses {
    /// Takes in a topic's new status.
    pub(super) fn change(
        &mut self,
        change: StatusChange,
        topics: &mut Topics,
        channels: &mut Channels,
    ) {
        self.changes += 1;
        let topic = &mut topics[change.topic];
        topic.status = change.status;
        topic.status_since_ns = change.since_ns;
        topic.status_number = self.changes;
        for &key in &topic.channels {
            let channel = &mut channels[key];
            channel.status_number = self.changes;
            if channel.statuses.is_empty() {
                self.channels.push(key);
            }
            channel.statuses.push(change.topic);
        }
    }

    /// Takes the channels with changes to be told.
    pub(super) fn take_channels(&mut self) -> Vec<ChannelKey> {
        std::mem::take(&mut self.channels)
    }

    /// Takes a channel's changes, which then count as told.
    pub(super) fn take_untold(key: ChannelKey, channels: &mut Channels) -> Option<Untold> {
        let channel = channels.get_mut(key)?;
        let mut topics = std::mem::take(&mut channel.statuses);
        let told = std::mem::replace(&mut channel.status_told, channel.status_number);
        topics.sort_unstable();
        topics.dedup();
        Some(Untold { topics, told })
    }

    /// Forgets a channel that ends.
    pub(super) fn forget(&mut self, key: ChannelKey) {
        self.channels.retain(|&channel| channel != key);
    }
}
