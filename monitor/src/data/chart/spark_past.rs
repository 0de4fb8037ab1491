//! What a sparkline shows of the time before the samples that are held here.

use tickcast_protocol::message::TimeNs;

use super::{
    rows::{ChartRows, WantedRows, interval_of, rows_before},
    window::ChartWindow,
};
use crate::data::{
    history::{GapCause, SampleSeries},
    long_history::{SETTLED_NS, TopicLongHistory},
};

/// The past of a sparkline: the server's rows, what they need of the server, and the first sample
/// to be drawn after them.
#[derive(Debug, PartialEq)]
pub(crate) struct SparkPast {
    pub(crate) rows: ChartRows,
    pub(crate) wanted: Vec<WantedRows>,
    pub(crate) first: u64,
}

impl SparkPast {
    /// The past of a topic within a window that ends now; `None` if its samples reach back to the
    /// start of the window. A sparkline goes on from newest values, and not from every update: its
    /// samples are as good as the rows, from the newest reconnect on.
    pub(crate) fn of(
        long: &TopicLongHistory,
        series: &SampleSeries,
        window: &ChartWindow,
        now_ns: TimeNs,
    ) -> Option<Self> {
        let until_ns = settled(held_from_ns(series)?, interval_of(window).nanos(), now_ns);
        if until_ns <= window.start_ns {
            return None;
        }
        let (rows, wanted, first) = rows_before(long, series, window, until_ns, now_ns);
        Some(Self {
            rows,
            wanted,
            first,
        })
    }
}

/// When the samples begin between which no connection was lost.
fn held_from_ns(series: &SampleSeries) -> Option<TimeNs> {
    // "Not a number" is a value like others, and where the source was away the server has no more.
    let is_held = |cause| matches!(cause, GapCause::NotANumber | GapCause::SourceAway);
    let mut gaps = series.gaps().rev();
    let newest = gaps.find(|gap| !is_held(gap.cause));
    newest.map(|gap| gap.to_ns).or(series.first_time())
}

/// The end of the time that is asked for: no interval that has not ended by the server's clock is
/// needed. It is asked for a moment later.
fn settled(until_ns: TimeNs, nanos: i64, now_ns: TimeNs) -> TimeNs {
    let start_of = |time_ns: TimeNs| time_ns.div_euclid(nanos).saturating_mul(nanos);
    let settled_ns = start_of(now_ns.saturating_sub(SETTLED_NS));
    if start_of(until_ns.saturating_sub(1)).saturating_add(nanos) <= settled_ns {
        until_ns
    } else {
        settled_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{history::SeriesKind, time::SECOND};

    const WINDOW: ChartWindow = ChartWindow {
        start_ns: 1_000 * SECOND,
        end_ns: 1_300 * SECOND,
        columns: 150,
    };

    /// What is asked for while samples begin at this second, at another one.
    fn wanted(series: &SampleSeries, now_s: i64) -> Option<(i64, i64)> {
        let long = TopicLongHistory::default();
        let past = SparkPast::of(&long, series, &WINDOW, now_s * SECOND)?;
        assert_eq!(
            past.first,
            series.start(),
            "all samples, while there are no rows"
        );
        let [(interval, (from_ns, to_ns))] = past.wanted[..] else {
            panic!("{:?}", past.wanted);
        };
        assert_eq!(interval.nanos(), 5 * SECOND);
        Some((from_ns / SECOND, to_ns / SECOND))
    }

    fn series(seconds: &[i64]) -> SampleSeries {
        let mut series = SampleSeries::new(SeriesKind::Reading);
        for second in seconds {
            series.append(second * SECOND, [1.0; 2]);
        }
        series
    }

    #[test]
    fn the_time_before_the_first_sample_is_asked_for_at_once_and_its_end_a_moment_later() {
        let new = series(&[1_299]);
        assert_eq!(wanted(&new, 1_300), Some((1_000, 1_295)));
        assert_eq!(wanted(&new, 1_302), Some((1_000, 1_299)));
        assert_eq!(wanted(&series(&[900, 1_299]), 1_300), None);
    }

    #[test]
    fn the_time_before_a_reconnect_is_asked_for_and_that_of_other_words_is_not() {
        let mut series = series(&[900, 1_100]);
        series.mark_gap(Some(0), GapCause::NotANumber);
        series.append(1_110 * SECOND, [1.0; 2]);
        assert_eq!(wanted(&series, 1_300), None);
        series.mark_gap(Some(7), GapCause::Lost);
        series.append(1_200 * SECOND, [1.0; 2]);
        assert_eq!(wanted(&series, 1_300), Some((1_000, 1_200)));
    }
}
