//! The stretch of time that a chart shows, and its width.

use tickcast_protocol::message::TimeNs;

use crate::data::history::SampleSeries;

/// The target of a reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChartWindow {
    /// First time shown.
    pub start_ns: TimeNs,
    /// Last time shown.
    pub end_ns: TimeNs,
    /// Width in pixels.
    pub columns: u32,
}

/// Up to this many samples per column are drawn one by one.
const RAW_PER_COLUMN: u64 = 2;

impl ChartWindow {
    /// How much time a column covers.
    pub(crate) fn column_ns(&self) -> i64 {
        ((self.end_ns - self.start_ns) / i64::from(self.columns.max(1))).max(1)
    }

    /// The samples to draw: those inside, and one more on either side, so that lines enter and
    /// leave the window.
    pub(super) fn range(&self, series: &SampleSeries) -> (u64, u64) {
        let from = series.index_at(self.start_ns);
        let to = series.index_at(self.end_ns.saturating_add(1));
        (
            from.saturating_sub(1).max(series.start()),
            (to + 1).min(series.end()),
        )
    }

    /// How many samples lie inside.
    pub(crate) fn samples(&self, series: &SampleSeries) -> u64 {
        series.index_at(self.end_ns.saturating_add(1)) - series.index_at(self.start_ns)
    }

    /// The mean time between two samples; `None` with fewer than two.
    pub(crate) fn distance_ns(&self, series: &SampleSeries) -> Option<i64> {
        let (from, to) = self.range(series);
        let steps = to.checked_sub(from + 1).filter(|&steps| steps > 0)?;
        Some((series.time(to - 1) - series.time(from)) / steps as i64)
    }

    /// The same of the samples from `first` on.
    pub(super) fn range_from(&self, series: &SampleSeries, first: u64) -> (u64, u64) {
        let (from, to) = self.range(series);
        (from.max(first), to.max(from.max(first)))
    }

    pub(super) fn is_raw(&self, from: u64, to: u64) -> bool {
        to - from <= u64::from(self.columns) * RAW_PER_COLUMN
    }

    pub(super) fn offset(&self, time_ns: TimeNs) -> f64 {
        (time_ns - self.start_ns) as f64
    }
}
