//! Candles of the server, with those of the samples held here where the server's are not known.

use tickcast_protocol::message::{CandleState, TimeNs};

use super::candles::{Candle, candles};
use crate::data::{
    history::SampleSeries,
    long_history::{BarSum, LongBar, LongTrack, TopicLongHistory, folded, source_of},
};

impl From<LongBar> for Candle {
    fn from(bar: LongBar) -> Self {
        let ([open, high, low, close], volume) = match bar.sum {
            BarSum::Trades { prices, volume } => {
                let volume = volume.and_then(|volume| volume.to_decimal());
                (prices.map(|price| price.to_f64()), volume)
            }
            BarSum::Readings { readings, .. } => (readings, None),
        };
        Self {
            start_ns: bar.start_ns,
            open,
            high,
            low,
            close,
            volume: volume.map_or(0.0, |volume| volume.to_f64()),
            exact_volume: volume,
            count: bar.count,
            state: bar.state,
        }
    }
}

/// The candles of `interval_ns` that touch the time from `start_ns` to `end_ns`.
pub(crate) fn joined_candles(
    series: &SampleSeries,
    long: Option<&TopicLongHistory>,
    (start_ns, end_ns): (TimeNs, TimeNs),
    interval_ns: i64,
    now_ns: TimeNs,
) -> Vec<Candle> {
    let local = || candles(series, start_ns, end_ns, interval_ns, now_ns);
    let track = source_of(interval_ns).and_then(|source| long?.track(source));
    let Some(track) = track else {
        return local();
    };
    let bars = folded(track, interval_ns, (start_ns, end_ns), now_ns);
    let mut made: Vec<Candle> = bars.into_iter().map(Candle::from).collect();
    if track.covers(start_ns, end_ns.min(now_ns)) {
        return made;
    }
    let own = local();
    let is_missing = |candle: &Candle| {
        let end_ns = candle.start_ns.saturating_add(interval_ns);
        !is_known(&made, candle.start_ns) && !track.covers(candle.start_ns, end_ns)
    };
    let own: Vec<Candle> = own.into_iter().filter(is_missing).collect();
    made.extend(own);
    made.sort_by_key(|candle| candle.start_ns);
    made
}

fn is_known(candles: &[Candle], start_ns: TimeNs) -> bool {
    let found = candles.binary_search_by_key(&start_ns, |candle| candle.start_ns);
    found.is_ok()
}

/// The stretches of time in which updates are missing, by the states of neighbouring intervals: of
/// each its start, end and state. Between two of them that are incomplete, updates are missing too.
pub(crate) fn incomplete_times(
    intervals: impl Iterator<Item = (TimeNs, TimeNs, CandleState)>,
) -> Vec<(TimeNs, TimeNs)> {
    let mut times: Vec<(TimeNs, TimeNs)> = Vec::new();
    let mut goes_on = false;
    for (start_ns, end_ns, state) in intervals {
        let is_incomplete = state == CandleState::Incomplete;
        match times.last_mut() {
            Some(last) if is_incomplete && goes_on => last.1 = end_ns,
            _ if is_incomplete => times.push((start_ns, end_ns)),
            _ => {}
        }
        goes_on = is_incomplete;
    }
    times
}

/// The track that candles of this length are made of.
pub(crate) fn candle_track(
    long: Option<&TopicLongHistory>,
    interval_ns: i64,
) -> Option<&LongTrack> {
    long?.track(source_of(interval_ns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_are_incomplete_are_one_stretch() {
        use CandleState::{Complete, Incomplete, Open};
        let intervals = [
            (0, 1, Incomplete),
            (1, 2, Complete),
            (2, 3, Incomplete),
            (7, 8, Incomplete),
            (8, 9, Open),
        ];
        assert_eq!(incomplete_times(intervals.into_iter()), [(0, 1), (2, 8)]);
    }
}
