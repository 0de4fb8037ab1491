//! What a subscriber knows of the status of its topics.
//!
//! It is one question again: which of its topics changed their status since its number? A
//! subscriber that is behind is told that before anything else, so that no value of a topic that is
//! stale by now is taken for fresh.

use bytes::Bytes;
use tickcast_protocol::message::{Status, TopicId};

use super::{channel::Channel, topics::Topics};
use crate::wire;

/// Topics in one message, at most: with the longest names about a catch-up frame's worth.
pub(super) const STATUSES_PER_FRAME_MAX: usize = 1024;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusCursor {
    /// Changes up to this number have been told.
    pub told: u64,
    /// Live topics whose newest change has this number or a lower one need not be told: the
    /// subscriber never heard anything else.
    pub base: u64,
}

impl StatusCursor {
    /// Of a subscriber that has been told nothing of a channel.
    pub(super) fn fresh(channel: &Channel) -> Self {
        Self {
            told: 0,
            base: channel.status_number,
        }
    }

    /// Of a subscriber that has been told everything.
    pub(super) fn current(channel: &Channel) -> Self {
        Self {
            told: channel.status_number,
            base: 0,
        }
    }

    /// The next message about changes, if there are any to tell.
    pub(super) fn step(&mut self, channel: &Channel, topics: &Topics) -> Option<Bytes> {
        if self.told >= channel.status_number {
            return None;
        }
        let mut found: Vec<(u64, TopicId)> = channel
            .topics()
            .map(|id| (id, &topics[id]))
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
        let rows = found.into_iter().map(|(_, id)| topics[id].status_row());
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| wire::statuses(channel.key.id(), &rows, channel.spec.wire))
    }
}
