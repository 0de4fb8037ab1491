//! Rows of the server: least, greatest and mean values of intervals, for times of which not every
//! update is held here.

use tickcast_protocol::message::{Interval, TimeNs};

use super::{
    basis::ShownAs,
    known::{Known, incomplete_times},
    value_range::union_of,
    window::ChartWindow,
};
use crate::data::{
    history::SampleSeries,
    long_history::{
        BarSum, DENSE_UPDATES, LongBar, TopicLongHistory, folded, next_level, row_interval,
    },
    time::SECOND,
};

/// A row takes at least this many pixels.
const ROW_MIN_PIXELS: i64 = 2;

/// Rows of a second that would take more pixels than this are only of use where the updates
/// themselves cannot be had.
const ROW_MAX_PIXELS: i64 = 8;

/// The values of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ChartRow {
    /// Start of the interval.
    pub(crate) start_ns: TimeNs,
    /// Its end, or where finer values begin within it.
    pub(crate) end_ns: TimeNs,
    /// The length of the interval.
    pub(crate) length_ns: i64,
    /// The least value.
    pub(crate) low: f64,
    /// The greatest value.
    pub(crate) high: f64,
    /// The mean of readings; of trades the last price.
    pub(crate) middle: f64,
    /// Number of updates.
    pub(crate) count: u64,
    /// Whether all updates are counted.
    pub(crate) known: Known,
}

/// The rows of one topic, ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ChartRows {
    /// The rows.
    pub(crate) rows: Vec<ChartRow>,
    /// Stretches of time in which updates are missing.
    pub(crate) incomplete: Vec<(TimeNs, TimeNs)>,
    /// When the source was away.
    pub(crate) away: Vec<(TimeNs, TimeNs)>,
    /// The length of the newest rows.
    pub(crate) interval_ns: i64,
}

/// A part of a chart's time, and the intervals that it needs.
pub(crate) type WantedRows = (Interval, (TimeNs, TimeNs));

/// The interval of the rows of a window.
pub(crate) fn interval_of(window: &ChartWindow) -> Interval {
    row_interval(window.column_ns().saturating_mul(ROW_MIN_PIXELS))
}

/// What is wanted to learn when the source of a topic was away: intervals with enough updates that
/// an outage leaves its mark on them. `distance_ns` is the mean time between two updates.
pub(crate) fn outages_wanted(distance_ns: i64, window: &ChartWindow) -> WantedRows {
    let least_ns = distance_ns.saturating_mul(DENSE_UPDATES as i64);
    let interval = interval_of(window).max(row_interval(least_ns));
    (interval, (window.start_ns, window.end_ns))
}

/// The mean time between two updates, by intervals of one length and the number of updates of each;
/// `None` with fewer than two intervals.
pub(crate) fn distance_ns(interval_ns: i64, counts: &[u64]) -> Option<i64> {
    let intervals = Some(counts.len() as i64).filter(|&intervals| intervals > 1)?;
    let updates: u64 = counts.iter().sum();
    interval_ns
        .saturating_mul(intervals)
        .checked_div(updates as i64)
}

/// Whether rows are of use although the updates themselves may still come.
pub(crate) fn are_fine(window: &ChartWindow) -> bool {
    window.column_ns().saturating_mul(ROW_MAX_PIXELS) >= SECOND
}

/// The rows of a window before `until_ns`, from which on all updates are held. Where the server's
/// finest rows end, longer ones go on. Also returns what is wanted of the server.
fn rows(
    long: &TopicLongHistory,
    window: &ChartWindow,
    until_ns: TimeNs,
    now_ns: TimeNs,
) -> (ChartRows, Vec<WantedRows>) {
    let mut interval = interval_of(window);
    let mut until_ns = until_ns.min(window.end_ns);
    let mut wanted = Vec::new();
    let mut parts: Vec<Vec<ChartRow>> = Vec::new();
    // Where the oldest rows begin, if there are none before them.
    let mut oldest_ns = None;
    let interval_ns = interval.nanos();
    while window.start_ns < until_ns {
        wanted.push((interval, (window.start_ns, until_ns)));
        let Some(track) = long.track(interval) else {
            break;
        };
        let nanos = interval.nanos();
        let ends_in_first = |begins_ns: TimeNs| begins_ns.saturating_add(nanos) > until_ns;
        if !parts.is_empty() && track.begins_ns().is_some_and(ends_in_first) {
            // Its first interval is the one in which the finer ones begin: there is nothing older.
            break;
        }
        // One more on the left, so that the line enters the window.
        let from_ns = window.start_ns.saturating_sub(nanos);
        let bars = folded(track, nanos, (from_ns, until_ns), now_ns);
        let bars = bars.into_iter().filter(|bar| bar.start_ns < until_ns);
        let part: Vec<ChartRow> = bars.map(|bar| row(bar, nanos, until_ns)).collect();
        if !part.is_empty() {
            oldest_ns = track.begins_ns();
        }
        parts.push(part);
        match (track.begins_ns(), next_level(interval)) {
            (Some(begins_ns), Some(longer)) if begins_ns > window.start_ns => {
                until_ns = until_ns.min(begins_ns);
                interval = longer;
            }
            _ => break,
        }
    }
    let mut rows: Vec<ChartRow> = parts.into_iter().rev().flatten().collect();
    if let Some(first) = rows.first_mut()
        && oldest_ns == Some(first.start_ns)
    {
        first.known = first.known.of_first();
    }
    let states = rows.iter().map(|row| (row.start_ns, row.end_ns, row.known));
    let incomplete = incomplete_times(states);
    let rows = ChartRows {
        rows,
        incomplete,
        away: long.outages_between(window.start_ns, window.end_ns),
        interval_ns,
    };
    (rows, wanted)
}

/// Rows before the samples of a series that are complete from `until_ns` on, what they need of the
/// server, and the first sample to be drawn after them.
pub(crate) fn rows_before(
    long: &TopicLongHistory,
    series: &SampleSeries,
    window: &ChartWindow,
    until_ns: TimeNs,
    now_ns: TimeNs,
) -> (ChartRows, Vec<WantedRows>, u64) {
    let (rows, wanted) = rows(long, window, until_ns, now_ns);
    // Without rows the samples that are held here are better than nothing.
    let first = match rows.rows.last() {
        Some(last) => series.index_at(last.end_ns.min(until_ns)),
        None => series.start(),
    };
    (rows, wanted, first)
}

/// The row of a bar; it ends before `until_ns`, or there.
pub(super) fn row(bar: LongBar, nanos: i64, until_ns: TimeNs) -> ChartRow {
    let (low, high, middle) = match bar.sum {
        BarSum::Trades {
            prices: [_, high, low, close],
            ..
        } => (low.to_f64(), high.to_f64(), close.to_f64()),
        BarSum::Readings {
            readings: [_, max, min, _],
            sum,
        } => (min, max, sum / bar.count.max(1) as f64),
    };
    ChartRow {
        start_ns: bar.start_ns,
        end_ns: bar.start_ns.saturating_add(nanos).min(until_ns),
        length_ns: nanos,
        low,
        high,
        middle,
        count: bar.count,
        known: bar.state.into(),
    }
}

/// The row at a time, of ascending ones.
pub(super) fn row_at(rows: &[ChartRow], time_ns: TimeNs) -> Option<&ChartRow> {
    let after = rows.partition_point(|row| row.start_ns <= time_ns);
    let row = rows.get(after.checked_sub(1)?)?;
    (time_ns < row.end_ns).then_some(row)
}

impl ChartRows {
    /// Least and greatest value.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        union_of(self.rows.iter().map(|row| (row.low, row.high)))
    }

    /// The row at a time.
    pub(crate) fn at(&self, time_ns: TimeNs) -> Option<&ChartRow> {
        row_at(&self.rows, time_ns)
    }

    /// The middle of the first row that reaches beyond a time.
    pub(crate) fn first_after(&self, time_ns: TimeNs) -> Option<f64> {
        let first = self.rows.iter().find(|row| row.end_ns > time_ns);
        first.map(|row| row.middle)
    }

    /// Replaces all values by what they are shown as.
    pub(crate) fn show_as(&mut self, map: ShownAs) {
        for row in &mut self.rows {
            for value in [&mut row.low, &mut row.high, &mut row.middle] {
                *value = map.shown(*value);
            }
        }
    }

    /// The rows as pieces between which the source was away.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[ChartRow]> {
        self.rows.chunk_by(|before, after| {
            let mut away = self.away.iter();
            !away.any(|&(from_ns, to_ns)| from_ns < after.start_ns && to_ns > before.end_ns)
        })
    }
}
