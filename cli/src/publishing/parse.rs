//! A line becomes an update.

use clap::ValueEnum;
use tickcast_protocol::{
    codec::{explain_json, explain_value},
    message::Publication,
    recording::{LINE_MAX_BYTES, RecordedLine},
    topic::Topic,
    value::Value,
};

/// How the text of a value is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ValueType {
    /// A number if it is one, else a text
    #[default]
    Auto,
    /// A number
    Number,
    /// A text
    Text,
    /// true or false, which are texts on the wire
    Bool,
    /// A number, a text, a bool or null in JSON, or a value as on the wire:
    /// {"trade":{"price":"1.10","size":"3"}}
    Json,
}

/// What a line holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Parsed {
    /// An update.
    Update(Publication),
    /// Nothing that can be published: it is empty, or the status of a topic, which a server decides
    /// for itself.
    Nothing,
}

/// Reads a line: `TOPIC VALUE`, or a line of a recording, which begins with a brace. With a topic,
/// the whole line is a value. The error says what is wrong with it.
pub(crate) fn parse_line(
    line: &[u8],
    topic: Option<&Topic>,
    value_type: ValueType,
) -> Result<Parsed, String> {
    if line.len() > LINE_MAX_BYTES {
        return Err(format!("it is too long (limit {LINE_MAX_BYTES} bytes)"));
    }
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let text = text.trim_end_matches(['\n', '\r']);
    let start = text.trim_start();
    if start.is_empty() {
        return Ok(Parsed::Nothing);
    }
    let (topic, value) = match topic {
        Some(topic) => (topic.clone(), text),
        None if start.starts_with('{') => return recorded(start),
        None => {
            let parts = start.split_once([' ', '\t']);
            let (topic, value) = parts.ok_or("the value is missing: expected TOPIC VALUE")?;
            let topic = Topic::new(topic).map_err(|error| format!("topic {topic:?}: {error}"))?;
            (topic, value.trim_start())
        }
    };
    Ok(Parsed::Update(Publication {
        topic: String::from(topic),
        value: parse_value(value, value_type)?,
        source_time_ns: None,
    }))
}

fn recorded(text: &str) -> Result<Parsed, String> {
    match RecordedLine::parse(text.as_bytes()) {
        Ok(line) => Ok(line.value.map_or(Parsed::Nothing, |value| {
            Parsed::Update(Publication {
                topic: String::from(line.topic),
                value,
                source_time_ns: line.source_time,
            })
        })),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads a value. The error says what is expected.
pub(crate) fn parse_value(text: &str, value_type: ValueType) -> Result<Value, String> {
    let number = || {
        text.trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite())
    };
    match value_type {
        ValueType::Auto => Ok(match number() {
            Some(number) => Value::Reading(number),
            None => Value::Text(text.to_owned()),
        }),
        ValueType::Number => {
            let wrong = || format!("{text:?} is no number");
            number().map(Value::Reading).ok_or_else(wrong)
        }
        ValueType::Text => Ok(Value::Text(text.to_owned())),
        ValueType::Bool => match text.trim() {
            word @ ("true" | "false") => Ok(Value::Text(word.to_owned())),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
        ValueType::Json => json(text),
    }
}

fn json(text: &str) -> Result<Value, String> {
    let wrong = |reason: String| format!("{text:?} is no value: {reason}");
    let parsed = serde_json::from_str::<serde_json::Value>(text)
        .map_err(|error| wrong(explain_json(text.as_bytes(), &error)))?;
    match parsed {
        serde_json::Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| format!("{text} is no number that can be sent"))?;
            Ok(Value::Reading(number))
        }
        serde_json::Value::String(text) => Ok(Value::Text(text)),
        serde_json::Value::Bool(bool) => Ok(Value::Text(bool.to_string())),
        serde_json::Value::Null => Ok(Value::Absent("null".to_owned())),
        serde_json::Value::Object(_) => {
            serde_json::from_str(text).map_err(|_| wrong(explain_value(text.as_bytes())))
        }
        serde_json::Value::Array(_) => Err(format!(
            "{text:?} is a list: publish each of its values to a topic of its own"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value_type: ValueType, json: &str) {
        let value = parse_value(text, value_type).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), json, "{text}");
    }

    #[test]
    fn values_are_of_the_type_that_was_asked_for() {
        check("0.25", ValueType::Auto, r#"{"reading":0.25}"#);
        check("-7", ValueType::Number, r#"{"reading":-7.0}"#);
        check("nan", ValueType::Auto, r#"{"text":"nan"}"#);
        check("7", ValueType::Text, r#"{"text":"7"}"#);
        check("true", ValueType::Bool, r#"{"text":"true"}"#);
        check("false", ValueType::Json, r#"{"text":"false"}"#);
        check("1e3", ValueType::Json, r#"{"reading":1000.0}"#);
        check("null", ValueType::Json, r#"{"absent":"null"}"#);
        let trade = r#"{"trade":{"price":"1.100","size":"3"}}"#;
        check(trade, ValueType::Json, trade);
        for (text, value_type, told) in [
            ("warm", ValueType::Number, "no number"),
            ("1", ValueType::Bool, "neither true nor false"),
            ("[1]", ValueType::Json, "a list"),
            ("{\"a\":1}", ValueType::Json, "a is not a kind of value"),
            ("{", ValueType::Json, "no value"),
        ] {
            let error = parse_value(text, value_type).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[track_caller]
    fn check_line(line: &str, topic: Option<&str>, expected: Option<(&str, &str)>) {
        let topic = topic.map(|topic| Topic::new(topic).unwrap());
        let parsed = parse_line(line.as_bytes(), topic.as_ref(), ValueType::Auto).unwrap();
        let expected = expected.map(|(topic, value)| {
            let value = serde_json::from_str(value).unwrap();
            (topic.to_owned(), value)
        });
        match parsed {
            Parsed::Nothing => assert_eq!(None, expected, "{line}"),
            Parsed::Update(update) => {
                assert_eq!(Some((update.topic, update.value)), expected, "{line}");
            }
        }
    }

    #[test]
    fn lines_have_a_topic_and_a_value_or_are_recorded() {
        check_line(
            "a/b  on air \r\n",
            None,
            Some(("a/b", r#"{"text":"on air "}"#)),
        );
        check_line("a\t7\n", None, Some(("a", r#"{"reading":7.0}"#)));
        check_line("7\n", Some("a"), Some(("a", r#"{"reading":7.0}"#)));
        check_line(
            "{\"b\":1}",
            Some("a"),
            Some(("a", r#"{"text":"{\"b\":1}"}"#)),
        );
        check_line(" \n", None, None);
        let recorded = r#"{"topic":"a","time":5,"value":{"reading":7.5}}"#;
        check_line(recorded, None, Some(("a", r#"{"reading":7.5}"#)));
        check_line(r#"{"topic":"a","time":5,"status":"dead"}"#, None, None);
        for (line, told) in [
            ("a", "the value is missing"),
            ("a/# 7", "topic \"a/#\""),
            (r#"{"topic":"a","time":5}"#, "neither a value nor a status"),
            (r#"{"topic":"a"}"#, "time is missing"),
        ] {
            let error = parse_line(line.as_bytes(), None, ValueType::Auto).unwrap_err();
            assert!(error.contains(told), "{line}: {error}");
        }
    }
}
