//! The way of status changes from the tape to subscribers, and of what else is known about a topic.
//!
//! A shard numbers the changes in order. Live subscribers get them before the values of the turn;
//! all others have a [`StatusCursor`](super::StatusCursor).

use tickcast_protocol::message::{Position, TopicId, TopicInfo};

use super::{channels::Channels, keys::ChannelKey, topics::Topics};
use crate::tape::StatusChange;

/// The status changes of a shard; see the module.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    /// Number of changes so far.
    changes: u64,
    /// Channels with changes to send in this turn.
    channels: Vec<ChannelKey>,
}

/// The changes of a channel that its live subscribers do not know yet.
#[derive(Debug)]
pub(super) struct UnsentChanges {
    /// The topics, ascending.
    pub(super) topics: Vec<TopicId>,
    /// The number up to which live subscribers know the changes.
    pub(super) known: u64,
}

impl Statuses {
    /// Counts a change. Returns its number.
    pub(super) fn count(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// Applies a topic's new status.
    pub(super) fn change(
        &mut self,
        change: StatusChange,
        topics: &mut Topics,
        channels: &mut Channels,
    ) {
        let number = self.count();
        topics.change_status(change, number);
        self.tell(change.topic, topics, channels);
    }

    /// Applies what else is known about a topic from `position` on.
    pub(super) fn change_info(
        &mut self,
        info: &TopicInfo,
        position: Position,
        topics: &mut Topics,
        channels: &mut Channels,
    ) {
        let number = self.count();
        topics.change_info(info, position, number);
        self.tell(info.id, topics, channels);
    }

    fn tell(&mut self, id: TopicId, topics: &Topics, channels: &mut Channels) {
        for &key in &topics[id].channels {
            let channel = &mut channels[key];
            channel.status_number = self.changes;
            if channel.statuses.is_empty() {
                self.channels.push(key);
            }
            channel.statuses.push(id);
        }
    }

    /// Takes the channels with changes to send.
    pub(super) fn take_channels(&mut self) -> Vec<ChannelKey> {
        std::mem::take(&mut self.channels)
    }

    /// Takes a channel's changes and marks them as sent.
    pub(super) fn take_unsent(key: ChannelKey, channels: &mut Channels) -> Option<UnsentChanges> {
        let channel = channels.get_mut(key)?;
        let mut topics = std::mem::take(&mut channel.statuses);
        let known = std::mem::replace(&mut channel.status_known, channel.status_number);
        topics.sort_unstable();
        topics.dedup();
        Some(UnsentChanges { topics, known })
    }
}
