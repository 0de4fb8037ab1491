//! From values to samples of a series.

use tickcast_protocol::{
    decimal::Decimal,
    message::{Quality, Update},
    value::Value,
};

use crate::data::history::{SampleExtra, SeriesKind};

/// The kind and the numbers of a sample; a missing side of a quote is not a number. `None` for
/// values that interrupt a series.
pub(super) fn of_value(value: &Value) -> Option<(SeriesKind, [f64; 2])> {
    match value {
        Value::Reading(reading) => Some((SeriesKind::Reading, [*reading, 0.0])),
        Value::Trade(trade) => Some((
            SeriesKind::Trade,
            [trade.price.to_f64(), trade.size.to_f64()],
        )),
        Value::Quote(quote) => {
            let price = |side: Option<Decimal>| side.map_or(f64::NAN, Decimal::to_f64);
            Some((SeriesKind::Quote, [quote.bid, quote.ask].map(price)))
        }
        Value::Text(_) | Value::Bytes(_) | Value::Absent(_) => None,
    }
}

/// What a sample has beside its numbers.
pub(super) fn extra_of<T>(update: &Update<T>) -> SampleExtra {
    let source = SampleExtra {
        source_ns: update.source_time_ns,
        ..SampleExtra::default()
    };
    match &update.value {
        Value::Trade(trade) => SampleExtra {
            side: trade.side,
            ..source
        },
        Value::Quote(quote) => SampleExtra {
            sizes: [quote.bid_size, quote.ask_size]
                .map(|size| size.map_or(f64::NAN, Decimal::to_f64)),
            ..source
        },
        _ => source,
    }
}

/// Whether all values of a sample can be drawn.
pub(super) fn is_number(kind: SeriesKind, values: [f64; 2]) -> bool {
    values[..kind.lanes()].iter().all(|value| value.is_finite())
}

/// Whether a value is older than values that came before it. A series has no place for it.
pub(super) fn is_past<T>(update: &Update<T>) -> bool {
    update.quality == Quality::Historical
}
