//! What a value looks like at a broker.

use tickcast_core::tape::append_as_json;
use tickcast_protocol::{topic::Topic, value::Value};

use super::settings::Payload;

/// What stands for no value, and for a number that is none. Home Assistant reads it as "unknown".
/// An empty payload would make a broker forget the topic.
pub(super) const NO_VALUE: &str = "None";

/// The payload of an update, which is as it is on the tape.
pub(super) fn payload(form: Payload, topic: &Topic, value: &Value, bincode: &[u8]) -> Vec<u8> {
    match form {
        Payload::Value => plain(value),
        Payload::Json => {
            let mut json = Vec::new();
            append_as_json(bincode, topic, &mut json);
            json
        }
    }
}

/// A reading's number, a trade's price, the middle of a quote, or a text as it is.
fn plain(value: &Value) -> Vec<u8> {
    let number = |number: Option<f64>| match number {
        Some(number) if number.is_finite() => number.to_string(),
        _ => NO_VALUE.to_owned(),
    };
    match value {
        Value::Trade(trade) => trade.price.to_string().into(),
        Value::Text(text) if !text.is_empty() => text.clone().into(),
        Value::Bytes(bytes) if !bytes.is_empty() => bytes.clone(),
        other => number(other.as_f64()).into(),
    }
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{
        decimal::Decimal,
        value::{Quote, Trade},
    };

    use super::*;

    #[test]
    fn a_value_alone_is_its_number_or_its_text() {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        let quote = |bid: Option<&str>, ask: Option<&str>| {
            Value::Quote(Quote {
                bid: bid.map(decimal),
                ask: ask.map(decimal),
                bid_size: None,
                ask_size: None,
            })
        };
        let trade = Value::Trade(Trade {
            price: decimal("1.10"),
            size: decimal("2"),
            side: None,
        });
        for (value, expected) in [
            (Value::Reading(21.5), "21.5"),
            (Value::Reading(-0.1), "-0.1"),
            (Value::Reading(1e21), "1000000000000000000000"),
            (Value::Reading(f64::NAN), NO_VALUE),
            (trade, "1.10"),
            (quote(Some("1"), Some("2")), "1.5"),
            (quote(Some("1"), None), NO_VALUE),
            (Value::Text("open".into()), "open"),
            (Value::Text(String::new()), NO_VALUE),
            (Value::Bytes(b"raw".into()), "raw"),
            (Value::Bytes(Vec::new()), NO_VALUE),
            (Value::Absent("unavailable".into()), NO_VALUE),
        ] {
            assert_eq!(plain(&value), expected.as_bytes(), "{value:?}");
        }
    }
}
