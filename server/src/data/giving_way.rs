//! How a thread that reads much lets others have its core meanwhile.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread::yield_now,
    time::{Duration, Instant},
};

/// Others have the core for at most this long in all while one question is answered. Where they
/// need all of it, as at 100,000 updates/s, a client would otherwise get updates more slowly than
/// they come, and would never be live again.
const GIVE_WAY_MAX: Duration = Duration::from_millis(10);

/// Offers the core between two parts of the work. A thread that works on may keep it for
/// milliseconds, whatever its niceness is.
#[derive(Debug, Default)]
pub(super) struct GivingWay {
    /// How long others have had the core since the question began.
    given_ns: AtomicU64,
}

impl GivingWay {
    /// A question begins.
    pub(super) fn begin(&self) {
        self.given_ns.store(0, Ordering::Relaxed);
    }

    /// Lets others have the core, unless they had it for long enough.
    pub(super) fn pause(&self) {
        let given = Duration::from_nanos(self.given_ns.load(Ordering::Relaxed));
        if given < GIVE_WAY_MAX {
            let begin = Instant::now();
            yield_now();
            let elapsed = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.given_ns.fetch_add(elapsed, Ordering::Relaxed);
        }
    }
}
