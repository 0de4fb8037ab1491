//! A value in the words of people. Decimals keep the digits of their source.

use tickcast_protocol::{
    decimal::Decimal,
    value::{Quote, Side, Trade, Value},
};

use crate::words::shown;

/// Numbers beyond these are written with an exponent, which is shorter.
const PLAIN_MIN: f64 = 1e-5;
const PLAIN_MAX: f64 = 1e15;

/// Bytes that are shown as hexadecimal digits.
const BYTES_SHOWN: usize = 16;

/// A value in two parts, so that columns can be lined up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ValueText {
    /// What is read first.
    pub(crate) main: String,
    /// Whether that is a number, which is lined up at the right.
    pub(crate) is_number: bool,
    /// The rest; empty if there is none.
    pub(crate) rest: String,
}

/// A value in its parts. The unit follows a reading.
pub(crate) fn value_text(value: &Value, unit: Option<&str>) -> ValueText {
    let (main, is_number, rest) = match value {
        Value::Reading(reading) => (number(*reading), true, unit.map(shown).unwrap_or_default()),
        Value::Trade(Trade { price, size, side }) => {
            let side = match side {
                Some(Side::Buy) => " buy",
                Some(Side::Sell) => " sell",
                None => "",
            };
            (price.to_string(), true, format!("× {size}{side}").into())
        }
        Value::Quote(quote) => return quote_text(quote),
        Value::Text(text) => (shown(text).into_owned(), false, "".into()),
        Value::Bytes(bytes) => (bytes_text(bytes), false, "".into()),
        Value::Absent(word) if word.is_empty() => ("(no value)".to_owned(), false, "".into()),
        Value::Absent(word) => (format!("(no value: {})", shown(word)), false, "".into()),
    };
    ValueText {
        main,
        is_number,
        rest: rest.into_owned(),
    }
}

/// A value as one text.
pub(crate) fn one_line(value: &Value, unit: Option<&str>) -> String {
    let ValueText { main, rest, .. } = value_text(value, unit);
    match rest.is_empty() {
        true => main,
        false => format!("{main} {rest}"),
    }
}

/// The kind of a value, as on the wire.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Reading(_) => "reading",
        Value::Trade(_) => "trade",
        Value::Quote(_) => "quote",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Absent(_) => "absent",
    }
}

fn quote_text(quote: &Quote) -> ValueText {
    let price = |side: Option<Decimal>| side.map_or("-".to_owned(), |price| price.to_string());
    let size = |size: Option<Decimal>| size.map_or("?".to_owned(), |size| size.to_string());
    let mut rest = format!("/ {}", price(quote.ask));
    if quote.bid_size.is_some() || quote.ask_size.is_some() {
        rest.push_str(&format!(
            "  {} × {}",
            size(quote.bid_size),
            size(quote.ask_size)
        ));
    }
    ValueText {
        main: price(quote.bid),
        is_number: true,
        rest,
    }
}

fn number(number: f64) -> String {
    let size = number.abs();
    match size == 0.0 || !number.is_finite() || (PLAIN_MIN..PLAIN_MAX).contains(&size) {
        true => number.to_string(),
        false => format!("{number:e}"),
    }
}

fn bytes_text(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(BYTES_SHOWN).map(hex).collect();
    let more = if bytes.len() > BYTES_SHOWN { "…" } else { "" };
    format!("({} bytes) {digits}{more}", bytes.len())
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, text: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(one_line(&value, Some("°C")), text, "{json}");
    }

    #[test]
    fn values_are_written_with_all_of_their_digits() {
        check(r#"{"reading":21.50}"#, "21.5 °C");
        check(r#"{"reading":1e300}"#, "1e300 °C");
        check(r#"{"reading":0.1}"#, "0.1 °C");
        let trade = r#"{"trade":{"price":"39432.4800","size":"0.000263","side":"sell"}}"#;
        check(trade, "39432.4800 × 0.000263 sell");
        check(
            r#"{"quote":{"bid":"1.10","ask":"1.1000000000001"}}"#,
            "1.10 / 1.1000000000001",
        );
        check(
            r#"{"quote":{"ask":"2.0","ask_size":"5"}}"#,
            "- / 2.0  ? × 5",
        );
        check("{\"text\":\"on\\u001b[2J\"}", "on\\u{1b}[2J");
        check(r#"{"bytes":"AAECAw=="}"#, "(4 bytes) 00010203");
        check(r#"{"absent":"unavailable"}"#, "(no value: unavailable)");
        check(r#"{"absent":""}"#, "(no value)");
    }
}
