//! What an update adds to candles and rows.

use tickcast_protocol::{message::Quality, value::Value};

use super::trade_sum::TradeSample;

/// What an update adds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sample {
    Trade(TradeSample),
    Number(f64),
}

impl Sample {
    pub(super) fn of(value: &Value, quality: Quality) -> Option<Self> {
        // A retained value has come before or is of unknown age. Those of the past would change
        // intervals that are over.
        if !matches!(quality, Quality::Live | Quality::Stale) {
            return None;
        }
        match value {
            Value::Trade(trade) => Some(Self::Trade(TradeSample {
                price: trade.price,
                size: trade.size,
            })),
            value => value
                .as_f64()
                .filter(|number| number.is_finite())
                .map(Self::Number),
        }
    }
}
