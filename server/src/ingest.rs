//! The way in: one bounded queue from all feeds and publishers to the sequencer.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use tickcast_protocol::{
    message::{Position, Quality, RequestId, TimeNs, TopicId},
    topic::Topic,
    value::Value,
};
use tokio::sync::mpsc;

use crate::{
    clock::{Clock, Now},
    history::Stretch,
};

/// Submissions that wait for the sequencer, at most. It takes them in microseconds, so a full
/// queue means that the machine is saturated; then feeds wait, which pushes back on their sources.
pub const QUEUE_MAX_SUBMISSIONS: usize = 4096;

/// An update that is not on the tape yet.
#[derive(Debug, Clone, PartialEq)]
pub struct NewUpdate {
    /// Its topic.
    pub topic: Topic,
    /// What happened.
    pub value: Value,
    /// When it happened, by the source's clock, in ns since the Unix epoch.
    pub source_time_ns: Option<TimeNs>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// The unit of the topic's readings. What the first update of a topic says holds.
    pub unit: Option<Arc<str>>,
}

/// Where to send the answer to a client's publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The shard that has the connection.
    pub shard: usize,
    /// The connection's serial number in its shard.
    pub connection: u64,
    /// The client's request.
    pub id: RequestId,
}

/// A feed's place in the settings.
pub type FeedId = u16;

/// Updates that belong together, where they come from, and who wants to know.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Submission {
    /// In this order.
    pub updates: SmallVec<[NewUpdate; 1]>,
    /// Whom to tell once they are on the tape.
    pub ack: Option<Ack>,
    /// The feed that brings them; none if a client does.
    pub feed: Option<FeedId>,
}

/// What a client wants to know of a topic's past.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryQuestion {
    /// Who asks.
    pub from: Ack,
    /// Of which topic.
    pub topic: Topic,
    /// Updates, at most.
    pub limit: usize,
    /// Only updates before this position.
    pub before: Option<Position>,
}

/// The answer to a [`HistoryQuestion`].
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryAnswer {
    /// Who asked.
    pub to: Ack,
    /// The topic's id; none if it is not known.
    pub topic: Option<TopicId>,
    /// What is known of its past.
    pub stretch: Stretch,
}

/// What waits for the sequencer.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Updates to put on the tape.
    Updates(Submission),
    /// A feed has lost its source, or has no more: what it brought is not live any more.
    FeedDown(FeedId),
    /// A question about the past, to be answered with all that was submitted before.
    History(HistoryQuestion),
}

impl Work {
    /// The client's request that it came from, if the client waits for an answer.
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Updates(submission) => submission.ack.map(|ack| ack.id),
            Self::FeedDown(_) => None,
            Self::History(question) => Some(question.from.id),
        }
    }
}

/// Work, and when it came in: an update's ingest time counts from here, however long it waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// When it was handed over.
    pub at: Now,
    /// It.
    pub work: Work,
}

/// The sequencer is gone: the server is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is ending")]
pub struct Ended;

/// The feeds' end of the queue.
#[derive(Debug, Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Arrival>,
    clock: Clock,
    feed: Option<FeedId>,
}

impl Ingest {
    /// A queue, as its two ends.
    pub fn new(clock: Clock) -> (Self, mpsc::Receiver<Arrival>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MAX_SUBMISSIONS);
        let feed = None;
        (Self { queue, clock, feed }, receiver)
    }

    /// The end of one feed.
    pub fn of_feed(&self, feed: FeedId) -> Self {
        Self {
            feed: Some(feed),
            ..self.clone()
        }
    }

    /// Whether a submission would have to wait now.
    pub fn is_full(&self) -> bool {
        self.queue.capacity() == 0
    }

    /// Hands an update over; waits while the queue is full.
    pub async fn submit(&self, update: NewUpdate) -> Result<(), Ended> {
        self.submit_all(smallvec![update], None).await
    }

    /// Hands over updates that belong together; waits while the queue is full.
    pub async fn submit_all(
        &self,
        updates: SmallVec<[NewUpdate; 1]>,
        ack: Option<Ack>,
    ) -> Result<(), Ended> {
        let feed = self.feed;
        self.hand_over(Work::Updates(Submission { updates, ack, feed }))
            .await
    }

    /// Says that a feed's source is gone, behind all that it has handed over.
    pub async fn tell_down(&self) -> Result<(), Ended> {
        match self.feed {
            Some(feed) => self.hand_over(Work::FeedDown(feed)).await,
            None => Ok(()),
        }
    }

    /// Hands over any work; waits while the queue is full.
    pub async fn hand_over(&self, work: Work) -> Result<(), Ended> {
        let arrival = self.arrival(work);
        self.queue.send(arrival).await.map_err(|_| Ended)
    }

    /// Hands an update over from a thread that is not part of a runtime.
    pub fn submit_blocking(&self, update: NewUpdate) -> Result<(), Ended> {
        let submission = Submission {
            updates: smallvec![update],
            ack: None,
            feed: self.feed,
        };
        let arrival = self.arrival(Work::Updates(submission));
        self.queue.blocking_send(arrival).map_err(|_| Ended)
    }

    fn arrival(&self, work: Work) -> Arrival {
        let at = self.clock.now();
        Arrival { at, work }
    }
}
