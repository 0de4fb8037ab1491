//! How often the window is repainted while updates come.
//!
//! Pure: the caller passes the times.

use std::time::{Duration, Instant};

/// The shortest interval: numbers cannot be read faster, and charts that move faster ask for more
/// repaints themselves.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(33);

/// The longest interval, where repaints are expensive: values that jump less often than seven times
/// a second are no longer seen as moving.
const INTERVAL_MAX: Duration = Duration::from_millis(150);

/// The part of a core that the program may take while updates come. Without a graphics card a
/// repaint costs 15 to 40 ms of CPU time, most of it for pixels: repaints become rarer until all of
/// them, with the rest of the program, stay below this. It leaves a machine with few cores usable.
const LOAD_MAX: f64 = 0.22;

/// The part by which the interval moves towards the one that the last measurement asks for: a
/// single expensive repaint, such as the first one, changes little.
const FOLLOWED: f64 = 0.5;

/// The least time of a measurement: the system counts CPU time in hundredths of a second.
const MEASURE: Duration = Duration::from_millis(1_500);

/// The wait of an update that is shown at once. The library of the window repaints twice when it is
/// asked to without a wait, so that widgets settle. Nothing here needs that, and the second repaint
/// costs as much as the first one.
pub(crate) const AT_ONCE: Duration = Duration::from_nanos(1);

/// What the program has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// CPU time of all its threads, those of the renderer among them.
    pub(crate) cpu: Duration,
    /// Repaints of the window.
    pub(crate) repaints: u64,
}

/// Chooses the interval of repaints by what they cost.
#[derive(Debug)]
pub(crate) struct RepaintInterval {
    interval: Duration,
    measured: Option<(Instant, Work)>,
}

impl Default for RepaintInterval {
    fn default() -> Self {
        Self {
            interval: INTERVAL_MIN,
            measured: None,
        }
    }
}

impl RepaintInterval {
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

    /// The program has done `work` until `now`. A repaint costs all that was done per repaint, so
    /// the interval also makes room for receiving updates, and repaints for the pointer do not make
    /// those for updates rarer.
    pub(crate) fn measured(&mut self, now: Instant, work: Work) {
        let Some((_, before)) = self.measured.replace((now, work)) else {
            return;
        };
        let repaints = work.repaints.saturating_sub(before.repaints);
        if repaints == 0 {
            return;
        }
        let cost = work.cpu.saturating_sub(before.cpu).as_secs_f64() / repaints as f64;
        let least = INTERVAL_MIN.as_secs_f64();
        let wanted = (cost / LOAD_MAX).clamp(least, INTERVAL_MAX.as_secs_f64());
        let interval = self.interval.as_secs_f64();
        self.interval = Duration::from_secs_f64(interval + (wanted - interval) * FOLLOWED);
    }
}

/// Wakes the window for new updates: at once after silence, and else once per interval.
#[derive(Debug, Default)]
pub(crate) struct WakeTimes {
    /// When the window was woken last, or will be.
    woken: Option<Instant>,
}

impl WakeTimes {
    /// How long the window may wait with an update that came at `now`.
    pub(crate) fn wait(&mut self, now: Instant, interval: Duration) -> Duration {
        let next = self.woken.map(|woken| woken + interval);
        let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now));
        let wait = wait.min(interval);
        self.woken = Some(now + wait);
        wait.max(AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_update_after_silence_is_shown_at_once_and_the_next_ones_in_turn() {
        let start = Instant::now();
        let mut times = WakeTimes::default();
        assert_eq!(times.wait(start, 33 * MS), AT_ONCE);
        assert_eq!(times.wait(start + 10 * MS, 33 * MS), 23 * MS);
        assert_eq!(times.wait(start + 40 * MS, 33 * MS), 26 * MS);
        assert_eq!(times.wait(start + 500 * MS, 33 * MS), AT_ONCE);
        assert!(!AT_ONCE.is_zero(), "one repaint, not two");
    }

    /// The interval and the part of a core after a minute in which a repaint takes `cost` and
    /// everything else takes `rest` of a core.
    fn after_a_minute(chosen: &mut RepaintInterval, cost: Duration, rest: f64) -> (Duration, f64) {
        let (mut now, mut work, mut load) = (
            Instant::now(),
            Work {
                cpu: Duration::ZERO,
                repaints: 0,
            },
            0.0,
        );
        chosen.measured(now, work);
        for _ in 0..40 {
            assert!(!chosen.is_due(now + MEASURE / 2));
            let repaints = (MEASURE.as_secs_f64() / chosen.interval().as_secs_f64()) as u64;
            let cpu = cost * repaints as u32 + MEASURE.mul_f64(rest);
            now += MEASURE;
            work.cpu += cpu;
            work.repaints += repaints;
            load = cpu.as_secs_f64() / MEASURE.as_secs_f64();
            assert!(chosen.is_due(now));
            chosen.measured(now, work);
        }
        (chosen.interval(), load)
    }

    #[test]
    fn expensive_repaints_become_rarer_and_cheap_ones_frequent_again() {
        let mut chosen = RepaintInterval::default();
        let (interval, load) = after_a_minute(&mut chosen, 24 * MS, 0.0);
        assert!(
            (100 * MS..120 * MS).contains(&interval) && load <= LOAD_MAX,
            "24 ms each: {interval:?}, {load}"
        );
        let (interval, load) = after_a_minute(&mut chosen, 12 * MS, 0.1);
        assert!(
            (90 * MS..115 * MS).contains(&interval) && load <= LOAD_MAX + 0.01,
            "12 ms each, and 10 % for receiving: {interval:?}, {load}"
        );
        let (interval, _) = after_a_minute(&mut chosen, 60 * MS, 0.0);
        assert!(interval > INTERVAL_MAX - MS, "60 ms each: {interval:?}");
        let (interval, _) = after_a_minute(&mut chosen, 2 * MS, 0.0);
        assert!(interval < INTERVAL_MIN + MS, "2 ms each: {interval:?}");
    }

    #[test]
    fn repaints_for_the_pointer_do_not_make_those_for_updates_rarer() {
        let start = Instant::now();
        let mut chosen = RepaintInterval::default();
        let mut work = Work {
            cpu: Duration::ZERO,
            repaints: 0,
        };
        for second in 0..60 {
            chosen.measured(start + Duration::from_secs(2 * second), work);
            // A drag at 60 repaints per second, of 8 ms each, takes half a core.
            work.cpu += 120 * 8 * MS;
            work.repaints += 120;
        }
        assert!(chosen.interval() < 37 * MS, "{:?}", chosen.interval());
    }

    #[test]
    fn without_a_repaint_nothing_is_learnt() {
        let start = Instant::now();
        let mut chosen = RepaintInterval::default();
        for second in 0..60 {
            let cpu = Duration::from_secs(second);
            let work = Work { cpu, repaints: 7 };
            chosen.measured(start + Duration::from_secs(2 * second), work);
        }
        assert_eq!(chosen.interval(), INTERVAL_MIN);
    }
}
