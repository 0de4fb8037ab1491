//! Long time: candles of trades and rows of readings, for intervals of one length.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{
    ids::{Position, RequestId, TimeNs},
    update::TopicInfo,
};
use crate::{
    decimal::Decimal,
    json::{any_f64, decimal_string, opt_decimal_string},
    strict_json::{null_is_default, strict_name},
};

/// The length of the intervals. They begin at whole multiples of it since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[serde(remote = "Self")]
pub enum Interval {
    /// A second.
    #[serde(rename = "1s")]
    Second,
    /// 5 seconds.
    #[serde(rename = "5s")]
    Seconds5,
    /// 15 seconds.
    #[serde(rename = "15s")]
    Seconds15,
    /// A minute.
    #[serde(rename = "1m")]
    Minute,
    /// 5 minutes.
    #[serde(rename = "5m")]
    Minutes5,
    /// 15 minutes.
    #[serde(rename = "15m")]
    Minutes15,
    /// An hour.
    #[serde(rename = "1h")]
    Hour,
    /// 4 hours.
    #[serde(rename = "4h")]
    Hours4,
    /// A day, in UTC.
    #[serde(rename = "1d")]
    Day,
}

strict_name!(Interval);

impl Interval {
    /// All intervals, the shortest first. The index is the number in bincode.
    pub const ALL: [Self; 9] = [
        Self::Second,
        Self::Seconds5,
        Self::Seconds15,
        Self::Minute,
        Self::Minutes5,
        Self::Minutes15,
        Self::Hour,
        Self::Hours4,
        Self::Day,
    ];

    /// The names of the intervals, in the order of [`ALL`](Self::ALL).
    pub const NAMES: &'static [&'static str] =
        &["1s", "5s", "15s", "1m", "5m", "15m", "1h", "4h", "1d"];

    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The interval of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let index = Self::NAMES.iter().position(|known| *known == name)?;
        Some(Self::ALL[index])
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Seconds5 => 5,
            Self::Seconds15 => 15,
            Self::Minute => 60,
            Self::Minutes5 => 300,
            Self::Minutes15 => 900,
            Self::Hour => 3_600,
            Self::Hours4 => 14_400,
            Self::Day => 86_400,
        }
    }

    /// Its length in nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.seconds() * 1_000_000_000
    }
}

/// See [`ClientMessage::Candles`](super::ClientMessage::Candles).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CandlesRequest {
    /// Repeated in the answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: RequestId,
    /// The topic name, not yet checked.
    pub topic: String,
    /// The length of the intervals.
    pub interval: Interval,
    /// At most this many intervals, the newest ones; at least 1. The server may send fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only intervals that begin at this time or later.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub from_ns: Option<TimeNs>,
    /// Only intervals that begin before this time. To page into the past, pass the start of the
    /// first interval of the previous answer.
    #[serde(
        default,
        with = "opt_decimal_string",
        skip_serializing_if = "Option::is_none"
    )]
    pub before_ns: Option<TimeNs>,
}

/// See [`ServerMessage::Candles`](super::ServerMessage::Candles).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Candles {
    /// From the request.
    pub id: RequestId,
    /// Introduces the topic, as in a [`Batch`](super::Batch). Empty if the server does not know the
    /// topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicInfo>,
    /// From the request.
    pub interval: Interval,
    /// Updates up to this position are counted. A client adds those after it.
    pub position: Position,
    /// The intervals of a topic with trades, in ascending order of time, without empty ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candles: Vec<Candle>,
    /// The same of a topic with readings or quotes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
    /// Whether the server holds older intervals of those asked for: ask for those before the first
    /// one of this answer.
    pub more: bool,
}

/// The trades of one interval.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Candle {
    /// The start of the interval.
    #[serde(with = "decimal_string")]
    pub start_ns: TimeNs,
    /// Whether all trades of the interval are counted.
    pub state: CandleState,
    /// Price of the first trade.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Price of the last trade.
    pub close: Decimal,
    /// Sum of the sizes. Missing if no exact decimal holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Decimal>,
    /// Number of trades.
    pub count: u64,
}

/// The readings of one interval, or the middles of its quotes.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
pub struct Row {
    /// The start of the interval.
    #[serde(with = "decimal_string")]
    pub start_ns: TimeNs,
    /// Whether all readings of the interval are counted.
    pub state: CandleState,
    /// The first reading.
    #[serde(with = "any_f64")]
    pub first: f64,
    /// The greatest reading.
    #[serde(with = "any_f64")]
    pub max: f64,
    /// The least reading.
    #[serde(with = "any_f64")]
    pub min: f64,
    /// The last reading.
    #[serde(with = "any_f64")]
    pub last: f64,
    /// Sum of the readings: divided by the count it is their mean.
    #[serde(with = "any_f64")]
    pub sum: f64,
    /// Number of readings.
    pub count: u64,
}

/// Whether all updates of an interval are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CandleState {
    /// The interval has ended, and all of its updates are counted.
    Complete,
    /// The interval has not ended. All of its updates up to the position are counted.
    Open,
    /// Updates are missing, whether or not the interval has ended.
    Incomplete,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_one_name_and_each_divides_the_next() {
        for (index, interval) in Interval::ALL.into_iter().enumerate() {
            assert_eq!(interval as usize, index);
            let json = serde_json::to_string(&interval).unwrap();
            assert_eq!(json, format!("{:?}", interval.as_str()));
            assert_eq!(Interval::from_name(interval.as_str()), Some(interval));
        }
        for pair in Interval::ALL.windows(2) {
            assert_eq!(pair[1].nanos() % pair[0].nanos(), 0, "{pair:?}");
        }
        assert_eq!(Interval::from_name("2m"), None);
    }
}
