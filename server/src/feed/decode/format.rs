//! Rules: which topics they apply to, and how their payloads are read.

use std::sync::Arc;

use tickcast_protocol::{
    topic::Filter,
    value::{Side, Value},
};

use super::{
    automatic,
    condition::Conditions,
    content::Content,
    emit::Emitter,
    error::DecodeError,
    hints::{Hints, NO_HINTS},
    json::{Pointer, Scalar},
    numerals::Numerals,
    parts::{bad, excerpt, measured},
    payload::Payload,
    split::Choice,
    template::TopicTemplate,
    time::TimeRule,
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
    /// The name of the topic for people.
    pub name: Option<Arc<str>>,
    /// What a payload must say for the rule to apply.
    pub when: Conditions,
}

/// The format of a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// The content decides.
    ///
    /// A number is a reading. The members of a JSON object decide the kind of value: `value` a
    /// reading or text, `price` and `size` a trade, `bid` and `ask` a quote, each optionally with
    /// `time`. Another object is split: each of its members is a topic below the topic. The
    /// elements of an array are samples. Other UTF-8 is text, and all else is bytes.
    ///
    /// The hints of a rule may say how times and numbers are written.
    Automatic(Option<Box<Hints>>),
    /// A JSON object of which each member is a topic below the topic.
    Fields(Box<FieldsFormat>),
    /// A number in text; `NaN` and `inf` are numbers here.
    Number(Numerals),
    /// JSON, with pointers to the parts to read.
    Json(Box<JsonFormat>),
    /// UTF-8 text.
    Text,
    /// Any bytes.
    Bytes,
    /// Nothing: a heartbeat or an acknowledgement, which is passed over.
    Skip,
    /// An error that the source reports. The pointer is to its text; without one, that is the whole
    /// payload.
    Error(Option<Pointer>),
}

/// How an object is split.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldsFormat {
    /// The members to take, by name or by path with slashes; all if it is empty.
    pub include: Box<[Box<str>]>,
    /// Members to leave out.
    pub exclude: Box<[Box<str>]>,
    /// Whether the whole text is the value of the topic itself as well.
    pub keep_text: bool,
    /// How times and numbers are written.
    pub hints: Hints,
}

/// The places of the parts to read in a JSON payload.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFormat {
    /// The array whose elements are the samples. Without it the payload is one sample.
    pub each: Option<Pointer>,
    /// The topic of each sample. Without it, all belong to the topic of the payload.
    pub topic: Option<TopicTemplate>,
    /// The parts of the value.
    pub shape: Shape,
    /// The place and the form of the source time.
    pub time: Option<(Pointer, TimeRule)>,
    /// What a payload without a required part means.
    pub missing: MissingPolicy,
    /// Digits after the point to which prices and sizes are rounded.
    pub round: Option<u8>,
    /// How numbers in strings are written.
    pub numerals: Numerals,
}

/// What a payload without a required part means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingPolicy {
    /// It cannot be read.
    #[default]
    Error,
    /// It is something else, such as a heartbeat, and is passed over.
    Skip,
    /// The topic has no value now.
    Absent,
}

/// The places of a value's parts in a sample.
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
        /// The side, if the payload has it.
        side: Option<SidePointer>,
    },
    /// A quote. One side may be missing.
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

/// The place and the form of a trade's side. Anything but the two names is a trade without a side.
#[derive(Debug, Clone, PartialEq)]
pub enum SidePointer {
    /// A name, or a number, for each side.
    Side {
        /// Where it is.
        pointer: Pointer,
        /// Whether it is the side of the maker, whose offer was there first.
        is_makers: bool,
        /// What means that this side bought; `buy` and `b` in any case if it is empty.
        buy: Box<[Box<str>]>,
        /// What means that this side sold; `sell` and `s` in any case if it is empty.
        sell: Box<[Box<str>]>,
    },
    /// Whether the buyer was the maker, as Binance sends it. If so, the taker sold.
    BuyerMaker(Pointer),
}

impl SidePointer {
    /// The side of the taker that a text means.
    pub(super) fn side(&self, text: &str) -> Option<Side> {
        let text = text.trim_ascii();
        match self {
            Self::BuyerMaker(_) => match text {
                _ if text.eq_ignore_ascii_case("true") => Some(Side::Sell),
                _ if text.eq_ignore_ascii_case("false") => Some(Side::Buy),
                _ => None,
            },
            Self::Side {
                is_makers,
                buy,
                sell,
                ..
            } => {
                let means = |names: &[Box<str>], usual: [&str; 2]| match names {
                    [] => usual.iter().any(|name| text.eq_ignore_ascii_case(name)),
                    names => names.iter().any(|name| **name == *text),
                };
                let bought = means(buy, ["buy", "b"]);
                if !bought && !means(sell, ["sell", "s"]) {
                    return None;
                }
                Some(match bought == *is_makers {
                    true => Side::Sell,
                    false => Side::Buy,
                })
            }
        }
    }

    pub(super) fn pointer(&self) -> &Pointer {
        match self {
            Self::Side { pointer, .. } | Self::BuyerMaker(pointer) => pointer,
        }
    }
}

impl Format {
    /// How the parts of payloads are written.
    pub(super) fn hints(&self) -> &Hints {
        match self {
            Self::Automatic(Some(hints)) => hints,
            Self::Fields(format) => &format.hints,
            _ => &NO_HINTS,
        }
    }

    /// Reads a payload.
    pub(super) fn read(
        &self,
        payload: &Payload<'_>,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Automatic(_) => automatic::read(payload.bytes, emitter),
            Self::Fields(format) => return format.read(payload.text()?, emitter),
            Self::Number(numerals) => {
                let text = payload.text()?.trim_ascii();
                emitter.own(any_number(text, *numerals)?);
            }
            Self::Json(format) => return format.read(payload.document()?, emitter),
            Self::Text => emitter.own(Value::Text(payload.text()?.into()).into()),
            Self::Bytes => emitter.own(Value::Bytes(payload.bytes.into()).into()),
            Self::Skip => emitter.decoded.passed_over += 1,
            Self::Error(reason) => {
                let reported = reported(payload, reason.as_ref());
                emitter.decoded.reported.push(reported);
            }
        }
        Ok(())
    }
}

/// A number; `NaN` and `inf` are some as well.
fn any_number(text: &str, numerals: Numerals) -> Result<Content<'static>, DecodeError> {
    if let Some(content) = measured(text, numerals) {
        return Ok(content);
    }
    let number = text.parse();
    let number = number.map_err(|_| bad("number", text, "it is not a number"))?;
    Ok(Value::Reading(number).into())
}

/// The text of an error that the source reports.
fn reported(payload: &Payload<'_>, reason: Option<&Pointer>) -> String {
    /// Characters of the text that are kept, at most: two sentences.
    const REPORTED_CHARS: usize = 200;

    let whole = String::from_utf8_lossy(payload.bytes);
    let document = payload.document().ok();
    let raw = reason.and_then(|pointer| document?.find(pointer));
    match raw.map(|raw| (raw, Scalar::of(raw))) {
        Some((_, Scalar::Text(text))) => excerpt(&text, REPORTED_CHARS),
        Some((raw, scalar)) if scalar != Scalar::Null => excerpt(raw, REPORTED_CHARS),
        _ => excerpt(&whole, REPORTED_CHARS),
    }
}

impl FieldsFormat {
    fn read(&self, text: &str, emitter: &mut Emitter<'_>) -> Result<(), DecodeError> {
        let choice = Choice {
            include: &self.include,
            exclude: &self.exclude,
        };
        if self.keep_text {
            emitter.own(Value::Text(text.into()).into());
        }
        match automatic::json(text.trim_ascii(), choice, emitter) || self.keep_text {
            true => Ok(()),
            false => Err(bad("payload", text, "it is no JSON object with members")),
        }
    }
}
