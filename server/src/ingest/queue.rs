//! The bounded queue from all feeds and publishers to the sequencer.

use std::time::{Duration, Instant};

use smallvec::{SmallVec, smallvec};
use tickcast_core::{
    Now,
    work::{Ack, FeedId, NewUpdate, Submission, Work},
};
use tickcast_protocol::{message::TimeNs, topic::Topic};
use tokio::sync::mpsc;

use crate::clock::Clock;

/// Maximum number of submissions that wait for the sequencer. It processes one in microseconds, so
/// a full queue means that the machine is saturated. Feeds then wait, which pushes back on their
/// sources.
pub(super) const QUEUE_MAX_SUBMISSIONS: usize = 4096;

/// Work, and the time at which it was handed over. That time is an update's ingest time, however
/// long the work waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The time at which it was handed over.
    pub at: Now,
    /// The work.
    pub work: Work,
}

/// The sequencer has ended, because the server is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is ending")]
pub struct Ended;

/// Room in the queue for one submission of a feed. Its updates count as handed over when the wait
/// for it began.
#[derive(Debug)]
pub struct Room<'a> {
    permit: mpsc::Permit<'a, Arrival>,
    at: Now,
    feed: Option<FeedId>,
}

impl Room<'_> {
    /// Hands updates over.
    pub fn submit(self, updates: SmallVec<[NewUpdate; 1]>) {
        let (ack, feed) = (None, self.feed);
        let work = Work::Updates(Submission {
            updates,
            ack,
            feed,
            once: None,
        });
        self.permit.send(Arrival { at: self.at, work });
    }

    /// Reports that the feed's source is gone.
    pub fn tell_down(self) {
        if let Some(feed) = self.feed {
            let work = Work::FeedDown(feed);
            self.permit.send(Arrival { at: self.at, work });
        }
    }

    /// Reports that the sources of some of the feed's topics are gone.
    pub fn tell_dead(self, topics: Vec<Topic>) {
        if let Some(feed) = self.feed {
            let work = Work::TopicsDead(feed, topics);
            self.permit.send(Arrival { at: self.at, work });
        }
    }
}

/// The sending end of the queue.
#[derive(Debug, Clone)]
pub struct Ingest {
    queue: mpsc::Sender<Arrival>,
    clock: Clock,
    feed: Option<FeedId>,
}

impl Ingest {
    /// Creates a queue, and returns its two ends.
    pub fn new(clock: Clock) -> (Self, mpsc::Receiver<Arrival>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MAX_SUBMISSIONS);
        let feed = None;
        (Self { queue, clock, feed }, receiver)
    }

    /// The sending end of one feed.
    pub fn of_feed(&self, feed: FeedId) -> Self {
        Self {
            feed: Some(feed),
            ..self.clone()
        }
    }

    /// The current moment.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// The instant at which the uptime equals `uptime`.
    pub fn instant(&self, uptime: Duration) -> Instant {
        self.clock.instant(uptime)
    }

    /// The time since the server's start.
    pub fn uptime(&self) -> Duration {
        self.clock.now().uptime
    }

    /// The current wall time, in ns since 1970.
    pub fn now_ns(&self) -> TimeNs {
        self.clock.now().wall_ns
    }

    /// Whether a submission would have to wait now.
    pub fn is_full(&self) -> bool {
        self.queue.capacity() == 0
    }

    /// Hands an update over. Waits while the queue is full.
    pub async fn submit(&self, update: NewUpdate) -> Result<(), Ended> {
        self.submit_all(smallvec![update], None).await
    }

    /// Hands over updates that belong together. Waits while the queue is full.
    pub async fn submit_all(
        &self,
        updates: SmallVec<[NewUpdate; 1]>,
        ack: Option<Ack>,
    ) -> Result<(), Ended> {
        let feed = self.feed;
        self.hand_over(Work::Updates(Submission {
            updates,
            ack,
            feed,
            once: None,
        }))
        .await
    }

    /// Waits until the queue has room for a submission. Until then the caller keeps its updates.
    pub async fn room(&self) -> Result<Room<'_>, Ended> {
        let at = self.clock.now();
        let permit = self.queue.reserve().await.map_err(|_| Ended)?;
        let feed = self.feed;
        Ok(Room { permit, at, feed })
    }

    /// Reports that a feed's source is gone, after everything that the feed has handed over.
    pub async fn tell_down(&self) -> Result<(), Ended> {
        match self.feed {
            Some(feed) => self.hand_over(Work::FeedDown(feed)).await,
            None => Ok(()),
        }
    }

    /// Hands over any work. Waits while the queue is full.
    pub async fn hand_over(&self, work: Work) -> Result<(), Ended> {
        let arrival = self.arrival(work);
        self.queue.send(arrival).await.map_err(|_| Ended)
    }

    /// Hands an update over from a thread outside the runtime.
    pub fn submit_blocking(&self, update: NewUpdate) -> Result<(), Ended> {
        let submission = Submission {
            updates: smallvec![update],
            ack: None,
            feed: self.feed,
            once: None,
        };
        let arrival = self.arrival(Work::Updates(submission));
        self.queue.blocking_send(arrival).map_err(|_| Ended)
    }

    fn arrival(&self, work: Work) -> Arrival {
        let at = self.clock.now();
        Arrival { at, work }
    }
}
