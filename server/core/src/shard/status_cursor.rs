//! A status cursor: how far a subscriber knows the status and the infos of its topics.
//!
//! The cursor answers one question: which of its topics have changed their status or their info
//! since the cursor's number? A subscriber that is behind gets these changes before anything else,
//! so that it never takes the value of a stale topic for a fresh one.

use bytes::Bytes;
use tickcast_protocol::message::{Position, Status, TopicId, TopicInfo};

use super::{
    channel::Channel,
    steps::{Steps, name_steps},
    topics::{TopicState, Topics},
};
use crate::wire::{self, News};

/// Maximum number of topics in one message: with the longest names, about one catch-up frame.
pub(super) const STATUSES_PER_FRAME_MAX: usize = 1024;

/// A channel with at most this many topics looks at all of them for each message. Otherwise it
/// follows the changes of all topics in their order, which can be interrupted.
const SCANNED_TOPICS_MAX: usize = 8_192;

/// Steps of writing what is known about a topic with a short name.
const NEWS_STEPS: usize = 12;

/// Steps of writing what is known about a topic.
pub(super) fn news_steps(info: &TopicInfo) -> usize {
    NEWS_STEPS + name_steps(info.topic.as_str())
}

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

    /// The next message about changes, if one was found within these steps. If not, and the cursor
    /// is not [current](Self::is_current), the next call goes on.
    pub(super) fn step(
        &mut self,
        channel: &Channel,
        topics: &Topics,
        steps: &mut Steps,
    ) -> Option<Bytes> {
        let (found, known) = match channel.topic_count() {
            0..=SCANNED_TOPICS_MAX => self.scan(channel, topics, steps),
            _ => self.follow(channel, topics, steps),
        };
        self.known = known.unwrap_or(channel.status_number);
        // The number of a topic's older change may be before the cursor: both are sent.
        let rows = found.into_iter().filter_map(|id| {
            let topic = &topics[id];
            steps.take(news_steps(&topic.info));
            self.wanted(topic)
        });
        let rows: Vec<_> = rows.collect();
        (!rows.is_empty()).then(|| wire::statuses(channel.key.id(), &rows, channel.spec.wire))
    }

    /// The topics of the next message, and the number up to which the subscriber then knows the
    /// changes; `None` if it knows all of them. Looks at all topics of the channel.
    fn scan(
        &self,
        channel: &Channel,
        topics: &Topics,
        steps: &mut Steps,
    ) -> (Vec<TopicId>, Option<u64>) {
        steps.take(channel.topic_count());
        let wanted = channel.topics().filter_map(|id| {
            let topic = &topics[id];
            let number = topic.news_number();
            (number > self.known && self.wanted(topic).is_some()).then_some((number, id))
        });
        let mut found: Vec<_> = wanted.collect();
        let mut known = None;
        if found.len() > STATUSES_PER_FRAME_MAX {
            found.select_nth_unstable(STATUSES_PER_FRAME_MAX - 1);
            found.truncate(STATUSES_PER_FRAME_MAX);
            known = found.iter().map(|&(number, _)| number).max();
        }
        (found.into_iter().map(|(_, id)| id).collect(), known)
    }

    /// The same, by the order of the changes of all topics.
    fn follow(
        &self,
        channel: &Channel,
        topics: &Topics,
        steps: &mut Steps,
    ) -> (Vec<TopicId>, Option<u64>) {
        let mut found = Vec::new();
        let mut known = self.known;
        for (number, id) in topics.changed_after(self.known) {
            if number > channel.status_number {
                break;
            }
            if found.len() == STATUSES_PER_FRAME_MAX || steps.are_spent() {
                return (found, Some(known));
            }
            steps.take(1);
            known = number;
            if channel.has(id) && self.wanted(&topics[id]).is_some() {
                found.push(id);
            }
        }
        (found, None)
    }

    /// What the subscriber is to be told about a topic.
    fn wanted<'a>(&self, topic: &'a TopicState) -> Option<News<'a>> {
        let (info, status) = (self.wants_info(topic), self.wants_status(topic));
        (info || status).then(|| topic.news(info, status))
    }

    fn wants_status(&self, topic: &TopicState) -> bool {
        topic.status_number > self.base || topic.status != Status::Live
    }

    fn wants_info(&self, topic: &TopicState) -> bool {
        let missed = |position| topic.info_number > 0 && topic.info_position >= position;
        topic.info_number > self.base || self.resumed_at.is_some_and(missed)
    }
}
