//! Two cursors on a chart, and what happened between them.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::TimeNs;

use super::rows::{ChartRow, row_at};
use crate::data::{
    history::{LANE_MAIN, SampleSeries, SeriesKind},
    percentage,
};

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
    /// How many updates lie between them, those at their times included.
    pub(crate) count: u64,
    /// The smallest, the largest and the mean value of these updates.
    pub(crate) range: Option<Spread>,
    /// The part of which only rows are known, if there is any.
    pub(crate) coarse: Option<CoarsePart>,
    /// Whether the values are prices.
    pub(crate) is_price: bool,
}

/// The smallest, the largest and the mean value of some updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// `None` if rows are among them that have no mean: those of trades.
    pub(crate) mean: Option<f64>,
}

/// A part between two cursors of which only rows are known. Rows at its ends count as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoarsePart {
    /// Where it ends and every update begins.
    pub(crate) until_ns: TimeNs,
    /// The longest of its intervals.
    pub(crate) length_ns: i64,
}

/// Sums of updates.
#[derive(Debug, Clone, Copy)]
struct Sums {
    count: u64,
    min: f64,
    max: f64,
    /// The sum of the values, if it is known.
    sum: Option<f64>,
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

    /// The earlier and the later time.
    pub(crate) fn span(&self) -> (TimeNs, TimeNs) {
        let [a, b] = self.times_ns;
        (a.min(b), a.max(b))
    }

    /// What a series did between the cursors. `rows` are those of the time before its samples of
    /// which none is missing. Costs the logarithm of the number of samples, and the number of rows.
    pub(crate) fn measure(&self, series: &SampleSeries, rows: &[ChartRow]) -> Measured {
        let (low, high) = self.span();
        let after = rows.partition_point(|row| row.start_ns <= high);
        let within = &rows[rows.partition_point(|row| row.end_ns <= low).min(after)..after];
        // The samples that rows hold too do not count twice.
        let first = rows.last().map_or(0, |last| series.index_at(last.end_ns));
        let from = series.index_at(low).max(first);
        let to = series.index_at(high.saturating_add(1)).max(from);
        let is_trade = series.kind() == SeriesKind::Trade;
        let of_samples = series.summary(LANE_MAIN, from, to).map(|all| Sums {
            count: all.count,
            min: all.min,
            max: all.max,
            sum: Some(all.mean() * all.count as f64),
        });
        let of_rows = within.iter().map(|row| Sums {
            count: row.count,
            min: row.low,
            max: row.high,
            sum: (!is_trade).then_some(row.middle * row.count as f64),
        });
        let all = of_rows.chain(of_samples).reduce(|a, b| Sums {
            count: a.count + b.count,
            min: a.min.min(b.min),
            max: a.max.max(b.max),
            sum: a.sum.zip(b.sum).map(|(a, b)| a + b),
        });
        let value = |time_ns| match rows.last() {
            Some(last) if time_ns < last.end_ns => row_at(rows, time_ns).map(|row| row.middle),
            _ => value_at(series, time_ns),
        };
        Measured {
            at: self.times_ns.map(value),
            count: all.map_or(0, |all| all.count),
            range: all.map(|all| Spread {
                min: all.min,
                max: all.max,
                mean: all.sum.map(|sum| sum / all.count.max(1) as f64),
            }),
            coarse: within.last().map(|last| CoarsePart {
                until_ns: last.end_ns,
                length_ns: within.iter().map(|row| row.length_ns).max().unwrap_or(0),
            }),
            is_price: series.kind().is_price(),
        }
    }
}

impl Measured {
    /// The change from A to B.
    pub(crate) fn change(&self) -> Option<f64> {
        let [a, b] = self.at;
        Some(b? - a?)
    }

    /// The change in percent of the value at A; `None` if that is too small beside the values in
    /// between.
    pub(crate) fn percent(&self) -> Option<f64> {
        let [a, b] = self.at;
        self.percent_of(a?, b?)
    }

    /// The change from one value to another in percent of the first; `None` if that is too small
    /// beside the values in between.
    pub(crate) fn percent_of(&self, from: f64, to: f64) -> Option<f64> {
        let range = self
            .range
            .map_or((from, to), |range| (range.min, range.max));
        percentage::change(from, to, range, self.is_price)
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
    use crate::data::{chart::Known, history::GapCause};

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
                mean: Some(inside.iter().sum::<f64>() / inside.len() as f64),
            }),
            coarse: None,
            is_price: false,
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
            let measured = Cursors { times_ns }.measure(&series(&samples), &[]);
            let expected = naive(&samples, times_ns);
            prop_assert_eq!(measured.at, expected.at);
            prop_assert_eq!(measured.count, expected.count);
            match (measured.range, expected.range) {
                (Some(range), Some(wanted)) => {
                    prop_assert_eq!((range.min, range.max), (wanted.min, wanted.max));
                    let error = range.mean.zip(wanted.mean).map(|(a, b)| (a - b).abs());
                    prop_assert!(error.is_some_and(|error| error < 1e-9));
                }
                (range, wanted) => prop_assert_eq!(range, wanted),
            }
        }
    }

    #[test]
    fn rows_count_where_not_every_update_is_held() {
        let row = |start_ns, low, high, middle, count| ChartRow {
            start_ns,
            end_ns: start_ns + 100,
            length_ns: 100,
            low,
            high,
            middle,
            count,
            known: Known::Complete,
        };
        let rows = [
            row(0, -5.0, 5.0, 0.0, 10),
            row(100, 1.0, 3.0, 2.0, 4),
            row(200, 7.0, 9.0, 8.0, 2),
        ];
        // The newest value of the time before came too, and is one of those in the row.
        let series = series(&[(250, 9.0, false), (300, 6.0, false), (310, 1.0, false)]);
        let between = |a, b| Cursors { times_ns: [a, b] }.measure(&series, &rows);
        let all = between(305, 120);
        assert_eq!(all.at, [Some(6.0), Some(2.0)]);
        assert_eq!(all.count, 4 + 2 + 1);
        let spread = Spread {
            min: 1.0,
            max: 9.0,
            mean: Some((4.0 * 2.0 + 2.0 * 8.0 + 6.0) / 7.0),
        };
        assert_eq!(all.range, Some(spread));
        let coarse = CoarsePart {
            until_ns: 300,
            length_ns: 100,
        };
        assert_eq!(all.coarse, Some(coarse));
        assert_eq!(between(300, 320).coarse, None, "every update is held");
        assert_eq!(between(300, 320).count, 2);
        assert_eq!(between(-20, -10), Measured::default());
        assert_eq!(between(-20, 50).at, [None, Some(0.0)]);
        // Candles of the server have no mean.
        let mut trades = SampleSeries::new(SeriesKind::Trade);
        trades.append(300, [6.0, 1.0]);
        let both = Cursors {
            times_ns: [120, 305],
        };
        let range = both.measure(&trades, &rows).range.unwrap();
        assert_eq!((range.min, range.max, range.mean), (1.0, 9.0, None));
    }

    #[test]
    fn nothing_is_known_within_a_gap_and_no_percentage_of_zero() {
        let mut series = series(&[(10, 0.0, false), (20, 5.0, false)]);
        let between = |a, b| Cursors { times_ns: [a, b] };
        let all = between(10, 25).measure(&series, &[]);
        assert_eq!((all.change(), all.percent()), (Some(5.0), None));
        assert_eq!(
            between(25, 10).measure(&series, &[]).percent(),
            Some(-100.0)
        );
        series.mark_gap(Some(0), GapCause::NotANumber);
        assert_eq!(between(20, 25).measure(&series, &[]).at, [Some(5.0), None]);
        assert_eq!(between(5, 9).measure(&series, &[]), Measured::default());
    }

    #[test]
    fn a_reading_next_to_zero_has_no_percentage_and_a_price_has_one() {
        let samples = [(10, 0.5, 0.0), (20, 50.0, 0.0), (30, 0.75, 0.0)];
        let percent = |kind| {
            let mut series = SampleSeries::new(kind);
            for (time_ns, main, second) in samples {
                series.append(time_ns, [main, second]);
            }
            let measured = Cursors { times_ns: [10, 30] }.measure(&series, &[]);
            assert_eq!(measured.change(), Some(0.25));
            measured.percent()
        };
        assert_eq!(percent(SeriesKind::Reading), None);
        assert_eq!(percent(SeriesKind::Trade), Some(50.0));
    }
}
