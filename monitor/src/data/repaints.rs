//! The cost of repaints, and how long the screen was out of date.
//!
//! Pure: the caller passes the times.

use std::time::{Duration, Instant};

/// The longest gap is that of the last one to two minutes: of this slot and the one before.
const SLOT: Duration = Duration::from_secs(60);

/// Repaints of the window.
#[derive(Debug, Default)]
pub(crate) struct Repaints {
    count: u64,
    cost: Duration,
    last: Option<Instant>,
    slot: Option<Instant>,
    longest_now: Duration,
    longest_before: Duration,
    longest_unreported: Duration,
}

impl Repaints {
    /// A repaint begins at `now`. `arrived` is when the oldest item arrived that it is the first to
    /// show. The gap is the time since then, or since the previous repaint if that was later: while
    /// no update comes, the screen is not out of date.
    pub(crate) fn begin(&mut self, now: Instant, arrived: Option<Instant>) {
        self.advance(now);
        self.count += 1;
        let before = self.last.replace(now);
        if let (Some(before), Some(arrived)) = (before, arrived) {
            let gap = now.saturating_duration_since(before.max(arrived));
            self.longest_now = self.longest_now.max(gap);
            self.longest_unreported = self.longest_unreported.max(gap);
        }
    }

    /// The window is hidden: missing repaints do not count.
    pub(crate) fn window_hidden(&mut self) {
        self.last = None;
    }

    /// Records the cost of the repaint.
    pub(crate) fn end(&mut self, cost: Duration) {
        self.cost = self.cost.mul_f64(0.9) + cost.mul_f64(0.1);
    }

    fn advance(&mut self, now: Instant) {
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

    /// The number of repaints.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The cost of the last repaints, smoothed.
    pub(crate) fn cost(&self) -> Duration {
        self.cost
    }

    /// The longest gap of the last minute or two.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.longest_now.max(self.longest_before)
    }

    /// The longest gap since the last call.
    pub(crate) fn take_longest_gap(&mut self) -> Duration {
        std::mem::take(&mut self.longest_unreported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_repaint_gap_is_the_time_during_which_the_screen_was_out_of_date() {
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
        repaints.window_hidden();
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
