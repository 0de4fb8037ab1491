//! Payloads of topics without a decoding rule: the format is recognised from the content.

use std::borrow::Cow;

use tickcast_protocol::{
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use super::{
    content::{Content, DecodeError},
    json::{Fields, Scalar},
    parts::{decimal, number, plain, read_side, time},
    time::TimeUnit,
};

const VALUE_NAMES: [&str; 2] = ["value", "v"];
const TIME_NAMES: [&str; 3] = ["time", "timestamp", "ts"];
const SIZE_NAMES: [&str; 4] = ["size", "qty", "quantity", "amount"];
const BID_SIZE_NAMES: [&str; 4] = ["bid_size", "bidSize", "bid_qty", "bidQty"];
const ASK_SIZE_NAMES: [&str; 4] = ["ask_size", "askSize", "ask_qty", "askQty"];

/// Reads a payload whose format is not configured.
pub(super) fn automatic(payload: &[u8]) -> Result<Content<'_>, DecodeError> {
    let Ok(text) = std::str::from_utf8(payload) else {
        return Ok(Value::Bytes(payload.into()).into());
    };
    let trimmed = text.trim_ascii();
    let content = match trimmed.as_bytes().first() {
        Some(b'{') => match Fields::parse(trimmed) {
            Ok(fields) => automatic_object(&fields)?,
            Err(_) => None,
        },
        _ => number(trimmed).map(|number| Value::Reading(number).into()),
    };
    Ok(content.unwrap_or_else(|| Value::Text(text.into()).into()))
}

/// Reads a flat object. Returns `None` if the names of its fields match no kind of value.
fn automatic_object<'a>(fields: &Fields<'a>) -> Result<Option<Content<'a>>, DecodeError> {
    let value = if let Some(raw) = fields.get_any(&VALUE_NAMES) {
        plain(raw)?
    } else if let (Some(price), Some(size)) = (fields.get("price"), fields.get_any(&SIZE_NAMES)) {
        Value::Trade(Trade {
            price: decimal("price", price)?,
            size: decimal("size", size)?,
            side: fields.get("side").map(read_side).transpose()?.flatten(),
        })
    } else if let (Some(bid), Some(ask)) = (fields.get("bid"), fields.get("ask")) {
        let size = |field, names: &[&str]| {
            let raw = fields.get_any(names).filter(|raw| *raw != "null");
            raw.map(|raw| decimal(field, raw)).transpose()
        };
        Value::Quote(Quote {
            bid: decimal("bid", bid)?,
            ask: decimal("ask", ask)?,
            bid_size: size("bid_size", &BID_SIZE_NAMES)?,
            ask_size: size("ask_size", &ASK_SIZE_NAMES)?,
        })
    } else if let Some((name, raw)) = fields.single() {
        return Ok(own_json(name, raw).map(Content::from));
    } else {
        return Ok(None);
    };
    let time_ns = read_time(fields)?;
    let unit = read_unit(fields);
    Ok(Some(Content {
        value,
        time_ns,
        unit,
    }))
}

/// The time in a flat object.
pub(crate) fn read_time(fields: &Fields<'_>) -> Result<Option<TimeNs>, DecodeError> {
    match fields.get_any(&TIME_NAMES) {
        None | Some("null") => Ok(None),
        Some(raw) => time(raw, TimeUnit::Automatic).map(Some),
    }
}

/// The unit in a flat object.
pub(crate) fn read_unit<'a>(fields: &Fields<'a>) -> Option<Cow<'a, str>> {
    match fields.get("unit").map(Scalar::of) {
        Some(Scalar::Text(unit)) => Some(unit),
        _ => None,
    }
}

/// A value in Tickcast's own JSON, such as `{"reading":21.5}`.
fn own_json(name: &str, raw: &str) -> Option<Value> {
    match name {
        "reading" | "trade" | "quote" | "text" | "bytes" => {
            serde_json::from_str(&format!("{{\"{name}\":{raw}}}")).ok()
        }
        _ => None,
    }
}
