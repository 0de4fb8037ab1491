//! A status cursor: how far a subscriber knows the status and the infos of its topics.
//!
//! The cursor answers one question: which of its topics have changed their status or their info
//! since the cursor's number? A subscriber that is behind gets these changes before anything else,
//! so that it never takes the value of a stale topic for a fresh one.

use bytes::Bytes;
use tickcast_protocol::message::{Position, Status, TopicId};

use super::{
    channel::Channel,
    topics::{TopicState, Topics},
};
use crate::wire;

/// Maximum number of topics in one message: with the longest names, about one catch-up frame.
pub(super) const STATUSES_PER_FRAME_MAX: usize = 1024;

/// How far a subscriber knows the status of its topics; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusCursor {
    /// The subscriber knows the changes up to this number.
    pub known: u64,
    /// A live topic whose newest change has this number or a lower one is not sent: the subscriber
    /// never knew it in another status. Nor is an info: batches introduce its topic.
    pub base: u64,
    /// The position of a client that resumes. It knows the infos that had changed before.
    pub resumed_at: Option<Position>,
}

impl StatusCursor {
    /// The cursor of a subscriber that knows no status of a channel.
    pub(super) fn fresh(channel: &Channel) -> Self {
        Self {
            known: 0,
            base: channel.status_number,
            resumed_at: None,
        }
    }

    /// The cursor of a subscriber that knows no status of a channel, but its topics' infos at a
    /// position.
    pub(super) fn resumed(channel: &Channel, position: Position) -> Self {
        Self {
            resumed_at: Some(position),
            ..Self::fresh(channel)
        }
    }

    /// The cursor of a subscriber that knows every status of a channel.
    pub(super) fn current(channel: &Channel) -> Self {
        Self {
            known: channel.status_number,
            base: 0,
            resumed_at: None,
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
            .filter(|(_, topic)| topic.news_number() > self.known)
            .filter(|(_, topic)| self.wants_status(topic) || self.wants_info(topic))
            .map(|(id, topic)| (topic.news_number(), id))
            .collect();
        if found.len() > STATUSES_PER_FRAME_MAX {
            found.select_nth_unstable(STATUSES_PER_FRAME_MAX - 1);
            found.truncate(STATUSES_PER_FRAME_MAX);
            self.known = found.iter().map(|&(number, _)| number).max()?;
        } else {
            self.known = channel.status_number;
        }
        // The number of a topic's older change may be before the cursor: both are sent.
        let rows = found.into_iter().map(|(_, id)| {
            let topic = &topics[id];
            topic.news(self.wants_info(topic), self.wants_status(topic))
        });
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| wire::statuses(channel.key.id(), &rows, channel.spec.wire))
    }

    fn wants_status(&self, topic: &TopicState) -> bool {
        topic.status_number > self.base || topic.status != Status::Live
    }

    fn wants_info(&self, topic: &TopicState) -> bool {
        let missed = |position| topic.info_number > 0 && topic.info_position >= position;
        topic.info_number > self.base || self.resumed_at.is_some_and(missed)
    }
}
