//! Objects whose members say that they are one value: a reading, a trade or a quote.

use std::borrow::Cow;

use tickcast_protocol::{
    message::TimeNs,
    value::{Quote, Trade, Value},
};

use super::{
    content::{Content, SampleTime},
    error::DecodeError,
    hints::{Hints, NO_HINTS},
    json::{Fields, Scalar},
    parts::{decimal, lenient_side, plain, quote_side, reading, time},
};

const VALUE_NAMES: [&str; 3] = ["value", "v", "val"];
/// The first that can be read counts.
const TIME_NAMES: [&str; 10] = [
    "time",
    "timestamp",
    "ts",
    "last_seen",
    "datetime",
    "unixtime",
    "tst",
    "sourcetimestamp",
    "received_at",
    "t",
];
const PRICE_NAMES: [&str; 2] = ["price", "px"];
const SIZE_NAMES: [&str; 5] = ["size", "qty", "quantity", "amount", "sz"];
const SIDE_NAMES: [&str; 2] = ["side", "direction"];
const UNIT_NAMES: [&str; 3] = ["unit", "unit_of_measurement", "uom"];
const BID_SIZE_NAMES: [&str; 4] = ["bid_size", "bidSize", "bid_qty", "bidQty"];
const ASK_SIZE_NAMES: [&str; 4] = ["ask_size", "askSize", "ask_qty", "askQty"];

/// Numbers that say more about a value. Those with other names are values of their own.
const ABOUT_NAMES: [&str; 14] = [
    "id", "n", "index", "seq", "channel", "endpoint", "q", "quality", "status", "ack", "lc", "sn",
    "min", "max",
];

/// What names the instrument of a trade or a quote.
const INSTRUMENT_NAMES: [&str; 5] = ["symbol", "product_id", "instId", "instrument_name", "pair"];

/// What names one of several objects with members of their own.
const OBJECT_NAMES: [&str; 7] = ["name", "id", "n", "tag", "symbol", "sensor", "device"];

/// What names one of several values.
const VALUE_NAME_NAMES: [&str; 14] = [
    "name",
    "id",
    "n",
    "tag",
    "symbol",
    "sensor",
    "device",
    "metric",
    "measurement",
    "key",
    "label",
    "value_type",
    "type",
    "channel",
];

/// Reads an object. Returns `None` if the names of its members match no kind of value.
pub(super) fn read<'a>(
    fields: &Fields<'a>,
    hints: &Hints,
    now_ns: TimeNs,
) -> Result<Option<Content<'a>>, DecodeError> {
    let value = VALUE_NAMES.iter().find_map(|name| fields.name_of(name));
    let mut content = if let Some(value) = value {
        let mut others = fields.iter().filter(|(name, _)| *name != value);
        let raw = fields.get_exact(value).unwrap_or_default();
        let is_scalar = !matches!(Scalar::of(raw), Scalar::Array | Scalar::Object);
        if !is_scalar || !others.all(|(name, raw)| is_about_value(name, raw, hints, now_ns)) {
            return Ok(None);
        }
        plain(raw, hints.numerals)?
    } else if let Some((price, size)) = price_and_size(fields) {
        Content::from(Value::Trade(Trade {
            price: decimal("price", price)?,
            size: decimal("size", size)?,
            side: fields.get_any(&SIDE_NAMES).and_then(lenient_side),
        }))
    } else if fields.get("bid").is_some() && fields.get("ask").is_some() {
        Content::from(quote(fields)?)
    } else if let Some((name, raw)) = fields.single() {
        return Ok(own_json(name, raw).map(Content::from));
    } else {
        return Ok(None);
    };
    content.time = find_time(fields, hints, now_ns).map_or(SampleTime::Missing, |(_, time)| time);
    content.unit = read_unit(fields).or(content.unit);
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
    let (bid, bid_size) = quote_side(part("bid", &["bid"])?, part("bid_size", &BID_SIZE_NAMES)?);
    let (ask, ask_size) = quote_side(part("ask", &["ask"])?, part("ask_size", &ASK_SIZE_NAMES)?);
    Ok(match (bid, ask) {
        (None, None) => Value::Absent("null".to_owned()),
        _ => Value::Quote(Quote {
            bid,
            ask,
            bid_size,
            ask_size,
        }),
    })
}

/// Whether an object with this member may be one value.
fn is_about_value(name: &str, raw: &str, hints: &Hints, now_ns: TimeNs) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
    let is_about = || {
        let is_time = || time(raw, &hints.times, now_ns) != SampleTime::Ignored;
        // "t" may be a temperature.
        is_one_of(&ABOUT_NAMES)
            || is_one_of(&TIME_NAMES) && (!name.eq_ignore_ascii_case("t") || is_time())
            || hints.time_name() == Some(name)
    };
    match Scalar::of(raw) {
        // What is in it would be lost.
        Scalar::Array | Scalar::Object => raw[1..raw.len() - 1].trim_ascii().is_empty(),
        Scalar::Number(_) => is_about(),
        // Exchanges write numbers in quotes.
        Scalar::Text(text) => reading(text.trim_ascii()).is_none() || is_about(),
        Scalar::Bool(_) | Scalar::Null => true,
    }
}

/// The name that an element of an array gives to its series.
pub(super) fn element_name<'a>(
    fields: &Fields<'a>,
    content: Option<&Content<'_>>,
) -> Option<Cow<'a, str>> {
    // The number of a trade is no series.
    let names: &[&str] = match content.map(|content| &content.value) {
        Some(Value::Trade(_) | Value::Quote(_)) => &INSTRUMENT_NAMES,
        Some(_) => &VALUE_NAME_NAMES,
        None => &OBJECT_NAMES,
    };
    let mut found = names.iter().filter_map(|name| fields.get(name));
    found.find_map(|raw| match Scalar::of(raw) {
        Scalar::Text(name) if !name.is_empty() => Some(name),
        _ => None,
    })
}

/// The price and the size of a trade.
fn price_and_size<'a>(fields: &Fields<'a>) -> Option<(&'a str, &'a str)> {
    let price = fields.get_any(&PRICE_NAMES).filter(|raw| *raw != "null")?;
    Some((price, fields.get_any(&SIZE_NAMES)?))
}

/// Whether a member with this name is the value of its object.
pub(super) fn is_value_name(name: &str) -> bool {
    VALUE_NAMES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The time in an object without a rule.
pub(crate) fn read_time(fields: &Fields<'_>, now_ns: TimeNs) -> SampleTime {
    find_time(fields, &NO_HINTS, now_ns).map_or(SampleTime::Missing, |(_, time)| time)
}

/// The name of the member that has the time of an object, and the time. Of several members the
/// first one counts that can be read.
pub(super) fn find_time<'f>(
    fields: &'f Fields<'_>,
    hints: &Hints,
    now_ns: TimeNs,
) -> Option<(&'f str, SampleTime)> {
    let mut ignored = None;
    for name in TIME_NAMES {
        let Some((name, raw)) = fields.find(name) else {
            continue;
        };
        match time(raw, &hints.times, now_ns) {
            SampleTime::Missing => {}
            SampleTime::At(time_ns) => return Some((name, SampleTime::At(time_ns))),
            // "t" may be a temperature.
            SampleTime::Ignored if name.eq_ignore_ascii_case("t") => {}
            SampleTime::Ignored => ignored = ignored.or(Some((name, SampleTime::Ignored))),
        }
    }
    ignored
}

/// The unit in an object.
pub(crate) fn read_unit<'a>(fields: &Fields<'a>) -> Option<Cow<'a, str>> {
    match fields.get_any(&UNIT_NAMES).map(Scalar::of) {
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
