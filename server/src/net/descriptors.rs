//! File descriptors: which of them clients cannot take, and what is logged while they are short.
//!
//! The kernel gives each file the lowest free number. So a connection with a number near the limit
//! is one for which too few are left. It gets an answer that says so, and is closed. What is kept
//! free that way is for answers about the server's health, for operators, and for feeds that
//! connect again.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, getrlimit};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use crate::metrics::{Metrics, RefusalReason};

/// Maximum number of descriptors that clients cannot take: [`REFUSALS_MAX`], the connections of
/// operators, and as many again for brokers and recordings.
const RESERVED_MAX: u64 = 64;

/// The same as a part of the limit (a quarter), for small limits.
const RESERVED_PART: u64 = 4;

/// Maximum number of connections at a time that are answered although descriptors are short.
/// Further ones are closed at once. Each takes milliseconds, unless its client is silent.
const REFUSALS_MAX: usize = 16;

/// Time that a refused client has for its request, even if no descriptor is left: it sends the
/// request with the handshake of TCP.
const REQUEST_MIN: Duration = Duration::from_millis(20);

/// A shortage is over when none was seen for this long. So clients that come and go at the limit
/// make two log lines in this time at most.
pub(super) const CALM: Duration = Duration::from_secs(5);

/// Number of descriptors without which the server cannot serve: for its threads, its addresses, and
/// an answer about its health. Each shard and each feed needs some more.
const NEEDED: u64 = 40;
const NEEDED_PER_SHARD: u64 = 6;
const NEEDED_PER_FEED: u64 = 2;

/// The limit of descriptors is too small for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the limit of {limit} file descriptors is too small for {shards} shards and {feeds} feeds, \
     which need {needed} at least: raise it (ulimit -n)"
)]
pub struct TooFewDescriptors {
    limit: u64,
    shards: usize,
    feeds: usize,
    needed: u64,
}

/// Checks the limit of the process.
pub(crate) fn check(shards: usize, feeds: usize) -> Result<(), TooFewDescriptors> {
    let count = |number: usize, each: u64| (number as u64).saturating_mul(each);
    let needed = NEEDED + count(shards, NEEDED_PER_SHARD) + count(feeds, NEEDED_PER_FEED);
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < needed => Err(TooFewDescriptors {
            limit,
            shards,
            feeds,
            needed,
        }),
        _ => Ok(()),
    }
}

/// The descriptors of the process; see the module.
#[derive(Debug)]
pub(crate) struct Descriptors {
    metrics: Arc<Metrics>,
    refusals: Arc<Semaphore>,
    /// Wakes the refusals when accept(2) finds no descriptor.
    used_up: Arc<Notify>,
    is_short: AtomicBool,
    shortage: Mutex<Option<Shortage>>,
}

#[derive(Debug)]
struct Shortage {
    seen_at: Instant,
    refused: u64,
    errors: u64,
}

/// Held while a connection is refused.
#[derive(Debug)]
pub(super) struct RefusalPlace {
    _place: OwnedSemaphorePermit,
    used_up: Arc<Notify>,
}

impl RefusalPlace {
    /// Completes when no descriptor is left, so that the next connection needs this one's. A client
    /// has had time for its request by then.
    pub(super) async fn is_in_the_way(&self) {
        sleep(REQUEST_MIN).await;
        self.used_up.notified().await;
    }
}

impl Descriptors {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            used_up: Arc::default(),
            is_short: AtomicBool::new(false),
            shortage: Mutex::default(),
        }
    }

    /// Whether a socket has one of the descriptors that clients cannot take.
    pub(super) fn is_reserved(&self, socket: &impl AsFd) -> bool {
        // It may be changed at any time, and asking costs less than a tenth of an accept.
        let Some(limit) = getrlimit(Resource::Nofile).current else {
            return false;
        };
        let number = u64::try_from(socket.as_fd().as_raw_fd()).unwrap_or(0);
        number >= limit - (limit / RESERVED_PART).min(RESERVED_MAX)
    }

    /// Counts a connection that is refused. `None` if it must be closed without an answer.
    pub(super) fn refuse(&self) -> Option<RefusalPlace> {
        self.metrics.refused.add(RefusalReason::Descriptors);
        let is_first = self.see(|shortage| shortage.refused += 1);
        if is_first {
            let limit = getrlimit(Resource::Nofile).current;
            tracing::warn!(
                limit,
                "file descriptors are short: new connections get 503; raise the limit (ulimit -n)"
            );
        }
        let place = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        Some(RefusalPlace {
            _place: place,
            used_up: Arc::clone(&self.used_up),
        })
    }

    /// Counts an error of accept(2).
    pub(super) fn failed(&self, error: &io::Error) {
        self.metrics.accept_errors.add(1);
        self.used_up.notify_waiters();
        if self.see(|shortage| shortage.errors += 1) {
            tracing::warn!(%error, "cannot accept connections; they wait");
        }
    }

    /// Whether [`calm`](Self::calm) must be called.
    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Relaxed)
    }

    /// Logs the end of a shortage, if there was none for [`CALM`].
    pub(super) fn calm(&self) {
        let over = self
            .shortage()
            .take_if(|shortage| shortage.seen_at.elapsed() >= CALM);
        if let Some(Shortage {
            refused, errors, ..
        }) = over
        {
            self.is_short.store(false, Relaxed);
            tracing::info!(refused, errors, "connections are accepted again");
        }
    }

    /// Returns whether it is the first of a shortage.
    fn see(&self, count: impl FnOnce(&mut Shortage)) -> bool {
        let mut shortage = self.shortage();
        let is_first = shortage.is_none();
        let known = shortage.get_or_insert(Shortage {
            seen_at: Instant::now(),
            refused: 0,
            errors: 0,
        });
        known.seen_at = Instant::now();
        count(known);
        self.is_short.store(true, Relaxed);
        is_first
    }

    fn shortage(&self) -> MutexGuard<'_, Option<Shortage>> {
        // No code under this lock can leave the shortage half changed.
        self.shortage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
