//! The formats of payloads, and reading by them.

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

/// The rule for the payloads of some topics.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeRule {
    /// The topics it applies to.
    pub filter: Filter,
    /// The format of the payloads.
    pub format: Format,
    /// The unit of their readings.
    pub unit: Option<Arc<str>>,
}

/// The format of a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// The content decides. A number is a reading. The fields of a flat JSON object decide the kind
    /// of value: `value` a reading or text, `price` and `size` a trade, `bid` and `ask` a quote,
    /// each optionally with `time`. An object may also be a value in Tickcast's own JSON, such as
    /// `{"reading":21.5}`. Other UTF-8 is text, and all else is bytes.
    Automatic,
    /// A number in text; `NaN` and `inf` are numbers here.
    Number,
    /// JSON, with pointers to the parts to read.
    Json(Box<JsonFormat>),
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Bytes,
}

/// The places of the parts to read in a JSON payload.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFormat {
    /// The parts of the value.
    pub shape: Shape,
    /// The place and the unit of the source time.
    pub time: Option<(Pointer, TimeUnit)>,
}

/// The places of a value's parts in a JSON payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A number, or a string that holds one, becomes a reading; other strings and booleans become
    /// text.
    Value(Pointer),
    /// A trade.
    Trade {
        /// Its price.
        price: Pointer,
        /// Its size.
        size: Pointer,
        /// The side of the taker, if the payload has it.
        side: Option<SidePointer>,
    },
    /// A quote.
    Quote {
        /// The bid.
        bid: Pointer,
        /// The ask.
        ask: Pointer,
        /// Quantity wanted at the bid.
        bid_size: Option<Pointer>,
        /// Quantity offered at the ask.
        ask_size: Option<Pointer>,
    },
}

/// The place and the form of a trade's side.
#[derive(Debug, Clone, PartialEq)]
pub enum SidePointer {
    /// `buy` or `sell`, `b` or `s`, in any case.
    Side(Pointer),
    /// Whether the buyer was the maker, as Binance sends it. If so, the taker sold.
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
