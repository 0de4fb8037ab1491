//! What `--try-decode` prints: the rule for a payload, and what the payload becomes.

use std::{fmt::Write, sync::Arc};

use tickcast_protocol::value::Value;

use crate::{
    clock::wall_ns,
    feed::decode::{DecodeRule, Decoded, Decoder},
};

/// The text for a payload of a topic.
pub(super) fn text(rules: &Arc<[DecodeRule]>, topic: &str, payload: &[u8]) -> String {
    let mut decoder = Decoder::new(Arc::clone(rules));
    let mut text = match decoder.rule(topic, payload) {
        Ok(Some(index)) => {
            let (number, filter) = (index + 1, &rules[index].filter);
            format!("rule {number} of {}, for {filter}\n", rules.len())
        }
        Ok(None) => "no rule matches: auto\n".to_owned(),
        Err(_) => "no rule applies\n".to_owned(),
    };
    match decoder.decode(topic, payload, wall_ns()) {
        Ok(decoded) => append(&mut text, &decoded),
        // Writing to a String cannot fail, here and below.
        Err(error) => drop(writeln!(text, "cannot be read: {error}")),
    }
    text
}

fn append(text: &mut String, decoded: &Decoded) {
    for update in &decoded.updates {
        let _ = write!(text, "{}: {}", update.topic, shown(&update.value));
        if let Some(unit) = &update.unit {
            let _ = write!(text, " {unit}");
        }
        if let Some(time_ns) = update.source_time_ns {
            let time = jiff::Timestamp::from_nanosecond(time_ns.into());
            let _ = time.map(|time| write!(text, " at {time}"));
        }
        text.push('\n');
        for (topic, facts) in update.facts.iter().flatten() {
            let parts = [
                ("name", &facts.name),
                ("unit", &facts.unit),
                ("state class", &facts.state_class),
            ];
            let parts = parts.iter().filter_map(|(what, fact)| {
                let fact = fact.as_ref()?;
                Some(format!("{what} {fact}"))
            });
            let _ = writeln!(
                text,
                "tells of {topic}: {}",
                parts.collect::<Vec<_>>().join(", ")
            );
        }
    }
    for error in &decoded.errors {
        let _ = writeln!(text, "cannot be read: {error}");
    }
    for reason in &decoded.reported {
        let _ = writeln!(text, "the source reports an error: {reason}");
    }
    let counts = [
        (decoded.passed_over, "passed over by the rule"),
        (
            decoded.times_ignored,
            "without their time, which is unreadable, impossible or local",
        ),
        (decoded.rounded, "rounded to the digits of a reading"),
        (
            decoded.left_out,
            "left out, beyond the bounds on parts and levels",
        ),
    ];
    for (count, what) in counts {
        if count > 0 {
            let _ = writeln!(text, "{count} {what}");
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Reading(number) => format!("reading {number}"),
        Value::Trade(trade) => {
            let side = trade.side.map(|side| format!(" ({side:?})").to_lowercase());
            format!(
                "trade {} at {}{}",
                trade.size,
                trade.price,
                side.unwrap_or_default()
            )
        }
        Value::Quote(quote) => {
            let side = |price: Option<_>, size: Option<_>| match (price, size) {
                (None, _) => "none".to_owned(),
                (Some(price), None) => format!("{price}"),
                (Some(price), Some(size)) => format!("{size} at {price}"),
            };
            let (bid, ask) = (
                side(quote.bid, quote.bid_size),
                side(quote.ask, quote.ask_size),
            );
            format!("quote, bid {bid}, ask {ask}")
        }
        Value::Text(text) => format!("text {text:?}"),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Absent(word) if word.is_empty() => "absent".to_owned(),
        Value::Absent(word) => format!("absent ({word})"),
    }
}
