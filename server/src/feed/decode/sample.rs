//! Objects whose members say that they are one value: a reading, a trade or a quote.

use std::borrow::Cow;

use tickcast_protocol::{
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use super::{
    content::{Content, SampleTime},
    error::DecodeError,
    json::{Fields, Scalar},
    parts::{decimal, lenient_side, plain, sample_time},
};

const VALUE_NAMES: [&str; 3] = ["value", "v", "val"];
const TIME_NAMES: [&str; 6] = ["time", "timestamp", "ts", "last_seen", "datetime", "t"];
const SIZE_NAMES: [&str; 4] = ["size", "qty", "quantity", "amount"];
const BID_SIZE_NAMES: [&str; 4] = ["bid_size", "bidSize", "bid_qty", "bidQty"];
const ASK_SIZE_NAMES: [&str; 4] = ["ask_size", "askSize", "ask_qty", "askQty"];

/// Numbers that say more about a value. Those with other names are values of their own.
const ABOUT_NAMES: [&str; 12] = [
    "id", "n", "index", "seq", "channel", "endpoint", "q", "quality", "status", "ack", "lc", "sn",
];

/// Reads an object. Returns `None` if the names of its members match no kind of value.
pub(super) fn read<'a>(
    fields: &Fields<'a>,
    now_ns: TimeNs,
) -> Result<Option<Content<'a>>, DecodeError> {
    let value = VALUE_NAMES.iter().find_map(|name| fields.name_of(name));
    let mut content = if let Some(value) = value {
        let mut others = fields.iter().filter(|(name, _)| *name != value);
        let raw = fields.get_exact(value).unwrap_or_default();
        let is_scalar = !matches!(Scalar::of(raw), Scalar::Array | Scalar::Object);
        if !is_scalar || !others.all(|(name, raw)| is_about_value(name, raw)) {
            return Ok(None);
        }
        plain(raw)?
    } else if let (Some(price), Some(size)) = (given(fields, "price"), fields.get_any(&SIZE_NAMES))
    {
        Content::from(Value::Trade(Trade {
            price: decimal("price", price)?,
            size: decimal("size", size)?,
            side: fields.get("side").and_then(lenient_side),
        }))
    } else if fields.get("bid").is_some() && fields.get("ask").is_some() {
        Content::from(quote(fields)?)
    } else if let Some((name, raw)) = fields.single() {
        return Ok(own_json(name, raw).map(Content::from));
    } else {
        return Ok(None);
    };
    content.time = read_time(fields, now_ns);
    content.unit = read_unit(fields);
    Ok(Some(content))
}

fn quote(fields: &Fields<'_>) -> Result<Value, DecodeError> {
    let part = |field, names: &[&str]| match fields.get_any(names).map(|raw| (raw, Scalar::of(raw)))
    {
        None | Some((_, Scalar::Null)) => Ok(None),
        Some((_, Scalar::Text(text))) if text.trim_ascii().is_empty() => Ok(None),
        Some((_, Scalar::Text(text))) if text.eq_ignore_ascii_case("nan") => Ok(None),
        Some((raw, _)) => decimal(field, raw).map(Some),
    };
    let quote = Quote {
        bid: part("bid", &["bid"])?,
        ask: part("ask", &["ask"])?,
        bid_size: part("bid_size", &BID_SIZE_NAMES)?,
        ask_size: part("ask_size", &ASK_SIZE_NAMES)?,
    };
    Ok(match (quote.bid, quote.ask) {
        (None, None) => Value::Absent("null".to_owned()),
        _ => Value::Quote(quote),
    })
}

/// Whether an object with this member may be one value.
fn is_about_value(name: &str, raw: &str) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    match Scalar::of(raw) {
        // What is in it would be lost.
        Scalar::Array | Scalar::Object => raw[1..raw.len() - 1].trim_ascii().is_empty(),
        Scalar::Number(_) => is_one_of(&TIME_NAMES) || is_one_of(&ABOUT_NAMES),
        Scalar::Text(_) | Scalar::Bool(_) | Scalar::Null => true,
    }
}

/// The name that an element of an array gives to its series.
pub(super) fn element_name<'a>(
    fields: &Fields<'a>,
    content: Option<&Content<'_>>,
) -> Option<Cow<'a, str>> {
    // The number of a trade is no series.
    let names: &[&str] = match content.map(|content| &content.value) {
        Some(Value::Trade(_) | Value::Quote(_)) => &["symbol"],
        _ => &["name", "id", "n", "tag", "symbol"],
    };
    match fields.get_any(names).map(Scalar::of) {
        Some(Scalar::Text(name)) if !name.is_empty() => Some(name),
        _ => None,
    }
}

/// A member that is not null.
fn given<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a str> {
    fields.get(name).filter(|raw| *raw != "null")
}

/// Whether a member with this name is the value of its object.
pub(super) fn is_value_name(name: &str) -> bool {
    VALUE_NAMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The time in an object.
pub(crate) fn read_time(fields: &Fields<'_>, now_ns: TimeNs) -> SampleTime {
    match fields.get_any(&TIME_NAMES) {
        None | Some("null") => SampleTime::Missing,
        Some(raw) => sample_time(raw, now_ns),
    }
}

/// The name of the member that has the time of an object that is split.
pub(super) fn time_member<'f>(fields: &'f Fields<'_>, now_ns: TimeNs) -> Option<&'f str> {
    let is_time = |name: &str| {
        // "t" may be a temperature.
        let raw = fields.get(name).filter(|_| name == "t");
        raw.is_none_or(|raw| matches!(sample_time(raw, now_ns), SampleTime::At(_)))
    };
    let mut names = TIME_NAMES.iter().filter(|name| is_time(name));
    names.find_map(|name| fields.name_of(name))
}

/// The unit in an object.
pub(crate) fn read_unit<'a>(fields: &Fields<'a>) -> Option<Cow<'a, str>> {
    match fields.get("unit").map(Scalar::of) {
        Some(Scalar::Text(unit)) => Some(unit),
        _ => None,
    }
}

/// A value in Tickcast's own JSON, such as `{"reading":21.5}`.
fn own_json(name: &str, raw: &str) -> Option<Value> {
    match name {
        "reading" | "trade" | "quote" | "text" | "bytes" | "absent" => {
            serde_json::from_str(&format!("{{\"{name}\":{raw}}}")).ok()
        }
        _ => None,
    }
}
