//! Payloads to values: what the bytes that a source sends mean, by topic.
//!
//! The first rule whose filter matches a topic says how its payloads are read; without one they
//! are read automatically. Prices and sizes keep the digits that the source wrote.

mod automatic;
pub mod json;
mod parts;
pub mod time;

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use automatic::automatic;
use json::{Document, Pointer};
use parts::{decimal, plain, read_side, time, utf8};
use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    decimal::Decimal,
    message::{Quality, TimeNs},
    topic::{Filter, Topic, TopicError},
    value::{Quote, Trade, Value},
};
use time::TimeUnit;

pub(crate) use automatic::{read_time, read_unit};
pub(crate) use parts::{bad, parse_decimal, parse_side, side_by_buyer_maker};

/// How the payloads of some topics are read.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeRule {
    /// Which topics.
    pub filter: Filter,
    /// How.
    pub format: Format,
    /// The unit of their readings.
    pub unit: Option<Arc<str>>,
}

/// How a payload is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// A number is a reading. A flat JSON object is what its members' names say: a reading or text with `value`, a trade with `price` and `size`, a quote with `bid`
    /// and `ask`, each with `time` if it has one; or a value as in our own JSON, such as
    /// `{"reading":21.5}`. Other UTF-8 is text, and what is left is bytes.
    Automatic,
    /// A number in text, `NaN` and `inf` included.
    Number,
    /// JSON, with pointers to what matters.
    Json(Box<JsonFormat>),
    /// UTF-8.
    Text,
    /// Anything.
    Bytes,
}

/// Where a JSON payload has what matters.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFormat {
    /// What becomes the value.
    pub shape: Shape,
    /// When it happened, and how that is written.
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
        /// Who took the initiative, if that is told.
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
    /// Whether the buyer was the maker, as Binance tells it: then the taker sold.
    BuyerMaker(Pointer),
}

/// Why a payload could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The name under which it came is no topic.
    #[error("the topic cannot be used: {0}")]
    Topic(#[from] TopicError),
    /// It should be text.
    #[error("it is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    /// It should be JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// A part that the rule asks for is not there.
    #[error("there is no {field} at {pointer:?}")]
    Missing {
        /// Which part.
        field: &'static str,
        /// Where it should be.
        pointer: String,
    },
    /// A part is not what it should be.
    #[error("{field} {text:?}: {reason}")]
    Bad {
        /// Which part.
        field: &'static str,
        /// The part, shortened.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Topics remembered with their rule, at most. The memory only saves time: when it is full, it
/// starts anew.
const TOPICS_CACHED_MAX: usize = 65_536;

/// Reads payloads. Each feed has its own.
#[derive(Debug, Clone)]
pub struct Decoder {
    rules: Arc<[DecodeRule]>,
    topics: HashMap<Topic, KnownTopic>,
}

#[derive(Debug, Clone)]
struct KnownTopic {
    topic: Topic,
    /// Index of its rule.
    rule: Option<usize>,
    unit: Option<Arc<str>>,
}

/// What a payload says.
#[derive(Debug, PartialEq)]
struct Content<'a> {
    value: Value,
    time_ns: Option<TimeNs>,
    unit: Option<Cow<'a, str>>,
}

impl<'a> From<Value> for Content<'a> {
    fn from(value: Value) -> Self {
        Self {
            value,
            time_ns: None,
            unit: None,
        }
    }
}

impl Decoder {
    /// The first of `rules` that matches a topic holds.
    pub fn new(rules: Arc<[DecodeRule]>) -> Self {
        Self {
            rules,
            topics: HashMap::new(),
        }
    }

    /// Reads a payload that came for `topic`. The quality is [`Quality::Live`].
    pub fn decode(&mut self, topic: &str, payload: &[u8]) -> Result<NewUpdate, DecodeError> {
        if !self.topics.contains_key(topic) {
            self.remember(topic)?;
        }
        let known = self
            .topics
            .get_mut(topic)
            .expect("it was there or has just been remembered");
        let format = match known.rule {
            Some(index) => &self.rules[index].format,
            None => &Format::Automatic,
        };
        let content = format.read(payload)?;
        if let Some(unit) = content.unit
            && known.unit.as_deref() != Some(&unit)
        {
            known.unit = Some(unit.as_ref().into());
        }
        Ok(NewUpdate {
            topic: known.topic.clone(),
            value: content.value,
            source_time_ns: content.time_ns,
            quality: Quality::Live,
            unit: known.unit.clone(),
        })
    }

    fn remember(&mut self, name: &str) -> Result<(), DecodeError> {
        let topic = Topic::new(name)?;
        let rule = self.rules.iter().position(|rule| rule.filter.matches(name));
        let unit = rule.and_then(|index| self.rules[index].unit.clone());
        if self.topics.len() >= TOPICS_CACHED_MAX {
            self.topics.clear();
        }
        let known = KnownTopic {
            topic: topic.clone(),
            rule,
            unit,
        };
        self.topics.insert(topic, known);
        Ok(())
    }
}

impl Format {
    fn read<'a>(&self, payload: &'a [u8]) -> Result<Content<'a>, DecodeError> {
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

#[cfg(test)]
mod tests;
