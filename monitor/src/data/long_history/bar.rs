//! What is known of the updates of one interval.

use tickcast_protocol::{
    decimal::Decimal,
    decimal_total::DecimalTotal,
    message::{Candle, CandleState, Quality, Row, TimeNs, Update},
    value::Value,
};

/// The updates of one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongBar {
    /// The start of the interval.
    pub start_ns: TimeNs,
    /// Whether all of its updates are counted.
    pub state: CandleState,
    /// Number of updates.
    pub count: u64,
    /// Their values.
    pub sum: BarSum,
}

/// The values of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BarSum {
    /// Of trades.
    Trades {
        /// First, highest, lowest and last price.
        prices: [Decimal; 4],
        /// The exact sum of the sizes; `None` if it cannot be exact.
        volume: Option<DecimalTotal>,
    },
    /// Of readings, and of the middles of quotes.
    Readings {
        /// First, greatest, least and last reading.
        readings: [f64; 4],
        /// The sum of all readings.
        sum: f64,
    },
}

/// What an update adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum LongSample {
    /// Price and size of a trade.
    Trade(Decimal, Decimal),
    /// A reading, or the middle of a quote.
    Reading(f64),
}

impl LongSample {
    /// What an update adds; `None` if it leaves no trace, by the rules of the server.
    pub(crate) fn of<T>(update: &Update<T>) -> Option<Self> {
        if !matches!(update.quality, Quality::Live | Quality::Stale) {
            return None;
        }
        match &update.value {
            Value::Trade(trade) => Some(Self::Trade(trade.price, trade.size)),
            value => {
                let number = value.as_f64().filter(|number| number.is_finite());
                number.map(Self::Reading)
            }
        }
    }
}

impl LongBar {
    /// The bar of one update.
    pub(super) fn of(start_ns: TimeNs, sample: LongSample) -> Self {
        let sum = match sample {
            LongSample::Trade(price, size) => BarSum::Trades {
                prices: [price; 4],
                volume: Some(size.into()),
            },
            LongSample::Reading(reading) => BarSum::Readings {
                readings: [reading; 4],
                sum: reading,
            },
        };
        Self {
            start_ns,
            state: CandleState::Open,
            count: 1,
            sum,
        }
    }

    /// Adds a later update. Returns false if it is of the other kind, and then changes nothing.
    pub(super) fn add(&mut self, sample: LongSample) -> bool {
        self.merge(&Self::of(self.start_ns, sample))
    }

    /// Adds a later bar, whose state is not looked at. Returns false if it is of the other kind,
    /// and then changes nothing.
    pub(super) fn merge(&mut self, later: &Self) -> bool {
        match (&mut self.sum, &later.sum) {
            (
                BarSum::Trades { prices, volume },
                BarSum::Trades {
                    prices: [_, high, low, close],
                    volume: more,
                },
            ) => {
                // Of equal prices the first one stays, with its digits.
                if *high > prices[1] {
                    prices[1] = *high;
                }
                if *low < prices[2] {
                    prices[2] = *low;
                }
                prices[3] = *close;
                let both = volume.zip(*more);
                *volume = both.and_then(|(volume, more)| volume.plus(more));
            }
            (
                BarSum::Readings { readings, sum },
                BarSum::Readings {
                    readings: [_, max, min, last],
                    sum: more,
                },
            ) => {
                readings[1] = readings[1].max(*max);
                readings[2] = readings[2].min(*min);
                readings[3] = *last;
                *sum += more;
            }
            _ => return false,
        }
        self.count += later.count;
        true
    }

    /// Whether both are of trades, or both of readings.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.sum) == std::mem::discriminant(&other.sum)
    }
}

impl From<Candle> for LongBar {
    fn from(candle: Candle) -> Self {
        Self {
            start_ns: candle.start_ns,
            state: candle.state,
            count: candle.count,
            sum: BarSum::Trades {
                prices: [candle.open, candle.high, candle.low, candle.close],
                volume: candle.volume.map(DecimalTotal::from),
            },
        }
    }
}

impl From<Row> for LongBar {
    fn from(row: Row) -> Self {
        Self {
            start_ns: row.start_ns,
            state: row.state,
            count: row.count,
            sum: BarSum::Readings {
                readings: [row.first, row.max, row.min, row.last],
                sum: row.sum,
            },
        }
    }
}
