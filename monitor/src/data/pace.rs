//! How often the window is repainted while updates come.
//!
//! Pure: the caller passes the times.

use std::time::{Duration, Instant};

/// The shortest interval: numbers cannot be read faster, and charts that move faster ask for more
/// repaints themselves.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(33);

/// The longest interval, where repaints are expensive.
const INTERVAL_MAX: Duration = Duration::from_millis(100);

/// While the program takes more than this part of a core, repaints become rarer.
const LOAD_HIGH: f64 = 0.15;

/// While it takes less than this, they become more frequent again.
const LOAD_LOW: f64 = 0.10;

/// The change of the interval per measurement.
const STEP: f64 = 1.3;

/// The least time of a measurement: the system counts CPU time in hundredths of a second.
const MEASURE: Duration = Duration::from_millis(1_500);

/// Chooses the interval of repaints by what they cost.
#[derive(Debug)]
pub(crate) struct RepaintPace {
    interval: Duration,
    measured: Option<(Instant, Duration)>,
}

impl Default for RepaintPace {
    fn default() -> Self {
        Self {
            interval: INTERVAL_MIN,
            measured: None,
        }
    }
}

impl RepaintPace {
    /// The interval.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether the CPU time is to be measured now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let since = self
            .measured
            .map(|(at, _)| now.saturating_duration_since(at));
        since.is_none_or(|since| since >= MEASURE)
    }

    /// The program has taken `cpu` of CPU time until `now`.
    pub(crate) fn measured(&mut self, now: Instant, cpu: Duration) {
        let Some((before, cpu_before)) = self.measured.replace((now, cpu)) else {
            return;
        };
        let wall = now.saturating_duration_since(before).as_secs_f64();
        if wall <= 0.0 {
            return;
        }
        let load = cpu.saturating_sub(cpu_before).as_secs_f64() / wall;
        if load > LOAD_HIGH {
            self.interval = self.interval.mul_f64(STEP).min(INTERVAL_MAX);
        } else if load < LOAD_LOW {
            self.interval = self.interval.mul_f64(1.0 / STEP).max(INTERVAL_MIN);
        }
    }
}

/// Wakes the window for new updates: at once after silence, and else once per interval.
#[derive(Debug, Default)]
pub(crate) struct WakePace {
    /// When the window was woken last, or will be.
    woken: Option<Instant>,
}

impl WakePace {
    /// How long the window may wait with an update that came at `now`.
    pub(crate) fn wait(&mut self, now: Instant, interval: Duration) -> Duration {
        let next = self.woken.map(|woken| woken + interval);
        let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now));
        let wait = wait.min(interval);
        self.woken = Some(now + wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_update_after_silence_is_shown_at_once_and_the_next_ones_in_turn() {
        let start = Instant::now();
        let mut pace = WakePace::default();
        assert_eq!(pace.wait(start, 33 * MS), Duration::ZERO);
        assert_eq!(pace.wait(start + 10 * MS, 33 * MS), 23 * MS);
        assert_eq!(pace.wait(start + 40 * MS, 33 * MS), 26 * MS);
        assert_eq!(pace.wait(start + 500 * MS, 33 * MS), Duration::ZERO);
    }

    #[test]
    fn expensive_repaints_become_rarer_and_cheap_ones_frequent_again() {
        let start = Instant::now();
        let mut pace = RepaintPace::default();
        let mut cpu = Duration::ZERO;
        let mut now = start;
        let mut run = |pace: &mut RepaintPace, percent: u32| {
            for _ in 0..20 {
                assert!(pace.is_due(now));
                pace.measured(now, cpu);
                assert!(!pace.is_due(now + MEASURE / 2));
                now += MEASURE;
                cpu += MEASURE * percent / 100;
            }
            pace.interval()
        };
        assert_eq!(run(&mut pace, 60), INTERVAL_MAX);
        assert_eq!(run(&mut pace, 12), INTERVAL_MAX, "neither much nor little");
        assert_eq!(run(&mut pace, 5), INTERVAL_MIN);
    }
}
