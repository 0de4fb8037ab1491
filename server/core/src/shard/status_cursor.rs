//! A status cursor: how far a subscriber knows the status of its topics.
//!
//! The cursor answers one question: which of its topics have changed their status since the
//! cursor's number? A subscriber that is behind gets these changes before anything else, so that it
//! never takes the value of a stale topic for a fresh one.

use bytes::Bytes;
use tickcast_protocol::message::{Status, TopicId};

use super::{channel::Channel, topics::Topics};
use crate::wire;

/// Maximum number of topics in one message: with the longest names, about one catch-up frame.
pub(super) const STATUSES_PER_FRAME_MAX: usize = 1024;

/// How far a subscriber knows the status of its topics; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusCursor {
    /// The subscriber knows the changes up to this number.
    pub known: u64,
    /// A live topic whose newest change has this number or a lower one is not sent: the subscriber
    /// never knew it in another status.
    pub base: u64,
}

impl StatusCursor {
    /// The cursor of a subscriber that knows no status of a channel.
    pub(super) fn fresh(channel: &Channel) -> Self {
        Self {
            known: 0,
            base: channel.status_number,
        }
    }

    /// The cursor of a subscriber that knows every status of a channel.
    pub(super) fn current(channel: &Channel) -> Self {
        Self {
            known: channel.status_number,
            base: 0,
        }
    }

    /// Whether the subscriber knows every status of a channel.
    pub(super) fn is_current(&self, channel: &Channel) -> bool {
        self.known >= channel.status_number
    }

    /// The next message about changes, if there are any to send.
    pub(super) fn step(&mut self, channel: &Channel, topics: &Topics) -> Option<Bytes> {
        if self.is_current(channel) {
            return None;
        }
        let mut found: Vec<(u64, TopicId)> = channel
            .topics()
            .map(|id| (id, &topics[id]))
            .filter(|(_, topic)| topic.status_number > self.known)
            .filter(|(_, topic)| topic.status_number > self.base || topic.status != Status::Live)
            .map(|(id, topic)| (topic.status_number, id))
            .collect();
        if found.len() > STATUSES_PER_FRAME_MAX {
            found.select_nth_unstable(STATUSES_PER_FRAME_MAX - 1);
            found.truncate(STATUSES_PER_FRAME_MAX);
            self.known = found.iter().map(|&(number, _)| number).max()?;
        } else {
            self.known = channel.status_number;
        }
        let rows = found.into_iter().map(|(_, id)| topics[id].status_row());
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| wire::statuses(channel.key.id(), &rows, channel.spec.wire))
    }
}
