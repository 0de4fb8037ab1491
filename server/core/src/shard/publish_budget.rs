//! How much one connection may publish: updates per second and bytes per second. The shard reads a
//! connection that has published more only later, so that nothing is refused and TCP slows the
//! client down.

use std::time::Duration;

use crate::token_bucket::TokenBucket;

/// What one connection may publish now.
#[derive(Debug)]
pub(super) struct PublishBudget {
    updates: Balance,
    bytes: Balance,
}

impl PublishBudget {
    /// A full budget. A limit of 0 means "no limit".
    pub(super) fn new(updates_per_s: u32, bytes_per_s: u32, uptime: Duration) -> Self {
        Self {
            updates: Balance::new(updates_per_s, uptime),
            bytes: Balance::new(bytes_per_s, uptime),
        }
    }

    /// Charges a message that was read. A message without updates counts as one update.
    pub(super) fn charge(&mut self, updates: usize, bytes: usize, uptime: Duration) {
        self.updates.charge(updates.max(1), uptime);
        self.bytes.charge(bytes, uptime);
    }

    /// Time until the next message may be read; `None` if it may be read now.
    pub(super) fn pause(&self, uptime: Duration) -> Option<Duration> {
        self.updates.pause(uptime).max(self.bytes.pause(uptime))
    }
}

/// Allows the amount of one second at once, and then the rate. A message may exceed what is left,
/// so that every message can be read; then the next one waits longer.
#[derive(Debug)]
struct Balance {
    per_s: f64,
    tokens: TokenBucket,
}

impl Balance {
    fn new(per_s: u32, uptime: Duration) -> Self {
        Self {
            per_s: per_s.into(),
            tokens: TokenBucket::full(per_s.into(), uptime),
        }
    }

    fn charge(&mut self, amount: usize, uptime: Duration) {
        self.tokens.fill(self.per_s, self.per_s, uptime);
        self.tokens.take(amount as f64);
    }

    fn pause(&self, uptime: Duration) -> Option<Duration> {
        let left = self.tokens.left();
        if self.per_s == 0.0 || left >= 0.0 {
            return None;
        }
        let until = self.tokens.filled() + Duration::from_secs_f64(-left / self.per_s);
        until.checked_sub(uptime).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_second_at_once_and_then_the_rate() {
        let mut budget = PublishBudget::new(1000, 0, MS(0));
        budget.charge(1000, 9_999_999, MS(0));
        assert_eq!(budget.pause(MS(0)), None);
        budget.charge(100, 1, MS(0));
        assert_eq!(budget.pause(MS(0)), Some(MS(100)));
        assert_eq!(budget.pause(MS(60)), Some(MS(40)));
        assert_eq!(budget.pause(MS(100)), None);
        budget.charge(0, 0, MS(100));
        assert_eq!(
            budget.pause(MS(100)),
            Some(MS(1)),
            "an empty message is one update"
        );
        budget.charge(500, 0, MS(5_000));
        budget.charge(500, 0, MS(5_000));
        assert_eq!(budget.pause(MS(5_000)), None);
    }

    #[test]
    fn the_limit_that_lasts_longer_counts_and_zero_is_no_limit() {
        let mut budget = PublishBudget::new(1000, 10_000, MS(0));
        budget.charge(1_100, 12_000, MS(0));
        assert_eq!(budget.pause(MS(0)), Some(MS(200)));
        let mut budget = PublishBudget::new(0, 0, MS(0));
        budget.charge(usize::MAX, usize::MAX, MS(0));
        assert_eq!(budget.pause(MS(0)), None);
    }
}
