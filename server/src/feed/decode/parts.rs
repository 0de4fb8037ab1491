//! The parts of a value: numbers, prices, sides and times. Errors name the part.

use tickcast_protocol::{
    decimal::{Decimal, DecimalError},
    message::TimeNs,
    value::{Side, Value},
};

use super::{content::DecodeError, json::Scalar, time::TimeUnit};

/// Number of characters of a bad part that an error repeats.
const EXCERPT_CHARS: usize = 40;

/// Parses a number written in digits; `nan` and `inf` count as text here.
pub(super) fn number(text: &str) -> Option<f64> {
    let looks_like_one = matches!(text.as_bytes().first()?, b'0'..=b'9' | b'-' | b'+' | b'.');
    let number: f64 = looks_like_one.then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// A reading or a text.
pub(super) fn plain(raw: &str) -> Result<Value, DecodeError> {
    match Scalar::of(raw) {
        Scalar::Number(text) => match number(text) {
            Some(number) => Ok(Value::Reading(number)),
            None => Err(bad("value", raw, "it is too large")),
        },
        Scalar::Text(text) => Ok(match number(&text) {
            Some(number) => Value::Reading(number),
            None => Value::Text(text.into_owned()),
        }),
        Scalar::Bool(_) => Ok(Value::Text(raw.into())),
        Scalar::Null => Err(bad("value", raw, "there is no value")),
        Scalar::Array | Scalar::Object => {
            Err(bad("value", raw, "it is neither a number nor a string"))
        }
    }
}

/// An exact decimal, as a JSON number or in a string.
pub(super) fn decimal(field: &'static str, raw: &str) -> Result<Decimal, DecodeError> {
    match Scalar::of(raw) {
        Scalar::Number(text) => parse_decimal(field, text),
        Scalar::Text(text) => parse_decimal(field, &text),
        _ => Err(bad(field, raw, "it is neither a number nor a string")),
    }
}

/// Reads a side; `null` means none.
pub(super) fn read_side(raw: &str) -> Result<Option<Side>, DecodeError> {
    match Scalar::of(raw) {
        Scalar::Null => Ok(None),
        Scalar::Text(text) => parse_side(&text).map(Some),
        _ => Err(bad("side", raw, "it is not a string")),
    }
}

/// A time, as a JSON number or in a string.
pub(super) fn time(raw: &str, unit: TimeUnit) -> Result<TimeNs, DecodeError> {
    let time_ns = match Scalar::of(raw) {
        Scalar::Number(text) => unit.parse(text),
        Scalar::Text(text) => unit.parse(&text),
        _ => return Err(bad("time", raw, "it is neither a number nor a string")),
    };
    time_ns.map_err(|error| bad("time", raw, &error.to_string()))
}

/// A payload that must be text.
pub(super) fn utf8(payload: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(payload).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))
}

/// An exact decimal from text.
pub(crate) fn parse_decimal(field: &'static str, text: &str) -> Result<Decimal, DecodeError> {
    text.parse()
        .map_err(|error: DecimalError| bad(field, text, &error.to_string()))
}

/// `buy` or `sell`.
pub(crate) fn parse_side(text: &str) -> Result<Side, DecodeError> {
    if text.eq_ignore_ascii_case("buy") || text.eq_ignore_ascii_case("b") {
        Ok(Side::Buy)
    } else if text.eq_ignore_ascii_case("sell") || text.eq_ignore_ascii_case("s") {
        Ok(Side::Sell)
    } else {
        Err(bad("side", text, "it is neither buy nor sell"))
    }
}

/// The side of the taker, derived from whether the buyer was the maker.
pub(crate) fn side_by_buyer_maker(text: &str) -> Result<Side, DecodeError> {
    if text.eq_ignore_ascii_case("true") {
        Ok(Side::Sell)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(Side::Buy)
    } else {
        Err(bad("buyer_maker", text, "it is neither true nor false"))
    }
}

/// An error about one part of a payload.
pub(crate) fn bad(field: &'static str, text: &str, reason: &str) -> DecodeError {
    let mut chars = text.chars();
    let mut excerpt: String = chars.by_ref().take(EXCERPT_CHARS).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    DecodeError::Bad {
        field,
        text: excerpt,
        reason: reason.into(),
    }
}
