//! The format `json`: pointers say where the parts of each sample are.

use tickcast_protocol::{
    decimal::{Decimal, DecimalError},
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use super::{
    content::{Content, SampleTime},
    emit::Emitter,
    error::DecodeError,
    format::{JsonFormat, MissingPolicy, Shape},
    json::{Document, Pointer, Scalar, elements},
    numerals::Numerals,
    parts::{bad, plain, quote_side, time},
    round::parse_rounded,
};

/// Why a sample has no value.
enum NoValue {
    /// A part is missing or null.
    Missing(DecodeError),
    /// A part is invalid.
    Bad(DecodeError),
}

impl JsonFormat {
    /// Reads all samples of a payload.
    pub(super) fn read(
        &self,
        whole: &Document<'_>,
        emitter: &mut Emitter<'_>,
    ) -> Result<(), DecodeError> {
        let parsed =
            |text| Document::parse(text).map_err(|error| DecodeError::not_json(text, &error));
        let Some(each) = &self.each else {
            self.sample(whole, whole, emitter);
            return Ok(());
        };
        match whole.find(each).map(|raw| (raw, Scalar::of(raw))) {
            Some((raw, Scalar::Array)) => {
                for element in elements(raw)? {
                    let sample = parsed(element)?;
                    self.sample(&sample, whole, emitter);
                }
            }
            Some((raw, Scalar::Object)) => {
                let sample = parsed(raw)?;
                self.sample(&sample, whole, emitter);
            }
            Some((raw, scalar)) if scalar != Scalar::Null => {
                emitter.fail(bad("each", raw, "it is neither an array nor an object"));
            }
            _ => self.give(Err(NoValue::Missing(missing("array", each))), None, emitter),
        }
        Ok(())
    }

    fn sample(&self, sample: &Document<'_>, whole: &Document<'_>, emitter: &mut Emitter<'_>) {
        let content = self.value(sample).map(|mut content| {
            content.time = self.time(sample, whole, emitter.now_ns);
            content
        });
        let topic = self.topic.as_ref().map(|topic| topic.fill(sample, whole));
        match topic.transpose() {
            Ok(topic) => self.give(content, topic, emitter),
            Err(_) if self.missing == MissingPolicy::Skip => emitter.decoded.passed_over += 1,
            Err(error) => emitter.fail(error.into()),
        }
    }

    fn give(
        &self,
        content: Result<Content<'_>, NoValue>,
        topic: Option<String>,
        emitter: &mut Emitter<'_>,
    ) {
        let content = match (content, self.missing) {
            (Ok(content), _) => content,
            (Err(NoValue::Missing(_)), MissingPolicy::Skip) => {
                emitter.decoded.passed_over += 1;
                return;
            }
            (Err(NoValue::Missing(_)), MissingPolicy::Absent) => {
                Value::Absent(String::new()).into()
            }
            (Err(NoValue::Missing(error) | NoValue::Bad(error)), _) => return emitter.fail(error),
        };
        match topic {
            Some(topic) => emitter.named(&topic, content),
            None => emitter.own(content),
        }
    }

    fn time(&self, sample: &Document<'_>, whole: &Document<'_>, now_ns: TimeNs) -> SampleTime {
        let Some((pointer, rule)) = &self.time else {
            return SampleTime::Missing;
        };
        match sample.find(pointer).or_else(|| whole.find(pointer)) {
            Some(raw) => time(raw, rule, now_ns),
            None => SampleTime::Ignored,
        }
    }

    fn value(&self, sample: &Document<'_>) -> Result<Content<'static>, NoValue> {
        match &self.shape {
            Shape::Value(pointer) => {
                let raw = sample.find(pointer);
                let raw = raw.ok_or_else(|| NoValue::Missing(missing("value", pointer)))?;
                plain(raw, self.numerals).map_err(NoValue::Bad)
            }
            Shape::Trade { price, size, side } => {
                let side = side.as_ref().and_then(|side| {
                    let text = match Scalar::of(sample.find(side.pointer())?) {
                        Scalar::Text(text) => text,
                        Scalar::Number(text) => text.into(),
                        Scalar::Bool(value) => value.to_string().into(),
                        _ => return None,
                    };
                    side.side(&text)
                });
                Ok(Content::from(Value::Trade(Trade {
                    price: self.required(sample, "price", price)?,
                    size: self.required(sample, "size", size)?,
                    side,
                })))
            }
            Shape::Quote {
                bid,
                ask,
                bid_size,
                ask_size,
            } => {
                let size = |name, pointer: &Option<Pointer>| match pointer {
                    Some(pointer) => self.optional(sample, name, pointer),
                    None => Ok(None),
                };
                let (bid, bid_size) = quote_side(
                    self.optional(sample, "bid", bid)?,
                    size("bid_size", bid_size)?,
                );
                let (ask, ask_size) = quote_side(
                    self.optional(sample, "ask", ask)?,
                    size("ask_size", ask_size)?,
                );
                if bid.is_none() && ask.is_none() {
                    let pointer = match &self.shape {
                        Shape::Quote { bid, .. } => bid.to_string(),
                        _ => String::new(),
                    };
                    return Err(NoValue::Missing(DecodeError::Missing {
                        field: "bid",
                        pointer,
                    }));
                }
                Ok(Content::from(Value::Quote(Quote {
                    bid,
                    ask,
                    bid_size,
                    ask_size,
                })))
            }
        }
    }

    fn required(
        &self,
        sample: &Document<'_>,
        field: &'static str,
        pointer: &Pointer,
    ) -> Result<Decimal, NoValue> {
        let found = self.optional(sample, field, pointer)?;
        found.ok_or_else(|| NoValue::Missing(missing(field, pointer)))
    }

    /// A price or a size; `None` if it is missing, null, empty or not a number.
    fn optional(
        &self,
        sample: &Document<'_>,
        field: &'static str,
        pointer: &Pointer,
    ) -> Result<Option<Decimal>, NoValue> {
        let Some(raw) = sample.find(pointer) else {
            return Ok(None);
        };
        let (text, numerals) = match Scalar::of(raw) {
            Scalar::Null => return Ok(None),
            Scalar::Number(text) => (text.into(), Numerals::Usual),
            Scalar::Text(text) => (text, self.numerals),
            _ => {
                let error = bad(field, raw, "it is neither a number nor a string");
                return Err(NoValue::Bad(error));
            }
        };
        let text = text.trim_ascii();
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let number = match numerals.number(text) {
            Some(plain) => parse_rounded(&plain, self.round),
            None => Err(DecimalError::Syntax),
        };
        let number = number.map_err(|error| NoValue::Bad(bad(field, text, &error.to_string())))?;
        Ok(Some(number))
    }
}

fn missing(field: &'static str, pointer: &Pointer) -> DecodeError {
    DecodeError::Missing {
        field,
        pointer: pointer.to_string(),
    }
}
