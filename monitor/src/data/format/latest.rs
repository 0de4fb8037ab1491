//! The newest value of a topic.

use tickcast_protocol::{decimal::Decimal, value::Value};

use super::numbers::{self, count, cut, decimal};
use crate::data::topics::{Latest, MonitoredTopic};

/// Longer texts are cut in lists.
const TEXT_SHOWN_CHARS: usize = 24;

/// The newest value of a topic as the source sent it, without its unit. `both_sides` shows bid and
/// ask of a quote, else only the bid.
pub(crate) fn latest(topic: &MonitoredTopic, both_sides: bool) -> String {
    match &topic.latest {
        None => "–".to_owned(),
        Some(Latest::Value(Value::Reading(reading))) => numbers::value(*reading, topic.decimals),
        Some(Latest::Value(Value::Trade(trade))) => decimal(trade.price),
        Some(Latest::Value(Value::Quote(quote))) if both_sides => {
            format!("{} / {}", side(quote.bid), side(quote.ask))
        }
        Some(Latest::Value(Value::Quote(quote))) => side(quote.bid),
        Some(Latest::Value(Value::Text(text))) => cut(text, TEXT_SHOWN_CHARS),
        Some(Latest::Value(Value::Absent(word))) => absent(word),
        Some(Latest::Value(Value::Bytes(bytes))) => bytes_of(bytes.len()),
        Some(Latest::CutText { head, .. }) => cut(head, TEXT_SHOWN_CHARS),
        Some(Latest::Bytes(len)) => bytes_of(*len),
    }
}

fn side(price: Option<Decimal>) -> String {
    price.map_or_else(|| "–".to_owned(), decimal)
}

/// The source's own word, unless it only says that there is nothing.
fn absent(word: &str) -> String {
    match word {
        "" | "null" => "no value".to_owned(),
        word => cut(word, TEXT_SHOWN_CHARS),
    }
}

fn bytes_of(len: usize) -> String {
    format!("{} bytes", count(len as u64))
}
