//! The values that an update can carry.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    decimal::Decimal,
    json::{any_f64, base64_bytes},
    strict_json::{strict_name, strict_object},
};

/// The value of one update.
///
/// In JSON it is an object with one key, the kind: `{"reading":21.5}`, `{"text":"closed"}`. New
/// variants are only ever appended, because bincode numbers them by order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A measurement. Its unit belongs to the topic.
    Reading(#[serde(with = "any_f64")] f64),
    /// A trade on a market.
    Trade(Trade),
    /// The best prices of a market.
    Quote(Quote),
    /// Text, for example of a door contact or a chat.
    Text(String),
    /// Anything else. In JSON as base64 (RFC 4648, section 4, with padding).
    Bytes(#[serde(with = "base64_bytes")] Vec<u8>),
    /// No value at present: the source says so itself. The text is the source's word for it, such
    /// as `unavailable` or `null`; an empty message leaves it empty.
    Absent(String),
}

/// One trade.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Trade {
    /// Price of one unit, in the instrument's quote currency.
    pub price: Decimal,
    /// Number of units traded.
    pub size: Decimal,
    /// The taker's side, if the source gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

strict_object!(Trade);

/// The side of the taker, who accepted an existing offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

strict_name!(Side);

/// The best bid and ask of an order book. One side is missing while it has no offers.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Quote {
    /// Highest price of a buy offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bid: Option<Decimal>,
    /// Lowest price of a sell offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Decimal>,
    /// Units wanted at the bid, if the source gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bid_size: Option<Decimal>,
    /// Units offered at the ask, if the source gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_size: Option<Decimal>,
}

strict_object!(Quote);

impl Value {
    /// The number that a chart shows: the reading, the trade's price, or the middle of bid and ask.
    /// `None` for everything else, and for a quote with one side.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Reading(value) => Some(*value),
            Self::Trade(trade) => Some(trade.price.to_f64()),
            Self::Quote(quote) => Some((quote.bid?.to_f64() + quote.ask?.to_f64()) / 2.0),
            Self::Text(_) | Self::Bytes(_) | Self::Absent(_) => None,
        }
    }
}
