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
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
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
    "the limit of {limit} file descriptors is too small for {shards} shards, {feeds} feeds and all \
     listeners, which need {needed} at least: raise it (ulimit -n)"
)]
pub struct TooFewDescriptors {
    limit: u64,
    shards: usize,
    feeds: usize,
    needed: u64,
}

/// Checks the limit of the process.
pub(crate) fn check(
    shards: usize,
    feeds: usize,
    further_sockets: usize,
) -> Result<(), TooFewDescriptors> {
    check_limit(limit_of_process(), shards, feeds, further_sockets)
}

fn check_limit(
    limit: Option<u64>,
    shards: usize,
    feeds: usize,
    further_sockets: usize,
) -> Result<(), TooFewDescriptors> {
    let (shards_need, feeds_need) = (
        NEEDED_PER_SHARD * shards as u64,
        NEEDED_PER_FEED * feeds as u64,
    );
    let needed = NEEDED + shards_need + feeds_need + further_sockets as u64;
    match limit {
        Some(limit) if limit < needed => Err(TooFewDescriptors {
            limit,
            shards,
            feeds,
            needed,
        }),
        _ => Ok(()),
    }
}

/// The soft limit of descriptors (`RLIMIT_NOFILE`); `None` if there is none.
fn limit_of_process() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// The lowest number of a descriptor that clients cannot take.
fn first_reserved(limit: u64) -> u64 {
    limit - (limit / RESERVED_PART).min(RESERVED_MAX)
}

/// The descriptors of the process; see the module.
#[derive(Debug)]
pub(crate) struct Descriptors {
    metrics: Arc<Metrics>,
    limit: fn() -> Option<u64>,
    refusals: Arc<Semaphore>,
    turnover: Arc<Turnover>,
    is_short: AtomicBool,
    shortage: Mutex<Option<Shortage>>,
}

#[derive(Debug)]
struct Shortage {
    seen_at: Instant,
    refused: u64,
    errors: u64,
}

/// What accept loops that find no descriptor and refusals that hold one tell each other.
#[derive(Debug, Default)]
struct Turnover {
    /// Number of accept loops that need a descriptor.
    waiting: watch::Sender<usize>,
    /// Wakes them when a refusal is over.
    freed: Notify,
}

/// An accept loop that needs a descriptor, until it is dropped.
#[derive(Debug)]
struct Waiting<'a>(&'a Turnover);

impl<'a> Waiting<'a> {
    fn begin(turnover: &'a Turnover) -> Self {
        turnover.waiting.send_modify(|waiting| *waiting += 1);
        Self(turnover)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// Held while a connection is refused. To be dropped when its descriptor is free.
#[derive(Debug)]
pub(super) struct RefusalPlace {
    _place: OwnedSemaphorePermit,
    turnover: Arc<Turnover>,
}

impl RefusalPlace {
    /// Completes when no descriptor is left, so that the next connection needs this one's. A client
    /// has had time for its request by then.
    pub(super) async fn is_in_the_way(&self) {
        sleep(REQUEST_MIN).await;
        let mut waiting = self.turnover.waiting.subscribe();
        // The place keeps the sender.
        let _ = waiting.wait_for(|waiting| *waiting > 0).await;
    }
}

impl Drop for RefusalPlace {
    fn drop(&mut self) {
        self.turnover.freed.notify_waiters();
    }
}

impl Descriptors {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            limit: limit_of_process,
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            turnover: Arc::default(),
            is_short: AtomicBool::new(false),
            shortage: Mutex::default(),
        }
    }

    /// Whether a socket has one of the descriptors that clients cannot take.
    pub(super) fn is_reserved(&self, socket: &impl AsFd) -> bool {
        // It may be changed at any time, and asking costs less than a tenth of an accept.
        let Some(limit) = (self.limit)() else {
            return false;
        };
        let number = u64::try_from(socket.as_fd().as_raw_fd()).unwrap_or(0);
        number >= first_reserved(limit)
    }

    /// Counts a connection that is refused. `None` if it must be closed without an answer.
    pub(super) fn refuse(&self) -> Option<RefusalPlace> {
        self.metrics.refused.add(RefusalReason::Descriptors);
        let is_first = self.see(|shortage| shortage.refused += 1);
        if is_first {
            let limit = (self.limit)();
            tracing::warn!(
                limit,
                "file descriptors are short: new connections get 503; raise the limit (ulimit -n)"
            );
        }
        let place = Arc::clone(&self.refusals).try_acquire_owned().ok()?;
        Some(RefusalPlace {
            _place: place,
            turnover: Arc::clone(&self.turnover),
        })
    }

    /// Waits after an error of accept(2) until a refused connection has made room, or for a pause
    /// at most.
    pub(super) async fn make_room(&self, pause: Duration) {
        let freed = self.turnover.freed.notified();
        let _waiting = Waiting::begin(&self.turnover);
        let _ = timeout(pause, freed).await;
    }

    /// Counts an error of accept(2).
    pub(super) fn failed(&self, error: &io::Error) {
        self.metrics.accept_errors.add(1);
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

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, net::TcpListener};

    use super::*;

    /// Descriptors of a process with this limit.
    fn limited(limit: fn() -> Option<u64>) -> Descriptors {
        let descriptors = Descriptors::new(Arc::default());
        Descriptors {
            limit,
            ..descriptors
        }
    }

    fn no_descriptor() -> io::Error {
        ErrorKind::Other.into()
    }

    #[test]
    fn a_server_needs_40_descriptors_6_for_each_shard_and_2_for_each_feed() {
        for (shards, feeds, needed) in [(1, 0, 46), (2, 3, 58), (1024, 0, 6184), (1, 100, 246)] {
            for limit in [None, Some(needed), Some(needed + 1)] {
                assert_eq!(check_limit(limit, shards, feeds, 0), Ok(()), "{limit:?}");
            }
            let limit = needed - 1;
            let refused = TooFewDescriptors {
                limit,
                shards,
                feeds,
                needed,
            };
            assert_eq!(check_limit(Some(limit), shards, feeds, 0), Err(refused));
        }
    }

    #[test]
    fn each_further_socket_needs_a_descriptor() {
        assert_eq!(check_limit(Some(46 + 3), 1, 0, 3), Ok(()));
        assert!(check_limit(Some(46 + 2), 1, 0, 3).is_err());
    }

    #[test]
    fn the_limit_that_counts_is_the_one_of_the_process() {
        assert_eq!(check(1, 0, 0), Ok(()));
        assert!(
            check(1 << 40, 0, 0).is_err(),
            "no process may have this many"
        );
    }

    #[test]
    fn clients_cannot_take_the_last_quarter_and_not_the_last_64() {
        for (limit, first) in [
            (0, 0),
            (3, 3),
            (4, 3),
            (100, 75),
            (256, 192),
            (260, 196),
            (1024, 960),
            (1 << 20, (1 << 20) - 64),
            (u64::MAX, u64::MAX - 64),
        ] {
            assert_eq!(first_reserved(limit), first, "{limit}");
        }
    }

    #[test]
    fn the_number_of_a_socket_tells_whether_its_descriptor_is_reserved() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(limited(|| Some(1)).is_reserved(&socket));
        assert!(!limited(|| Some(u64::MAX)).is_reserved(&socket));
        assert!(!limited(|| None).is_reserved(&socket));
    }

    #[test]
    fn a_refusal_is_counted_and_16_at_a_time_are_answered() {
        let descriptors = limited(|| Some(1024));
        let places: Vec<_> = (0..20).map(|_| descriptors.refuse()).collect();
        assert_eq!(places.iter().flatten().count(), 16);
        let name = RefusalReason::Descriptors.as_str();
        let count = || {
            let mut rows = descriptors.metrics.refused.rows();
            rows.find(|(reason, _)| *reason == name).unwrap().1
        };
        assert_eq!(count(), 20);
        drop(places);
        assert!(descriptors.refuse().is_some());
        assert_eq!(count(), 21);
    }

    #[test]
    fn a_shortage_begins_with_its_first_sign_and_ends_5_seconds_after_the_last() {
        let descriptors = limited(|| Some(1024));
        let seen = |descriptors: &Descriptors| {
            let shortage = descriptors.shortage();
            shortage.as_ref().map(|seen| (seen.refused, seen.errors))
        };
        descriptors.calm();
        assert!(!descriptors.is_short());
        assert!(descriptors.see(|_| {}), "the first sign is logged");
        assert!(!descriptors.see(|_| {}), "no other one is");
        descriptors.refuse();
        descriptors.refuse();
        descriptors.failed(&no_descriptor());
        assert_eq!(seen(&descriptors), Some((2, 1)));
        assert_eq!(descriptors.metrics.accept_errors.get(), 1);

        descriptors.calm();
        assert!(descriptors.is_short(), "it was seen just now");
        let last = Instant::now().checked_sub(CALM).unwrap();
        descriptors.shortage().as_mut().unwrap().seen_at = last;
        descriptors.calm();
        assert!(!descriptors.is_short());
        assert_eq!(seen(&descriptors), None);

        // The next one is another shortage.
        descriptors.failed(&no_descriptor());
        assert_eq!(
            (descriptors.is_short(), seen(&descriptors)),
            (true, Some((0, 1)))
        );
    }

    #[test]
    fn a_refused_client_makes_room_when_it_has_had_its_time_and_no_descriptor_is_left() {
        const SHORT: Duration = Duration::from_millis(100);
        const LONG: Duration = Duration::from_mins(1);

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let descriptors = limited(|| Some(1024));
            let place = descriptors.refuse().unwrap();
            assert!(
                timeout(SHORT, place.is_in_the_way()).await.is_err(),
                "a descriptor may be free"
            );
            let began = Instant::now();
            let refusal = async {
                place.is_in_the_way().await;
                drop(place);
            };
            tokio::join!(refusal, descriptors.make_room(LONG));
            assert!((REQUEST_MIN..LONG).contains(&began.elapsed()));

            // No refusal can make room.
            let began = Instant::now();
            descriptors.make_room(SHORT).await;
            assert!(began.elapsed() >= SHORT);
            let place = descriptors.refuse().unwrap();
            let over = timeout(SHORT, place.is_in_the_way()).await;
            assert!(over.is_err(), "no accept loop waits any more");
        });
    }
}
