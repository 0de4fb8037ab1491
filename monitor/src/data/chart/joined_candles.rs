//! Candles of the server, with those of the samples held here where the server's are not known.

use tickcast_protocol::message::TimeNs;

use super::{
    candles::{Candle, candles},
    known::Known,
};
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
            known: bar.state.into(),
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
    if let Some(first) = made.first_mut() {
        let end_ns = first.start_ns.saturating_add(interval_ns);
        let is_first = |begins_ns| (first.start_ns..end_ns).contains(&begins_ns);
        if track.begins_ns().is_some_and(is_first) {
            first.known = first.known.of_first();
        }
    }
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
    for candle in made.iter_mut().skip(1) {
        // The server knows what was before the first sample that is held here.
        if candle.known == Known::Begins {
            candle.known = Known::Incomplete;
        }
    }
    made
}

fn is_known(candles: &[Candle], start_ns: TimeNs) -> bool {
    let found = candles.binary_search_by_key(&start_ns, |candle| candle.start_ns);
    found.is_ok()
}

/// The track that candles of this length are made of.
pub(crate) fn candle_track(
    long: Option<&TopicLongHistory>,
    interval_ns: i64,
) -> Option<&LongTrack> {
    long?.track(source_of(interval_ns)?)
}
