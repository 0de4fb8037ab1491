//! From recorded times to present times.

use std::time::Duration;

use tickcast_protocol::message::TimeNs;
use tokio::time::Instant;

use super::settings::Speed;

/// Converts recorded times to present times.
#[derive(Debug)]
pub(super) struct Timeline {
    start: Instant,
    first_ns: TimeNs,
    speed: Speed,
    /// The latest recorded time so far, and the number of rows.
    last_ns: TimeNs,
    rows: u64,
    /// Recorded time that was left out.
    left_out_ns: TimeNs,
}

impl Timeline {
    pub(super) fn new(start: Instant, first_ns: TimeNs, speed: Speed) -> Self {
        Self {
            start,
            first_ns,
            speed,
            last_ns: first_ns,
            rows: 0,
            left_out_ns: 0,
        }
    }

    /// How much later a row is than the latest before it; 0 if it is not.
    pub(super) fn gap_ns(&self, time_ns: TimeNs) -> TimeNs {
        time_ns.saturating_sub(self.last_ns).max(0)
    }

    /// The mean gap between the rows before.
    pub(super) fn mean_gap_ns(&self) -> Option<TimeNs> {
        let length_ns = self.last_ns.saturating_sub(self.first_ns);
        let gaps = TimeNs::try_from(self.rows.checked_sub(1)?).ok()?;
        length_ns.checked_div(gaps)
    }

    /// Leaves a stretch of recorded time out: what follows is due earlier by it.
    pub(super) fn leave_out(&mut self, gap_ns: TimeNs) {
        self.left_out_ns = self.left_out_ns.saturating_add(gap_ns);
    }

    /// The instant at which to play a row. A row older than the first is played at once.
    pub(super) fn due(&mut self, time_ns: TimeNs) -> Instant {
        self.last_ns = self.last_ns.max(time_ns);
        self.rows += 1;
        self.at(time_ns.saturating_sub(self.first_ns))
    }

    /// The instant at which the file starts again: the mean gap between two rows after the last
    /// one.
    pub(super) fn end(&self) -> Instant {
        /// Gap for a file whose rows all have the same time.
        const GAP_MIN_NS: TimeNs = 1_000_000;
        let length_ns = self.last_ns.saturating_sub(self.first_ns);
        let played_ns = length_ns.saturating_sub(self.left_out_ns);
        let gaps = TimeNs::try_from(self.rows.saturating_sub(1)).unwrap_or(TimeNs::MAX);
        let gap_ns = (played_ns / gaps.max(1)).max(GAP_MIN_NS);
        self.at(length_ns.saturating_add(gap_ns))
    }

    fn at(&self, passed_ns: TimeNs) -> Instant {
        /// A row that is due in more than 30 years is never played; tokio's timers hold no more.
        const NEVER_S: f64 = 1e9;
        match self.speed {
            Speed::Max => self.start,
            Speed::Times(times) => {
                let passed_ns = passed_ns.saturating_sub(self.left_out_ns).max(0);
                let passed_s = (passed_ns as f64 / 1e9 / times).min(NEVER_S);
                self.start + Duration::from_secs_f64(passed_s)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const S: TimeNs = 1_000_000_000;

    #[test]
    fn recorded_time_passes_at_the_speed_and_a_pass_ends_with_the_mean_gap() {
        let start = Instant::now();
        let mut timeline = Timeline::new(start, 100 * S, Speed::Times(10.0));
        let after_ms = |ms| start + Duration::from_millis(ms);
        assert_eq!(timeline.due(100 * S), after_ms(0));
        assert_eq!(timeline.mean_gap_ns(), None);
        assert_eq!(timeline.due(110 * S), after_ms(1_000));
        assert_eq!(timeline.mean_gap_ns(), Some(10 * S));
        assert_eq!(timeline.due(90 * S), after_ms(0));
        assert_eq!(timeline.gap_ns(90 * S), 0);
        assert_eq!(timeline.gap_ns(130 * S), 20 * S);
        assert_eq!(timeline.due(130 * S), after_ms(3_000));
        assert_eq!(timeline.end(), after_ms(4_000));

        let mut timeline = Timeline::new(start, 0, Speed::Max);
        assert_eq!(timeline.due(i64::MAX), start);
        let mut timeline = Timeline::new(start, i64::MIN, Speed::Times(1e-9));
        assert!(timeline.due(i64::MAX) > start);
    }

    #[test]
    fn what_follows_time_that_is_left_out_is_due_earlier() {
        let start = Instant::now();
        let mut timeline = Timeline::new(start, 0, Speed::Times(1.0));
        timeline.due(S);
        timeline.leave_out(1_000 * S);
        assert_eq!(timeline.due(1_001 * S), start + Duration::from_secs(1));
        assert_eq!(timeline.due(1_002 * S), start + Duration::from_secs(2));
        assert_eq!(timeline.end(), start + Duration::from_secs(3));
    }

    /// Recorded times, also impossible ones.
    fn time() -> impl Strategy<Value = TimeNs> {
        prop_oneof![
            4 => 0..1_000 * S,
            1 => any::<TimeNs>(),
            1 => prop::sample::select(vec![TimeNs::MIN, -1, 0, TimeNs::MAX]),
        ]
    }

    proptest! {
        #[test]
        fn any_times_are_due_in_their_order_and_not_before_the_start(
            times in prop::collection::vec((time(), any::<bool>()), 1..40),
            speed in prop::sample::select(vec![1e-9, 0.5, 1.0, 1e6, 1e12]),
        ) {
            let start = Instant::now();
            let mut timeline = Timeline::new(start, times[0].0, Speed::Times(speed));
            let mut last: Option<(TimeNs, Instant)> = None;
            for (time_ns, leaves_out) in times {
                let gap_ns = timeline.gap_ns(time_ns);
                prop_assert!(gap_ns >= 0);
                if leaves_out {
                    timeline.leave_out(gap_ns);
                    last = None;
                }
                let due = timeline.due(time_ns);
                prop_assert!(due >= start);
                if let Some((before_ns, before)) = last {
                    prop_assert!(before_ns > time_ns || before <= due);
                }
                last = Some((time_ns, due));
                prop_assert!(timeline.mean_gap_ns().is_none_or(|gap_ns| gap_ns >= 0));
            }
            prop_assert!(timeline.end() >= start);
        }
    }
}
