//! Candles and volume from samples.

use tickcast_protocol::{decimal::Decimal, message::TimeNs};

use super::known::Known;
use crate::data::history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind};

/// What happened within one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candle {
    /// Start of the interval, a multiple of its length.
    pub(crate) start_ns: TimeNs,
    /// First value.
    pub(crate) open: f64,
    /// Largest value.
    pub(crate) high: f64,
    /// Smallest value.
    pub(crate) low: f64,
    /// Last value.
    pub(crate) close: f64,
    /// Units traded; 0 where there are none.
    pub(crate) volume: f64,
    /// The same in all its digits, where the server tells it.
    pub(crate) exact_volume: Option<Decimal>,
    /// Number of updates.
    pub(crate) count: u64,
    /// Whether its interval is over, and no update in it is missing.
    pub(crate) known: Known,
}

impl Candle {
    /// Whether it closed at or above where it opened.
    pub(crate) fn is_up(&self) -> bool {
        self.close >= self.open
    }
}

/// The candles of `interval_ns` that touch the time from `start_ns` to `end_ns`. Their number is
/// bounded by the intervals in that time, and each costs the logarithm of its number of samples.
pub(crate) fn candles(
    series: &SampleSeries,
    start_ns: TimeNs,
    end_ns: TimeNs,
    interval_ns: i64,
    now_ns: TimeNs,
) -> Vec<Candle> {
    let interval_ns = interval_ns.max(1);
    let mut at = series.index_at(start_ns.div_euclid(interval_ns) * interval_ns);
    let to = series.index_at(end_ns.saturating_add(1));
    let mut candles = Vec::new();
    while at < to {
        let start_ns = series.time(at).div_euclid(interval_ns) * interval_ns;
        let candle_end_ns = start_ns.saturating_add(interval_ns);
        let next = series.index_at_from(at, candle_end_ns).max(at + 1);
        let volume = match series.kind() {
            SeriesKind::Trade => series
                .summary(LANE_SECOND, at, next)
                .map_or(0.0, |sizes| sizes.sum),
            SeriesKind::Reading | SeriesKind::Quote => 0.0,
        };
        if let Some(values) = series.summary(LANE_MAIN, at, next) {
            let has_gap = series
                .gaps_between(start_ns, candle_end_ns)
                .any(|gap| gap.to_ns > start_ns && gap.from_ns < candle_end_ns);
            // The values before the first sample are not known.
            let is_cut = at == series.start() && series.time(at) > start_ns;
            candles.push(Candle {
                start_ns,
                open: values.first,
                high: values.max,
                low: values.min,
                close: values.last,
                volume,
                exact_volume: None,
                count: values.count,
                known: match (has_gap, is_cut) {
                    (true, _) => Known::Incomplete,
                    (false, true) => Known::Begins,
                    (false, false) if now_ns < candle_end_ns => Known::Open,
                    (false, false) => Known::Complete,
                },
            });
        }
        at = next;
    }
    candles
}
