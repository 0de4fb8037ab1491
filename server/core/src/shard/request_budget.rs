//! How many requests one connection may make: a rate with a burst, work that is paid later, and
//! patience with a client that ignores its refusals.

use std::time::Duration;

use crate::token_bucket::TokenBucket;

/// Number of consecutive refusals after which the server gives a client up, as a multiple of the
/// burst. A client that obeys `retry_after_ms` never comes near it, and answering a refused request
/// costs little.
const REFUSED_BURSTS_MAX: f64 = 10.0;

/// Tokens that a resting request waits for: about those of a slice.
const REST_TOKENS: f64 = 0.1;

/// What one connection may request now.
#[derive(Debug)]
pub(super) struct RequestBudget {
    per_s: u32,
    burst: u32,
    tokens: TokenBucket,
    /// Refusals left until the budget [is exhausted](Self::is_exhausted).
    patience: f64,
}

impl RequestBudget {
    /// A full budget.
    pub(super) fn new(per_s: u32, burst: u32, uptime: Duration) -> Self {
        Self {
            per_s,
            burst,
            tokens: TokenBucket::full(burst.into(), uptime),
            patience: f64::from(burst) * REFUSED_BURSTS_MAX,
        }
    }

    /// Takes a token, or returns the milliseconds until there is one.
    pub(super) fn take(&mut self, uptime: Duration) -> Result<(), u32> {
        self.fill(uptime);
        if self.tokens.left() >= 1.0 {
            self.tokens.take(1.0);
            return Ok(());
        }
        self.patience -= 1.0;
        Err(((1.0 - self.tokens.left()) / f64::from(self.per_s.max(1)) * 1000.0).ceil() as u32)
    }

    fn fill(&mut self, uptime: Duration) {
        let burst = f64::from(self.burst);
        let gained = self.tokens.fill(self.per_s.into(), burst, uptime);
        self.patience = (self.patience + gained).min(burst * REFUSED_BURSTS_MAX);
    }

    /// Charges for work that a request has caused. The client may owe some of it.
    pub(super) fn charge(&mut self, tokens: f64) {
        self.tokens.take(tokens);
    }

    /// The uptime at which a request under way may go on, if the client has used up its tokens.
    pub(super) fn rest(&mut self, uptime: Duration) -> Option<Duration> {
        self.fill(uptime);
        let missing = -self.tokens.left();
        (missing > 0.0).then(|| {
            let seconds = (missing + REST_TOKENS) / f64::from(self.per_s.max(1));
            uptime + Duration::from_secs_f64(seconds)
        })
    }

    /// Whether the client has ignored its refusals again and again.
    pub(super) fn is_exhausted(&self) -> bool {
        self.patience < 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_make_its_burst_of_requests_and_then_its_rate() {
        let at = Duration::from_millis;
        let mut budget = RequestBudget::new(20, 3, at(0));
        for _ in 0..3 {
            assert_eq!(budget.take(at(0)), Ok(()));
        }
        assert_eq!(budget.take(at(0)), Err(50));
        assert_eq!(budget.take(at(25)), Err(25));
        assert_eq!(budget.take(at(51)), Ok(()));
        assert_eq!(budget.take(at(10_000)), Ok(()));
    }

    #[test]
    fn a_request_under_way_rests_until_its_work_is_paid() {
        let at = Duration::from_millis;
        let mut budget = RequestBudget::new(20, 3, at(0));
        budget.charge(3.0);
        assert_eq!(budget.rest(at(0)), None);
        budget.charge(0.9);
        assert_eq!(budget.rest(at(0)), Some(at(50)));
        assert_eq!(budget.rest(at(50)), None);
        assert_eq!(budget.take(at(50)), Err(45));
    }

    #[test]
    fn ten_refused_bursts_exhaust_a_budget_and_it_recovers_at_its_rate() {
        let at = Duration::from_millis;
        let mut budget = RequestBudget::new(20, 3, at(0));
        for _ in 0..3 + 30 {
            let _ = budget.take(at(0));
            assert!(!budget.is_exhausted());
        }
        assert_eq!(budget.take(at(0)), Err(50));
        assert!(budget.is_exhausted());
        assert_eq!(budget.take(at(100)), Ok(()));
        assert!(!budget.is_exhausted());
    }
}
