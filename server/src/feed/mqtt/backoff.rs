//! When to connect again.

use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;

/// The first wait after a loss: brokers restart quickly.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// The longest wait: after a repair the feed should be back soon.
const RETRY_MAX: Duration = Duration::from_secs(15);

/// A connection that held so long was good, and the next loss begins with a short wait again. Two
/// clients with the same id, who throw each other out, never get there.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// When to try again. Waits double, and half of each is left to chance, so that many clients of a
/// broker do not come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    losses: u32,
    connected_at: Option<Instant>,
    wait: Duration,
}

impl Backoff {
    pub(super) fn connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// How long to wait.
    pub(super) fn lost(&mut self, now: Instant) -> Duration {
        let was_good = |at| now.duration_since(at) >= GOOD_AFTER;
        if self.connected_at.take().is_some_and(was_good) {
            self.losses = 0;
        }
        let doubled = RETRY_MIN.saturating_mul(1 << self.losses.min(16));
        self.losses += 1;
        self.wait = doubled
            .min(RETRY_MAX)
            .mul_f64(rand::rng().random_range(0.5..=1.0));
        self.wait
    }

    pub(super) fn take_wait(&mut self) -> Duration {
        std::mem::take(&mut self.wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_begin_anew_after_a_good_connection() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        assert_eq!(backoff.take_wait(), Duration::ZERO);
        for losses in 0..20u32 {
            let full = RETRY_MIN.saturating_mul(1 << losses.min(16)).min(RETRY_MAX);
            let wait = backoff.lost(now);
            assert!(
                wait >= full.mul_f64(0.499) && wait <= full,
                "{wait:?} of {full:?}"
            );
            assert_eq!(backoff.take_wait(), wait);
            assert_eq!(backoff.take_wait(), Duration::ZERO);
            now += GOOD_AFTER / 2;
            // Connections that do not hold do not count as good.
            backoff.connected(now);
        }
        assert!(backoff.lost(now + GOOD_AFTER) <= RETRY_MIN);
    }
}
