//! Samples that share a pixel column.

use tickcast_protocol::message::TimeNs;

use crate::data::history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind, ValueSummary};

/// Samples that share a pixel column.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelColumn {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) start_ns: TimeNs,
    pub(super) after_gap: bool,
    pub(super) main: ValueSummary,
    /// Only for quotes.
    pub(super) second: Option<ValueSummary>,
}

/// Splits samples into columns of `width_ns` on a grid of absolute time, and at gaps.
pub(super) fn columns(
    series: &SampleSeries,
    width_ns: i64,
    from: u64,
    to: u64,
) -> impl Iterator<Item = PixelColumn> + '_ {
    let mut at = from;
    // The first column may itself follow a gap.
    let mut next_gap = match from.checked_sub(1) {
        Some(before) => series.next_gap_after(before),
        None => series.next_gap_after(0),
    };
    std::iter::from_fn(move || {
        if at >= to {
            return None;
        }
        let after_gap = next_gap == Some(at);
        if after_gap {
            next_gap = series.next_gap_after(at);
        }
        let start_ns = series.time(at).div_euclid(width_ns) * width_ns;
        let end = series
            .index_at_from(at, start_ns.saturating_add(width_ns))
            .min(next_gap.unwrap_or(u64::MAX))
            .clamp(at + 1, to);
        let second = match series.kind() {
            SeriesKind::Quote => series.summary(LANE_SECOND, at, end),
            SeriesKind::Reading | SeriesKind::Trade => None,
        };
        let column = PixelColumn {
            from: at,
            to: end,
            start_ns,
            after_gap,
            main: series.summary(LANE_MAIN, at, end)?,
            second,
        };
        at = end;
        Some(column)
    })
}
