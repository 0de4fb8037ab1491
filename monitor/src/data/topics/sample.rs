//! From values to samples of a series.

use tickcast_protocol::value::Value;

use crate::data::history::SeriesKind;

/// From values to samples of a series.
pub(super) fn of_value(value: &Value) -> Option<(SeriesKind, [f64; 2])> {
    match value {
        Value::Reading(reading) => Some((SeriesKind::Reading, [*reading, 0.0])),
        Value::Trade(trade) => Some((
            SeriesKind::Trade,
            [trade.price.to_f64(), trade.size.to_f64()],
        )),
        Value::Quote(quote) => Some((SeriesKind::Quote, [quote.bid.to_f64(), quote.ask.to_f64()])),
        Value::Text(_) | Value::Bytes(_) => None,
    }
}

/// Whether all values of a sample can be drawn.
pub(super) fn is_number(kind: SeriesKind, values: [f64; 2]) -> bool {
    values[..kind.lanes()].iter().all(|value| value.is_finite())
}
