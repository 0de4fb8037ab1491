//! How long to wait before the next attempt: exponential back-off with jitter.
//!
//! There is no clock and no random number generator in here: the caller passes a random number in
//! and sleeps for the wait that it gets back. See M. Brooker, "Exponential Backoff And Jitter",
//! AWS Architecture Blog, 2015.
//!
//! ```
//! use std::time::Duration;
//! use tickcast_protocol::backoff::{Backoff, BackoffPolicy, Jitter};
//!
//! let mut backoff = Backoff::new(BackoffPolicy {
//!     first_bound: Duration::from_millis(250),
//!     max_bound: Duration::from_secs(15),
//!     reset_after: Duration::from_secs(10),
//!     jitter: Jitter::Equal,
//! });
//! let random = 0.5; // Uniform in [0, 1).
//! assert_eq!(backoff.next_wait(random), Duration::from_micros(187_500));
//! assert_eq!(backoff.bound(), Duration::from_millis(500));
//! // The connection was lost after it had lasted for a minute: start small again.
//! backoff.connection_lasted(Duration::from_secs(60));
//! assert_eq!(backoff.bound(), Duration::from_millis(250));
//! ```

use std::time::Duration;

/// The bound doubles at most this often. `first_bound` times 2^16 (18 hours for one second) is
/// beyond any sensible maximum, and the shift cannot overflow.
const DOUBLINGS_MAX: u32 = 16;

/// Bounds and jitter of a [`Backoff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Upper bound of the first wait. Each failed attempt doubles the bound.
    pub first_bound: Duration,
    /// Upper bound of all waits.
    pub max_bound: Duration,
    /// A connection that lasted at least this long was a good one: the next wait has the first
    /// bound again. A shorter connection counts as a failed attempt. Otherwise a server that
    /// accepts and dies would be hammered.
    pub reset_after: Duration,
    /// Which part of each wait is random.
    pub jitter: Jitter,
}

/// Which part of a wait is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// All of it: the wait is uniform between 0 and the bound. Spreads many clients best.
    Full,
    /// Half of it: the wait is uniform between half the bound and the bound. Guarantees a pause.
    Equal,
}

/// Counts failed attempts and gives the waits between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    policy: BackoffPolicy,
    failures: u32,
}

impl Backoff {
    /// Starts without failures. The first wait has [`BackoffPolicy::first_bound`].
    pub const fn new(policy: BackoffPolicy) -> Self {
        Self {
            policy,
            failures: 0,
        }
    }

    /// Counts a failed attempt or a lost connection, and returns how long to wait before the next
    /// attempt. `random` is uniform in [0, 1); a number outside is clamped.
    pub fn next_wait(&mut self, random: f64) -> Duration {
        let bound = self.bound();
        self.failures = self.failures.saturating_add(1);
        // NaN survives a clamp, and a duration cannot be multiplied by it.
        let random = if random.is_nan() { 0.5 } else { random };
        let random = random.clamp(0.0, 1.0);
        bound.mul_f64(match self.policy.jitter {
            Jitter::Full => random,
            Jitter::Equal => 0.5 + random / 2.0,
        })
    }

    /// The longest that the next wait can be.
    pub fn bound(&self) -> Duration {
        let factor = 1u32 << self.failures.min(DOUBLINGS_MAX);
        let doubled = self.policy.first_bound.saturating_mul(factor);
        doubled.min(self.policy.max_bound)
    }

    /// Tells how long the connection lasted that was just lost. Call it before
    /// [`Self::next_wait`].
    pub fn connection_lasted(&mut self, duration: Duration) {
        if duration >= self.policy.reset_after {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: BackoffPolicy = BackoffPolicy {
        first_bound: Duration::from_millis(500),
        max_bound: Duration::from_secs(30),
        reset_after: Duration::from_secs(10),
        jitter: Jitter::Full,
    };

    const EQUAL: BackoffPolicy = BackoffPolicy {
        jitter: Jitter::Equal,
        ..FULL
    };

    proptest! {
        #[test]
        fn no_wait_exceeds_its_bound_and_no_bound_exceeds_the_maximum(
            failures: u32,
            random: f64,
        ) {
            for policy in [FULL, EQUAL] {
                let mut backoff = Backoff { policy, failures };
                let bound = backoff.bound();
                prop_assert!((policy.first_bound..=policy.max_bound).contains(&bound));
                prop_assert!(backoff.next_wait(random) <= bound);
                prop_assert!(backoff.bound() >= bound);
            }
        }
    }

    #[test]
    fn bounds_double_up_to_the_maximum_and_a_good_connection_resets_them() {
        let mut backoff = Backoff::new(FULL);
        let mut bounds = vec![];
        for _ in 0..8 {
            bounds.push(backoff.bound().as_millis());
            backoff.next_wait(0.5);
        }
        assert_eq!(
            bounds,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        backoff.connection_lasted(FULL.reset_after - Duration::from_millis(1));
        assert_eq!(backoff.bound(), FULL.max_bound);
        backoff.connection_lasted(FULL.reset_after);
        assert_eq!(backoff.bound(), FULL.first_bound);
    }

    #[test]
    fn full_jitter_is_a_random_part_of_the_bound() {
        assert_eq!(Backoff::new(FULL).next_wait(0.0), Duration::ZERO);
        assert_eq!(Backoff::new(FULL).next_wait(0.5), FULL.first_bound / 2);
        let mut backoff = Backoff {
            policy: FULL,
            failures: u32::MAX,
        };
        assert_eq!(backoff.next_wait(0.5), FULL.max_bound / 2);
    }

    #[test]
    fn equal_jitter_never_waits_for_less_than_half_the_bound() {
        let first = |random| Backoff::new(EQUAL).next_wait(random);
        assert_eq!(first(0.0), EQUAL.first_bound / 2);
        assert_eq!(first(0.5), EQUAL.first_bound * 3 / 4);
        assert_eq!(first(1.0), EQUAL.first_bound);
        assert_eq!(first(-1.0), EQUAL.first_bound / 2);
        assert_eq!(first(f64::NAN), EQUAL.first_bound * 3 / 4);
    }
}
