//! Two cursors on a chart, and what happened between them.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::TimeNs;

use crate::data::history::{LANE_MAIN, SampleSeries};

/// Two times on a chart that stay where they are while data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursors {
    /// The times of A and B, in any order.
    pub(crate) times_ns: [TimeNs; 2],
}

/// A series between two cursors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Measured {
    /// The values that hold at A and at B; `None` within a gap and outside of the history.
    pub(crate) at: [Option<f64>; 2],
    /// How many samples lie between them, those at their times included.
    pub(crate) count: u64,
    /// The smallest, the largest and the mean value of these samples.
    pub(crate) range: Option<Spread>,
}

/// The smallest, the largest and the mean value of some samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) mean: f64,
}

impl Cursors {
    /// Cursors at a third and at two thirds of a stretch of time.
    pub(crate) fn within((start_ns, end_ns): (TimeNs, TimeNs)) -> Self {
        let third = (end_ns - start_ns) / 3;
        Self {
            times_ns: [start_ns + third, end_ns - third],
        }
    }

    /// The time from A to B; negative if B is the earlier one.
    pub(crate) fn distance_ns(&self) -> i64 {
        self.times_ns[1].saturating_sub(self.times_ns[0])
    }

    /// What a series did between the cursors. Costs the logarithm of its length.
    pub(crate) fn measure(&self, series: &SampleSeries) -> Measured {
        let [a, b] = self.times_ns;
        let from = series.index_at(a.min(b));
        let to = series.index_at(a.max(b).saturating_add(1));
        let all = series.summary(LANE_MAIN, from, to);
        Measured {
            at: self.times_ns.map(|time_ns| value_at(series, time_ns)),
            count: to.saturating_sub(from),
            range: all.map(|all| Spread {
                min: all.min,
                max: all.max,
                mean: all.mean(),
            }),
        }
    }
}

impl Measured {
    /// The change from A to B.
    pub(crate) fn change(&self) -> Option<f64> {
        let [a, b] = self.at;
        Some(b? - a?)
    }

    /// The change in percent of the value at A; `None` if that is zero.
    pub(crate) fn percent(&self) -> Option<f64> {
        let percent = self.change()? / self.at[0]?.abs() * 100.0;
        percent.is_finite().then_some(percent)
    }
}

/// The value that holds at a time: the newest sample's until then, unless a gap follows it.
fn value_at(series: &SampleSeries, time_ns: TimeNs) -> Option<f64> {
    let after = series.index_at(time_ns.saturating_add(1));
    let index = after
        .checked_sub(1)
        .filter(|&index| index >= series.start())?;
    let is_at_it = series.time(index) == time_ns;
    let gap_follows = if after == series.end() {
        series.open_gap().is_some()
    } else {
        series.next_gap_after(index) == Some(after)
    };
    (is_at_it || !gap_follows).then(|| series.value(LANE_MAIN, index))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::history::{GapCause, SeriesKind};

    /// A sample's time and value, and whether a gap comes before it.
    type Given = (i64, f64, bool);

    fn series(samples: &[Given]) -> SampleSeries {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        for &(time_ns, value, after_gap) in samples {
            if after_gap {
                series.mark_gap(Some(1), GapCause::Lost);
            }
            series.append(time_ns, [value, 0.0]);
        }
        series
    }

    /// The same, by looking at every sample.
    fn naive(samples: &[Given], times_ns: [i64; 2]) -> Measured {
        let (low, high) = (times_ns[0].min(times_ns[1]), times_ns[0].max(times_ns[1]));
        let inside: Vec<f64> = samples
            .iter()
            .filter(|(time, ..)| (low..=high).contains(time))
            .map(|(_, value, _)| *value)
            .collect();
        let at = times_ns.map(|time_ns| {
            let index = samples.iter().rposition(|(time, ..)| *time <= time_ns)?;
            let gap_follows = samples.get(index + 1).is_some_and(|(.., gap)| *gap);
            let (time, value, _) = samples[index];
            (time == time_ns || !gap_follows).then_some(value)
        });
        Measured {
            at,
            count: inside.len() as u64,
            range: (!inside.is_empty()).then(|| Spread {
                min: inside.iter().copied().fold(f64::INFINITY, f64::min),
                max: inside.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                mean: inside.iter().sum::<f64>() / inside.len() as f64,
            }),
        }
    }

    proptest! {
        #[test]
        fn cursors_measure_what_a_look_at_every_sample_finds(
            steps in prop::collection::vec((1..50i64, -1000..1000i32, prop::bool::weighted(0.1)), 0..400),
            times_ns in prop::array::uniform2(-100..12_000i64),
        ) {
            let mut now_ns = 0;
            let samples: Vec<Given> = steps.into_iter().map(|(step, value, gap)| {
                now_ns += step;
                (now_ns, f64::from(value), gap && now_ns > step)
            }).collect();
            let measured = Cursors { times_ns }.measure(&series(&samples));
            let expected = naive(&samples, times_ns);
            prop_assert_eq!(measured.at, expected.at);
            prop_assert_eq!(measured.count, expected.count);
            match (measured.range, expected.range) {
                (Some(range), Some(wanted)) => {
                    prop_assert_eq!((range.min, range.max), (wanted.min, wanted.max));
                    prop_assert!((range.mean - wanted.mean).abs() < 1e-9);
                }
                (range, wanted) => prop_assert_eq!(range, wanted),
            }
        }
    }

    #[test]
    fn nothing_is_known_within_a_gap_and_no_percentage_of_zero() {
        let mut series = series(&[(10, 0.0, false), (20, 5.0, false)]);
        let between = |a, b| Cursors { times_ns: [a, b] };
        let all = between(10, 25).measure(&series);
        assert_eq!((all.change(), all.percent()), (Some(5.0), None));
        assert_eq!(between(25, 10).measure(&series).percent(), Some(-100.0));
        series.mark_gap(Some(0), GapCause::NotANumber);
        assert_eq!(between(20, 25).measure(&series).at, [Some(5.0), None]);
        assert_eq!(between(5, 9).measure(&series), Measured::default());
    }
}
