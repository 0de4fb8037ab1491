//! Which rate to try next. Pure.

/// The search ends when this is the ratio of the lowest rate that failed to the highest that
/// passed.
const PRECISION: f64 = 1.05;

/// Steps, at most. A search over six decades takes fewer.
const STEPS_MAX: usize = 24;

/// Looks for the highest rate that passes: doubles the rate until one fails, then halves the
/// distance.
#[derive(Debug, Clone)]
pub(super) struct RateSearch {
    start: f64,
    max: f64,
    passed: Option<f64>,
    failed: Option<f64>,
    steps: usize,
}

impl RateSearch {
    /// Starts at a rate, and never goes above `max`.
    pub(super) fn new(start: f64, max: f64) -> Self {
        Self {
            start: start.min(max),
            max,
            passed: None,
            failed: None,
            steps: 0,
        }
    }

    /// The rate to try next. `None` when the search is over.
    pub(super) fn next(&self) -> Option<f64> {
        if self.steps >= STEPS_MAX {
            return None;
        }
        match (self.passed, self.failed) {
            (None, None) => Some(self.start),
            (Some(passed), None) if passed >= self.max => None,
            (Some(passed), None) => Some((passed * 2.0).min(self.max)),
            (None, Some(failed)) if failed < 1.0 => None,
            (None, Some(failed)) => Some(failed / 2.0),
            (Some(passed), Some(failed)) if failed / passed <= PRECISION => None,
            (Some(passed), Some(failed)) => Some((passed * failed).sqrt()),
        }
    }

    /// Notes the result of a rate.
    pub(super) fn tried(&mut self, rate: f64, passed: bool) {
        self.steps += 1;
        if passed {
            self.passed = Some(self.passed.unwrap_or(0.0).max(rate));
        } else {
            self.failed = Some(self.failed.unwrap_or(f64::INFINITY).min(rate));
        }
    }

    /// The highest rate that passed.
    pub(super) fn best(&self) -> Option<f64> {
        self.passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: f64, limit: f64, max: f64) -> (Option<f64>, usize) {
        let mut search = RateSearch::new(start, max);
        let mut steps = 0;
        while let Some(rate) = search.next() {
            assert!(rate <= max);
            search.tried(rate, rate <= limit);
            steps += 1;
        }
        (search.best(), steps)
    }

    #[test]
    fn the_limit_is_found_from_below_and_from_above() {
        for (start, limit) in [(100.0, 12_345.0), (50_000.0, 333.0), (1000.0, 1000.0)] {
            let (best, steps) = check(start, limit, 1e6);
            let best = best.unwrap();
            assert!(best <= limit && best * PRECISION >= limit, "{best} {limit}");
            assert!(steps <= 16, "{steps}");
        }
    }

    #[test]
    fn the_search_ends_for_servers_that_pass_everything_or_nothing() {
        assert_eq!(check(100.0, f64::INFINITY, 5000.0).0, Some(5000.0));
        assert_eq!(check(100.0, 0.0, 5000.0).0, None);
    }
}
