//! What becomes of a payload, in words: a line for each update, error and count.

use std::fmt;

use tickcast_protocol::value::Value;

use super::Decoded;

impl fmt::Display for Decoded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for update in &self.updates {
            write!(formatter, "{}: {}", update.topic, told(&update.value))?;
            if let Some(unit) = &update.unit {
                write!(formatter, " {unit}")?;
            }
            if let Some(time_ns) = update.source_time_ns
                && let Ok(time) = jiff::Timestamp::from_nanosecond(time_ns.into())
            {
                write!(formatter, " at {time}")?;
            }
            writeln!(formatter)?;
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
                let parts: Vec<_> = parts.collect();
                writeln!(formatter, "tells of {topic}: {}", parts.join(", "))?;
            }
        }
        for error in &self.errors {
            writeln!(formatter, "cannot be read: {error}")?;
        }
        for reason in &self.reported {
            writeln!(formatter, "the source reports an error: {reason}")?;
        }
        for (count, what) in [
            (self.passed_over, "passed over by the rule"),
            (
                self.times_ignored,
                "without their time, which is unreadable, impossible or local",
            ),
            (self.rounded, "rounded to the digits of a reading"),
            (
                self.left_out,
                "left out, beyond the bounds on parts and levels",
            ),
        ] {
            if count > 0 {
                writeln!(formatter, "{count} {what}")?;
            }
        }
        Ok(())
    }
}

fn told(value: &Value) -> String {
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
