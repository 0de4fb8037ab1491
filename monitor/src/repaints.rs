//! What repaints cost, and how long the screen was older than what had come.
//!
//! Pure: whoever calls gives the times.

use std::time::{Duration, Instant};

/// The longest gap is told of a minute or two: that of this slot and of the one before.
const SLOT: Duration = Duration::from_secs(60);

/// Repaints of the window.
#[derive(Debug, Default)]
pub struct Repaints {
    count: u64,
    cost: Duration,
    last: Option<Instant>,
    slot: Option<Instant>,
    longest_now: Duration,
    longest_before: Duration,
    untold: Duration,
}

impl Repaints {
    /// A repaint begins at `now`. `arrived` is when the oldest came of what it is the first to
    /// show. The gap is the time since then, or since the repaint before if that was later: while
    /// nothing comes the screen is not too old, however long it stands.
    pub fn begin(&mut self, now: Instant, arrived: Option<Instant>) {
        self.turn(now);
        self.count += 1;
        let before = self.last.replace(now);
        if let (Some(before), Some(arrived)) = (before, arrived) {
            let gap = now.saturating_duration_since(before.max(arrived));
            self.longest_now = self.longest_now.max(gap);
            self.untold = self.untold.max(gap);
        }
    }

    /// The window is hidden: nothing is repainted, and nobody misses it.
    pub fn hidden(&mut self) {
        self.last = None;
    }

    /// What the repaint cost.
    pub fn end(&mut self, cost: Duration) {
        self.cost = self.cost.mul_f64(0.9) + cost.mul_f64(0.1);
    }

    fn turn(&mut self, now: Instant) {
        let slot = *self.slot.get_or_insert(now);
        let age = now.saturating_duration_since(slot);
        if age >= SLOT {
            let is_next = age < 2 * SLOT;
            self.longest_before = if is_next {
                self.longest_now
            } else {
                Duration::ZERO
            };
            self.longest_now = Duration::ZERO;
            self.slot = Some(now);
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the last ones cost, smoothed.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// The longest gap of the last minute or two.
    pub fn longest_gap(&self) -> Duration {
        self.longest_now.max(self.longest_before)
    }

    /// The longest gap since the last call.
    pub fn take_longest_gap(&mut self) -> Duration {
        std::mem::take(&mut self.untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_gap_is_the_time_in_which_the_screen_was_older_than_what_had_come() {
        let start = Instant::now();
        let mut repaints = Repaints::default();
        repaints.begin(start + 500 * MS, Some(start));
        assert_eq!(repaints.longest_gap(), Duration::ZERO, "the first has none");
        repaints.begin(start + 540 * MS, Some(start + 501 * MS));
        assert_eq!(repaints.longest_gap(), 39 * MS);
        repaints.begin(start + 2_000 * MS, None);
        assert_eq!(repaints.longest_gap(), 39 * MS, "nothing had come");
        repaints.begin(start + 2_100 * MS, Some(start + 1_990 * MS));
        assert_eq!(repaints.longest_gap(), 100 * MS, "it was there before");
        repaints.hidden();
        repaints.begin(start + 9_000 * MS, Some(start + 2_200 * MS));
        assert_eq!(repaints.take_longest_gap(), 100 * MS);
        assert_eq!(repaints.take_longest_gap(), Duration::ZERO);
        assert_eq!(repaints.count(), 5);
    }

    #[test]
    fn a_long_gap_is_forgotten_after_two_minutes() {
        let start = Instant::now();
        let mut repaints = Repaints::default();
        for second in 0..=200 {
            let now = start + Duration::from_secs(second);
            let since = if second == 1 { 900 } else { 20 };
            repaints.begin(now, Some(now - since * MS));
            let is_known = (1..120).contains(&second);
            assert_eq!(repaints.longest_gap() > 800 * MS, is_known, "{second} s");
        }
    }
}
