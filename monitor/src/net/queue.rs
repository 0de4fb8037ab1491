//! The bounded queue between the connection's thread and the window.
//!
//! It never drops an item. When it is full, the connection's thread waits and reads nothing more.
//! The server then sees a slow client: it conflates, or lets the tape wait, and counts what it
//! could not keep. The queue counts how often and how long the thread waited.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::data::{health::HeldBack, incoming::IncomingItem};

/// The most updates that wait: 10 seconds at 20,000 per second, about 40 MiB.
const QUEUE_MAX_UPDATES: u32 = 200_000;

/// The part of the bound that an item takes. An item without updates takes none: there are few of
/// them, and the state of the connection must get through. A status counts as an update.
fn weight(item: &IncomingItem) -> u32 {
    match item {
        IncomingItem::Batch { batch, .. } => weight_of(batch.updates.len()),
        IncomingItem::Statuses { statuses, .. } => weight_of(statuses.len()),
        IncomingItem::History { updates, .. } => weight_of(updates.len()),
        IncomingItem::Candles(page) => weight_of(page.candles.len() + page.rows.len()),
        _ => 0,
    }
}

/// An item larger than the bound takes all of it.
fn weight_of(len: usize) -> u32 {
    u32::try_from(len)
        .unwrap_or(u32::MAX)
        .min(QUEUE_MAX_UPDATES)
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct IncomingQueue {
    shared: Arc<SharedQueue>,
}

struct SharedQueue {
    waiting: Mutex<Waiting>,
    room: Semaphore,
    waker: Box<dyn Fn() + Send + Sync>,
    held_back: AtomicU64,
    held_back_ns: AtomicU64,
}

/// The items that wait, and since when the first one does.
#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<IncomingItem>,
    since: Option<Instant>,
}

impl std::fmt::Debug for IncomingQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingQueue")
            .field("room", &self.shared.room.available_permits())
            .finish_non_exhaustive()
    }
}

impl IncomingQueue {
    /// An empty queue. `waker` is called when an item is put into an empty queue.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(SharedQueue {
                waiting: Mutex::default(),
                room: Semaphore::new(QUEUE_MAX_UPDATES as usize),
                waker: Box::new(waker),
                held_back: AtomicU64::new(0),
                held_back_ns: AtomicU64::new(0),
            }),
        }
    }

    /// Appends an item; waits while there is no space. Returns whether the queue is still open.
    pub(crate) async fn put(&self, item: IncomingItem) -> bool {
        let weight = weight(&item);
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
        self.push(item);
        true
    }

    fn push(&self, item: IncomingItem) {
        let was_empty = {
            let mut waiting = self.lock();
            waiting.items.push_back(item);
            let is_first = waiting.items.len() == 1;
            if is_first {
                waiting.since = Some(Instant::now());
            }
            is_first
        };
        if was_empty {
            (self.shared.waker)();
        }
    }

    /// Closes the queue: further items are refused.
    pub(crate) fn close(&self) {
        self.shared.room.close();
    }

    /// Appends an item if there is space. Returns whether it did.
    pub fn try_put(&self, item: IncomingItem) -> bool {
        match self.shared.room.try_acquire_many(weight(&item)) {
            Ok(permit) => permit.forget(),
            Err(_) => return false,
        }
        self.push(item);
        true
    }

    /// Takes all items, and when the first of them came.
    pub(crate) fn take_all(&self) -> (VecDeque<IncomingItem>, Option<Instant>) {
        let Waiting { items, since } = std::mem::take(&mut *self.lock());
        let weight: usize = items.iter().map(|item| weight(item) as usize).sum();
        self.shared.room.add_permits(weight);
        (items, since)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A panic between two pushes leaves no item incomplete.
        self.shared
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How often and how long the connection waited for space.
    pub(crate) fn held_back(&self) -> HeldBack {
        HeldBack {
            times: self.shared.held_back.load(Ordering::Relaxed),
            total: Duration::from_nanos(self.shared.held_back_ns.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        client::ClientBatch,
        message::{Quality, Update},
        topic::{Filter, Topic},
        value::Value,
    };

    use super::*;
    use crate::data::connection_state::ConnectionState;

    fn batch(updates: usize) -> IncomingItem {
        let update = Update {
            topic: Topic::new("t").unwrap(),
            position: 1,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value: Value::Reading(0.0),
        };
        IncomingItem::Batch {
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
    fn a_full_queue_makes_the_sender_wait_and_drops_nothing() {
        let queue = IncomingQueue::new(|| {});
        let half = QUEUE_MAX_UPDATES as usize / 2;
        assert!(queue.try_put(batch(half)));
        assert!(queue.try_put(batch(half)));
        assert!(!queue.try_put(batch(1)));
        assert!(
            queue.try_put(IncomingItem::Connection(ConnectionState::Connecting {
                attempt: 1
            }))
        );

        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut put = std::pin::pin!(queue.put(batch(2)));
            std::future::poll_fn(|cx| {
                assert!(put.as_mut().poll(cx).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            assert_eq!(queue.take_all().0.len(), 3);
            assert!(put.await);
        });
        assert_eq!(queue.take_all().0.len(), 1);
        assert_eq!(queue.held_back().times, 1);
    }

    #[test]
    fn a_batch_larger_than_the_queue_gets_through_alone() {
        let queue = IncomingQueue::new(|| {});
        assert!(queue.try_put(batch(QUEUE_MAX_UPDATES as usize + 10)));
        assert!(!queue.try_put(batch(1)));
        queue.take_all();
        assert!(queue.try_put(batch(QUEUE_MAX_UPDATES as usize)));
    }
}
