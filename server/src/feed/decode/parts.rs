//! The parts of a value: numbers, prices, sides and times. Errors name the part.

use tickcast_protocol::{
    decimal::{Decimal, DecimalError},
    message::TimeNs,
    value::{Side, Value},
};

use super::{
    content::{Content, SampleTime},
    error::DecodeError,
    json::Scalar,
    numerals::Numerals,
    time::{TimeRule, plausible},
    units,
};

/// Number of characters of a bad part that an error repeats.
pub(super) const EXCERPT_CHARS: usize = 40;

/// Whole numbers from here on may need more digits than a reading has.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Parses a number written in digits; `nan` and `inf` count as text here.
pub(super) fn number(text: &str) -> Option<f64> {
    let looks_like_one = matches!(text.as_bytes().first()?, b'0'..=b'9' | b'-' | b'+' | b'.');
    let number: f64 = looks_like_one.then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// A reading, if the text is a number.
pub(super) fn reading(text: &str) -> Option<Content<'static>> {
    let number = number(text)?;
    // Only large whole numbers are told: 0.1 is no exact reading either.
    let is_rounded = number.abs() >= EXACT_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
        && format!("{number:.0}") != text;
    Some(Content {
        is_rounded,
        ..Value::Reading(number).into()
    })
}

/// Whether the digits of a text are a code, such as a serial number, and no quantity.
fn is_code(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A reading, if the text is a number, in the way of writing that a rule names, or a number with a
/// unit.
pub(super) fn measured(text: &str, numerals: Numerals) -> Option<Content<'static>> {
    let number = |text: &str| {
        let content = numerals.number(text).and_then(|text| reading(&text));
        // What is no number with a comma may be one with a point.
        content.or_else(|| reading(text))
    };
    if let Some(content) = number(text) {
        return Some(content);
    }
    let (text, unit) = units::split(text)?;
    let mut content = number(text)?;
    content.unit = Some(unit.to_owned().into());
    Some(content)
}

/// A reading, a text, or nothing.
pub(super) fn plain(raw: &str, numerals: Numerals) -> Result<Content<'static>, DecodeError> {
    match Scalar::of(raw) {
        Scalar::Number(text) => {
            reading(text).ok_or_else(|| bad("value", raw, "it is too large for a reading"))
        }
        Scalar::Text(text) => {
            let number = match is_code(&text) {
                true => None,
                false => measured(text.trim_ascii(), numerals),
            };
            Ok(number.unwrap_or_else(|| Value::Text(text.into_owned()).into()))
        }
        Scalar::Bool(_) => Ok(Value::Text(raw.into()).into()),
        Scalar::Null => Ok(Value::Absent("null".to_owned()).into()),
        Scalar::Array | Scalar::Object => {
            Err(bad("value", raw, "it is neither a number nor a string"))
        }
    }
}

/// The content of a payload that is one JSON string.
pub(super) fn scalar_text(raw: &str, numerals: Numerals) -> Option<Content<'static>> {
    serde_json::from_str::<serde::de::IgnoredAny>(raw).ok()?;
    plain(raw, numerals).ok()
}

/// An exact decimal, as a JSON number or in a string.
pub(super) fn decimal(field: &'static str, raw: &str) -> Result<Decimal, DecodeError> {
    match Scalar::of(raw) {
        Scalar::Number(text) => parse_decimal(field, text),
        Scalar::Text(text) => parse_decimal(field, text.trim_ascii()),
        _ => Err(bad(field, raw, "it is neither a number nor a string")),
    }
}

/// The side of a trade that is not configured: what is neither buy nor sell is no side.
pub(super) fn lenient_side(raw: &str) -> Option<Side> {
    match Scalar::of(raw) {
        Scalar::Text(text) => parse_side(text.trim_ascii()).ok(),
        _ => None,
    }
}

/// The time of a sample, as a JSON number or in a string. A value is never refused for its time.
pub(super) fn time(raw: &str, format: &TimeRule, now_ns: TimeNs) -> SampleTime {
    let parsed = match Scalar::of(raw) {
        Scalar::Null => return SampleTime::Missing,
        Scalar::Number(text) => format.parse(text, now_ns),
        Scalar::Text(text) => format.parse(&text, now_ns),
        _ => return SampleTime::Ignored,
    };
    match parsed {
        Ok(time_ns) if plausible(time_ns, now_ns) => SampleTime::At(time_ns),
        _ => SampleTime::Ignored,
    }
}

/// A side of a quote. Exchanges write an empty side as price 0 with size 0.
pub(super) fn quote_side(
    price: Option<Decimal>,
    size: Option<Decimal>,
) -> (Option<Decimal>, Option<Decimal>) {
    let is_zero = |part: Option<Decimal>| part.is_some_and(|part| part.mantissa() == 0);
    match is_zero(price) && is_zero(size) {
        true => (None, None),
        false => (price, size),
    }
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
    DecodeError::Bad {
        field,
        text: excerpt(text, EXCERPT_CHARS),
        reason: reason.into(),
    }
}

/// The first characters of a text.
pub(super) fn excerpt(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut excerpt: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}
