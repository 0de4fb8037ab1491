//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The longest wait before the first attempt. Thousands of clients that lose their server at once
/// come back spread over this time.
pub const BACKOFF_BASE: Duration = Duration::from_millis(500);

/// The longest wait of all: what a person still accepts after a server came back.
pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A connection that stood so long was a good one: after it the waits start small again. A shorter
/// one counts as one more failed attempt, or a server that accepts and dies would be hammered.
pub const BACKOFF_FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// Doubling bounds with full jitter: each wait is random between nothing and the bound (M. Brooker,
/// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait. `random` lies in [0, 1).
    pub fn next_wait(&mut self, random: f64) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(random.clamp(0.0, 1.0))
    }

    /// The longest that the next wait can be.
    pub fn bound(&self) -> Duration {
        // 2^16 times the base is far beyond the maximum.
        let factor = 1u32 << self.failures.min(16);
        BACKOFF_BASE.saturating_mul(factor).min(BACKOFF_MAX)
    }

    /// Tells how long the connection stood that has just been lost.
    pub fn connection_stood(&mut self, duration: Duration) {
        if duration >= BACKOFF_FORGIVEN_AFTER {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_wait_is_longer_than_its_bound_and_no_bound_than_the_maximum(
            failures: u32,
            random: f64,
        ) {
            let mut backoff = Backoff { failures };
            let bound = backoff.bound();
            prop_assert!((BACKOFF_BASE..=BACKOFF_MAX).contains(&bound));
            prop_assert!(backoff.next_wait(random) <= bound);
            prop_assert!(backoff.bound() >= bound);
        }
    }

    #[test]
    fn bounds_double_up_to_the_maximum_and_a_good_connection_resets_them() {
        let mut backoff = Backoff::default();
        let mut bounds = vec![];
        for _ in 0..8 {
            bounds.push(backoff.bound().as_millis());
            backoff.next_wait(0.5);
        }
        assert_eq!(
            bounds,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        backoff.connection_stood(BACKOFF_FORGIVEN_AFTER - Duration::from_millis(1));
        assert_eq!(backoff.bound(), BACKOFF_MAX);
        backoff.connection_stood(BACKOFF_FORGIVEN_AFTER);
        assert_eq!(backoff.bound(), BACKOFF_BASE);
    }

    #[test]
    fn a_wait_is_the_random_part_of_its_bound() {
        assert_eq!(Backoff::default().next_wait(0.0), Duration::ZERO);
        assert_eq!(Backoff::default().next_wait(0.5), BACKOFF_BASE / 2);
        let mut backoff = Backoff { failures: u32::MAX };
        assert_eq!(backoff.next_wait(0.5), BACKOFF_MAX / 2);
    }
}
