//! How the status of topics gets from the tape to subscribers.
//!
//! A shard numbers the changes as they come; all shards see them in the same order. What a
//! subscriber is to be told is again one question: which of its topics changed their status since
//! its number? Whoever is behind is told that before anything else, so that no value of a topic
//! that is stale by now is taken for fresh.

use bytes::Bytes;
use tickcast_protocol::message::{Status, TopicId};

use crate::{
    channel::{Channel, ChannelKey},
    connection::Socket,
    frame,
    liveness::StatusChange,
    shard::Shard,
    subscription::{Progress, Subscription},
    topics::Topics,
};

/// Topics in one message, at most: with the longest names about a catch-up frame's worth.
const STATUSES_PER_FRAME_MAX: usize = 1024;

/// What a subscriber knows of the status of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCursor {
    /// Changes up to this number have been told.
    pub told: u64,
    /// Topics whose newest change has this number or a lower one, and which are live, need not be
    /// told: the subscriber never heard anything else.
    pub base: u64,
}

impl StatusCursor {
    /// Of a subscriber that has been told nothing of a channel.
    pub fn fresh(channel: &Channel) -> Self {
        Self {
            told: 0,
            base: channel.status_number,
        }
    }

    /// Of a subscriber that has been told all.
    pub fn current(channel: &Channel) -> Self {
        Self {
            told: channel.status_number,
            base: 0,
        }
    }

    /// The next frame of what has changed, if there is anything to tell.
    pub(crate) fn step(&mut self, channel: &Channel, topics: &Topics) -> Option<Bytes> {
        if self.told >= channel.status_number {
            return None;
        }
        let mut found: Vec<(u64, TopicId)> = channel
            .topics()
            .map(|id| (id, topics.get(id)))
            .filter(|(_, topic)| topic.status_number > self.told)
            .filter(|(_, topic)| topic.status_number > self.base || topic.status != Status::Live)
            .map(|(id, topic)| (topic.status_number, id))
            .collect();
        if found.len() > STATUSES_PER_FRAME_MAX {
            found.select_nth_unstable(STATUSES_PER_FRAME_MAX - 1);
            found.truncate(STATUSES_PER_FRAME_MAX);
            self.told = found.iter().map(|&(number, _)| number).max()?;
        } else {
            self.told = channel.status_number;
        }
        let ids = found.into_iter().map(|(_, id)| topics.get(id));
        let ids: Vec<_> = ids.collect();
        (!ids.is_empty()).then(|| frame::statuses(channel.key, &ids, channel.spec.wire))
    }
}

impl<S: Socket> Shard<S> {
    /// Takes a topic's new status in; [`send_statuses`](Self::send_statuses) tells it.
    pub(crate) fn change_status(&mut self, change: StatusChange) {
        self.status_changes += 1;
        let topic = self.topics.get_mut(change.topic);
        topic.status = change.status;
        topic.status_since_ns = change.since_ns;
        topic.status_number = self.status_changes;
        for &key in &topic.channels {
            let channel = &mut self.channels[key as usize];
            channel.status_number = self.status_changes;
            if channel.statuses.is_empty() {
                self.status_channels.push(key);
            }
            channel.statuses.push(change.topic);
        }
    }

    /// Tells those who are live, and those who only wait for their channel's next batch, what has
    /// changed in this round.
    pub(crate) fn send_statuses(&mut self) {
        for key in std::mem::take(&mut self.status_channels) {
            self.send_statuses_of(key);
        }
    }

    fn send_statuses_of(&mut self, key: ChannelKey) {
        let Some(channel) = self.channels.get_mut(key as usize) else {
            return;
        };
        let mut ids = std::mem::take(&mut channel.statuses);
        let before = std::mem::replace(&mut channel.status_told, channel.status_number);
        let listeners = [channel.live.as_slice(), channel.waiting.as_slice()].concat();
        if listeners.is_empty() {
            return;
        }
        ids.sort_unstable();
        ids.dedup();
        let channel = &self.channels[key as usize];
        let topics: Vec<_> = ids.iter().map(|&id| self.topics.get(id)).collect();
        let frames: Vec<Bytes> = topics
            .chunks(STATUSES_PER_FRAME_MAX)
            .map(|topics| frame::statuses(key, topics, channel.spec.wire))
            .collect();
        let current = StatusCursor::current(channel);
        for subscription in listeners {
            let Subscription {
                connection,
                ref mut progress,
                ..
            } = self.subscriptions[subscription as usize];
            if let Progress::Behind(behind) = progress {
                // Whoever does not get it now will find it by its cursor.
                let is_blocked = self.connections[connection.index as usize].is_blocked();
                if is_blocked || behind.statuses.told != before {
                    continue;
                }
                behind.statuses = current;
            }
            for frame in &frames {
                self.deliver(connection, frame.clone());
            }
        }
    }
}
