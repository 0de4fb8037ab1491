//! What lies between the connection's thread and the window: one bounded queue.
//!
//! It never drops anything. When it is full the connection's thread waits and reads nothing more,
//! so that the server sees a slow client and does what it does for one: it conflates, or lets the
//! tape wait, and counts what it could not keep. How often and how long that happened is counted
//! here.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tickcast_protocol::{
    client::{ClientBatch, ClockEstimate},
    message::{Epoch, Position, RequestId, TimeNs, TopicInfo, TopicStatus, Update},
    topic::{Filter, Topic},
};
use tokio::sync::Semaphore;

/// Most updates that wait: 10 seconds at 20,000 a second, some 40 MiB.
pub const INBOX_MAX_UPDATES: u32 = 200_000;

/// The state of the connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Link {
    /// An attempt is under way.
    Connecting {
        /// The first has number 1.
        attempt: u32,
    },
    /// It stands.
    Connected {
        /// Name and version of the server.
        server: String,
        /// Of the tape.
        epoch: Epoch,
    },
    /// It stands, but nothing comes: the server lets its own heartbeats out.
    Silent {
        /// When something came last.
        since: Instant,
    },
    /// There is none, and the next attempt comes later.
    BackingOff {
        /// Number of the next attempt.
        attempt: u32,
        /// When it begins.
        until: Instant,
        /// What ended the connection, or the last attempt.
        why: String,
    },
    /// There is none, and there will be none.
    Ended {
        /// Why.
        why: String,
    },
}

/// Something that came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Parcel {
    /// The connection changed its state.
    Link(Link),
    /// Updates.
    Batch {
        /// The updates.
        batch: ClientBatch,
        /// When they came, by our clock.
        received_ns: TimeNs,
    },
    /// The server says whether sources of topics are heard of.
    Statuses {
        /// Topics that are introduced, with their units.
        topics: Vec<TopicInfo>,
        /// Each topic at most once.
        statuses: Vec<TopicStatus<Topic>>,
    },
    /// A subscription to every update of a topic stands.
    Accepted {
        /// Of which topic.
        topic: Topic,
        /// All updates after this position come.
        position: Position,
    },
    /// A page of a topic's history.
    History {
        /// The answer to which request.
        id: RequestId,
        /// Ascending, without holes.
        updates: Vec<Update<Topic>>,
        /// Whether the server holds older ones.
        more: bool,
    },
    /// A page of history will not come.
    NoHistory {
        /// The answer to which request.
        id: RequestId,
        /// Whether it is of no use to ask again.
        is_final: bool,
    },
    /// Positions and seqs begin anew: what happened in between is not known.
    EpochChanged,
    /// There is no such subscription.
    Refused {
        /// Which.
        filter: Filter,
        /// Why, for people.
        reason: String,
    },
    /// What is known of the server's clock.
    Clock(ClockEstimate),
    /// Something a person should read.
    Notice(String),
}

impl Parcel {
    /// How much of the bound it takes. What has no updates takes none: there are few of them, and
    /// the state of the connection must come through. A status weighs as much as an update.
    fn weight(&self) -> u32 {
        match self {
            Self::Batch { batch, .. } => weight_of(batch.updates.len()),
            Self::Statuses { statuses, .. } => weight_of(statuses.len()),
            Self::History { updates, .. } => weight_of(updates.len()),
            _ => 0,
        }
    }
}

/// What is larger than the bound takes all of it.
fn weight_of(len: usize) -> u32 {
    u32::try_from(len)
        .unwrap_or(u32::MAX)
        .min(INBOX_MAX_UPDATES)
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    waiting: Mutex<Waiting>,
    room: Semaphore,
    waker: Box<dyn Fn() + Send + Sync>,
    held_back: AtomicU64,
    held_back_ns: AtomicU64,
}

/// What waits, and since when the first of it does.
#[derive(Debug, Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    since: Option<Instant>,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox")
            .field("room", &self.shared.room.available_permits())
            .finish_non_exhaustive()
    }
}

impl Inbox {
    /// An empty queue. `waker` is called when the first parcel comes into an empty queue.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                waiting: Mutex::default(),
                room: Semaphore::new(INBOX_MAX_UPDATES as usize),
                waker: Box::new(waker),
                held_back: AtomicU64::new(0),
                held_back_ns: AtomicU64::new(0),
            }),
        }
    }

    /// Puts a parcel in; waits as long as there is no room. Whether anybody still wants it.
    pub async fn put(&self, parcel: Parcel) -> bool {
        let weight = parcel.weight();
        match self.shared.room.try_acquire_many(weight) {
            Ok(permit) => permit.forget(),
            Err(_) => {
                let since = Instant::now();
                let Ok(permit) = self.shared.room.acquire_many(weight).await else {
                    return false;
                };
                permit.forget();
                let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.shared.held_back.fetch_add(1, Ordering::Relaxed);
                self.shared
                    .held_back_ns
                    .fetch_add(waited, Ordering::Relaxed);
            }
        }
        self.push(parcel);
        true
    }

    fn push(&self, parcel: Parcel) {
        let was_empty = {
            let mut waiting = self.lock();
            waiting.parcels.push_back(parcel);
            let is_first = waiting.parcels.len() == 1;
            if is_first {
                waiting.since = Some(Instant::now());
            }
            is_first
        };
        if was_empty {
            (self.shared.waker)();
        }
    }

    /// Nobody wants anything any more.
    pub fn close(&self) {
        self.shared.room.close();
    }

    /// Puts a parcel in if there is room.
    pub fn try_put(&self, parcel: Parcel) -> bool {
        match self.shared.room.try_acquire_many(parcel.weight()) {
            Ok(permit) => permit.forget(),
            Err(_) => return false,
        }
        self.push(parcel);
        true
    }

    /// Takes out all there is.
    pub fn take(&self) -> VecDeque<Parcel> {
        self.take_since().0
    }

    /// Takes out all there is, and tells when the first of it came.
    pub fn take_since(&self) -> (VecDeque<Parcel>, Option<Instant>) {
        let Waiting { parcels, since } = std::mem::take(&mut *self.lock());
        let weight: usize = parcels.iter().map(|parcel| parcel.weight() as usize).sum();
        self.shared.room.add_permits(weight);
        (parcels, since)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A panic between two pushes leaves nothing half done.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the connection had to wait for room, and how long in all.
    pub fn held_back(&self) -> (u64, Duration) {
        (
            self.shared.held_back.load(Ordering::Relaxed),
            Duration::from_nanos(self.shared.held_back_ns.load(Ordering::Relaxed)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(updates: usize) -> Parcel {
        use tickcast_protocol::{message::Quality, value::Value};
        let update = Update {
            topic: Topic::new("t").unwrap(),
            position: 1,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value: Value::Reading(0.0),
        };
        Parcel::Batch {
            batch: ClientBatch {
                filter: Filter::all(),
                channel: 0,
                from: 0,
                to: 1,
                snapshot: false,
                topics: vec![],
                updates: vec![update; updates],
            },
            received_ns: 0,
        }
    }

    #[test]
    fn a_full_inbox_holds_back_and_drops_nothing() {
        let inbox = Inbox::new(|| {});
        let half = INBOX_MAX_UPDATES as usize / 2;
        assert!(inbox.try_put(batch(half)));
        assert!(inbox.try_put(batch(half)));
        assert!(!inbox.try_put(batch(1)));
        assert!(inbox.try_put(Parcel::Link(Link::Connecting { attempt: 1 })));

        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut put = std::pin::pin!(inbox.put(batch(2)));
            std::future::poll_fn(|cx| {
                assert!(put.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            assert_eq!(inbox.take().len(), 3);
            assert!(put.await);
        });
        assert_eq!(inbox.take().len(), 1);
        assert_eq!(inbox.held_back().0, 1);
    }

    #[test]
    fn a_batch_larger_than_the_inbox_comes_through_alone() {
        let inbox = Inbox::new(|| {});
        assert!(inbox.try_put(batch(INBOX_MAX_UPDATES as usize + 10)));
        assert!(!inbox.try_put(batch(1)));
        inbox.take();
        assert!(inbox.try_put(batch(INBOX_MAX_UPDATES as usize)));
    }
}
