//! When a refusal is logged: once per reason and interval, with a count.

use std::time::Duration;

use crate::{log::limit::LogLimit, metrics::RefusalReason};

/// The lines of each reason: a stranger can cause thousands of refusals per second. See the module.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    reasons: [LogLimit<1>; RefusalReason::ALL.len()],
}

impl RefusalLog {
    /// Takes note of a refusal. `now` is the time since any fixed point. Returns the number of
    /// refusals that a line stands for, or `None` if it is too early for one. What comes after the
    /// last line is in the metrics, and in the next line.
    pub(crate) fn note(&mut self, reason: RefusalReason, now: Duration) -> Option<u64> {
        let unlogged = self.reasons[reason as usize].allow(now)?;
        Some(unlogged + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::limit::LOG_WINDOW;

    #[test]
    fn the_first_refusal_is_logged_at_once_and_the_others_once_per_interval() {
        use RefusalReason::{Host, Origin};

        let mut log = RefusalLog::default();
        let start = Duration::from_secs(7);
        assert_eq!(log.note(Host, start), Some(1));
        for ms in 1..10_000 {
            assert_eq!(log.note(Host, start + Duration::from_millis(ms)), None);
        }
        // Another reason has its own lines.
        assert_eq!(log.note(Origin, start), Some(1));
        assert_eq!(log.note(Host, start + LOG_WINDOW), Some(10_000));
        assert_eq!(log.note(Host, start + 2 * LOG_WINDOW), Some(1));
    }

    proptest! {
        #[test]
        fn all_refusals_are_counted_and_lines_are_an_interval_apart(
            steps in proptest::collection::vec((0..3usize, 0u64..8_000), 0..200),
        ) {
            let mut log = RefusalLog::default();
            let mut now = Duration::ZERO;
            let mut noted = [0; 3];
            let mut logged = [0; 3];
            let mut last = [None::<Duration>; 3];
            for (reason, ms) in steps {
                now += Duration::from_millis(ms);
                noted[reason] += 1;
                if let Some(count) = log.note(RefusalReason::ALL[reason], now) {
                    logged[reason] += count;
                    prop_assert_eq!(noted[reason], logged[reason]);
                    prop_assert!(last[reason].is_none_or(|last| now - last >= LOG_WINDOW));
                    last[reason] = Some(now);
                } else {
                    prop_assert!(last[reason].is_some_and(|last| now - last < LOG_WINDOW));
                }
            }
        }
    }
}
