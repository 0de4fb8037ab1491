//! What an update can carry.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;

/// The value of one update.
///
/// In JSON an object with one key, the kind: `{"reading":21.5}`, `{"text":"closed"}`. Variants are
/// only ever appended, because bincode numbers them by order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// A measurement. Its unit belongs to the topic.
    Reading(#[serde(with = "any_f64")] f64),
    /// A trade on a market.
    Trade(Trade),
    /// The best prices of a market.
    Quote(Quote),
    /// Text, as from a door contact or a chat.
    Text(String),
    /// Anything else; in JSON as base64 (RFC 4648, section 4, with padding).
    Bytes(#[serde(with = "base64_bytes")] Vec<u8>),
}

/// One trade.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trade {
    /// Price of one unit, in the instrument's quote currency.
    pub price: Decimal,
    /// Units traded.
    pub size: Decimal,
    /// Who took the initiative, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
}

/// The side of a trade that took the initiative (the taker's).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// The best bid and ask of an order book.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Highest price somebody would buy at.
    pub bid: Decimal,
    /// Lowest price somebody would sell at.
    pub ask: Decimal,
    /// Units wanted at the bid, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bid_size: Option<Decimal>,
    /// Units offered at the ask, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_size: Option<Decimal>,
}

impl Value {
    /// The number to draw on a chart: the reading, the trade's price, the middle of bid and ask.
    /// `None` for text and bytes.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Reading(value) => Some(*value),
            Self::Trade(trade) => Some(trade.price.to_f64()),
            Self::Quote(quote) => Some((quote.bid.to_f64() + quote.ask.to_f64()) / 2.0),
            Self::Text(_) | Self::Bytes(_) => None,
        }
    }
}

/// JSON has no NaN and no infinities: they travel as the strings `"NaN"`, `"Infinity"` and
/// `"-Infinity"`, JavaScript's own names for them.
mod any_f64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrName {
        Number(f64),
        Name(String),
    }

    // serde's `with` asks for this signature.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if *value > 0.0 {
            serializer.serialize_str("Infinity")
        } else {
            serializer.serialize_str("-Infinity")
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match NumberOrName::deserialize(deserializer)? {
            NumberOrName::Number(number) => Ok(number),
            NumberOrName::Name(name) => match name.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(D::Error::custom(format!(
                    "reading {name:?} is neither a number nor \"NaN\", \"Infinity\" or \"-Infinity\""
                ))),
            },
        }
    }
}

mod base64_bytes {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        BASE64_STANDARD
            .decode(text.as_bytes())
            .map_err(|error| D::Error::custom(format!("bytes are not base64: {error}")))
    }
}
