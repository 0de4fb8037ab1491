//! The queue from all feeds and publishers to the sequencer. It is bounded.

use smallvec::{SmallVec, smallvec};
use tickcast_core::{
    Now,
    work::{Ack, FeedId, NewUpdate, Submission, Work},
};
use tokio::sync::mpsc;

use crate::clock::Clock;

/// Submissions that wait for the sequencer, at most. It takes them in microseconds, so a full queue
/// means that the machine is saturated; then feeds wait, which pushes back on their sources.
pub(super) const QUEUE_MAX_SUBMISSIONS: usize = 4096;

/// Work, and when it came in: an update's ingest time counts from here, however long it waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// When it was handed over.
    pub at: Now,
    /// The work.
    pub work: Work,
}

/// The sequencer has ended: the server is ending.
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

    /// Says that a feed's source is gone, after everything that it has handed over.
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
