//! Rules that say how payloads are read, and reading by them.

use std::sync::Arc;

use tickcast_protocol::{
    decimal::Decimal,
    topic::Filter,
    value::{Quote, Trade, Value},
};

use super::{
    automatic::automatic,
    content::{Content, DecodeError},
    json::{Document, Pointer},
    parts::{bad, decimal, plain, read_side, side_by_buyer_maker, time, utf8},
    time::TimeUnit,
};

/// How the payloads of some topics are read.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeRule {
    /// The topics.
    pub filter: Filter,
    /// How a payload is read.
    pub format: Format,
    /// The unit of their readings.
    pub unit: Option<Arc<str>>,
}

/// How a payload is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// A number is a reading. The members of a flat JSON object say what it is: a reading or text
    /// with `value`, a trade with `price` and `size`, a quote with `bid` and `ask`, each with `time`
    /// if it has one; or a value as in Tickcast's own JSON, such as `{"reading":21.5}`. Other UTF-8
    /// is text, and the rest is bytes.
    Automatic,
    /// A number in text, `NaN` and `inf` included.
    Number,
    /// JSON, with pointers to the parts that matter.
    Json(Box<JsonFormat>),
    /// UTF-8.
    Text,
    /// Anything.
    Bytes,
}

/// Where a JSON payload has the parts that matter.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFormat {
    /// The parts of the value.
    pub shape: Shape,
    /// The source time, and how it is written.
    pub time: Option<(Pointer, TimeUnit)>,
}

/// Where a JSON payload has the parts of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A number, or a string that is one, becomes a reading; other strings and booleans text.
    Value(Pointer),
    /// A trade.
    Trade {
        /// Its price.
        price: Pointer,
        /// Its size.
        size: Pointer,
        /// The side that took the initiative, if the payload has it.
        side: Option<SidePointer>,
    },
    /// A quote.
    Quote {
        /// The bid.
        bid: Pointer,
        /// The ask.
        ask: Pointer,
        /// Units wanted at the bid.
        bid_size: Option<Pointer>,
        /// Units offered at the ask.
        ask_size: Option<Pointer>,
    },
}

/// Where the side of a trade is.
#[derive(Debug, Clone, PartialEq)]
pub enum SidePointer {
    /// `buy` or `sell`, `b` or `s`, in any case.
    Side(Pointer),
    /// Whether the buyer was the maker, as Binance sends it: then the taker sold.
    BuyerMaker(Pointer),
}

impl Format {
    /// Reads a payload.
    pub(super) fn read<'a>(&self, payload: &'a [u8]) -> Result<Content<'a>, DecodeError> {
        match self {
            Self::Automatic => automatic(payload),
            Self::Number => {
                let text = utf8(payload)?.trim_ascii();
                let number = text
                    .parse()
                    .map_err(|_| bad("number", text, "it is not a number"))?;
                Ok(Value::Reading(number).into())
            }
            Self::Json(format) => format.read(utf8(payload)?),
            Self::Text => Ok(Value::Text(utf8(payload)?.into()).into()),
            Self::Bytes => Ok(Value::Bytes(payload.into()).into()),
        }
    }
}

impl JsonFormat {
    fn read<'a>(&self, text: &'a str) -> Result<Content<'a>, DecodeError> {
        let document =
            Document::parse(text).map_err(|error| DecodeError::NotJson(error.to_string()))?;
        let time_ns = match &self.time {
            None => None,
            Some((pointer, unit)) => {
                let raw = required(&document, "time", pointer)?;
                Some(time(raw, *unit)?)
            }
        };
        let value = match &self.shape {
            Shape::Value(pointer) => plain(required(&document, "value", pointer)?)?,
            Shape::Trade { price, size, side } => Value::Trade(Trade {
                price: decimal("price", required(&document, "price", price)?)?,
                size: decimal("size", required(&document, "size", size)?)?,
                side: match side {
                    None => None,
                    Some(SidePointer::Side(pointer)) => {
                        read_side(required(&document, "side", pointer)?)?
                    }
                    Some(SidePointer::BuyerMaker(pointer)) => {
                        let raw = required(&document, "buyer_maker", pointer)?;
                        Some(side_by_buyer_maker(raw.trim_matches('"'))?)
                    }
                },
            }),
            Shape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => Value::Quote(Quote {
                bid: decimal("bid", required(&document, "bid", bid)?)?,
                ask: decimal("ask", required(&document, "ask", ask)?)?,
                bid_size: optional_size(&document, "bid_size", bid_size.as_ref())?,
                ask_size: optional_size(&document, "ask_size", ask_size.as_ref())?,
            }),
        };
        Ok(Content {
            value,
            time_ns,
            unit: None,
        })
    }
}

fn required<'a>(
    document: &Document<'a>,
    field: &'static str,
    pointer: &Pointer,
) -> Result<&'a str, DecodeError> {
    document.find(pointer).ok_or_else(|| DecodeError::Missing {
        field,
        pointer: pointer.to_string(),
    })
}

fn optional_size(
    document: &Document<'_>,
    field: &'static str,
    pointer: Option<&Pointer>,
) -> Result<Option<Decimal>, DecodeError> {
    match pointer {
        None => Ok(None),
        Some(pointer) => decimal(field, required(document, field, pointer)?).map(Some),
    }
}
