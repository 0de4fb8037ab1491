//! InfluxDB's line protocol, which Grafana Live takes
//! (<https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>).
//!
//! A line is `MEASUREMENT FIELD=VALUE TIME`. Grafana makes a channel of each measurement and a
//! column of each field, so the last level of a topic is the field, and those before it, joined by
//! dots, are the measurement.

use tickcast_protocol::{message::TimeNs, topic::Topic, value::Value};

/// The measurement of topics with one level.
const NO_GROUP: &str = "topics";

/// Appends a line. Returns `false` for a value that the protocol does not have: none, a number that
/// is none, and bytes.
pub(super) fn append(topic: &Topic, value: &Value, time_ns: TimeNs, out: &mut String) -> bool {
    let topic = topic.as_str();
    let (group, field) = topic.rsplit_once('/').unwrap_or((NO_GROUP, topic));
    let before = out.len();
    append_measurement(group, out);
    out.push(' ');
    append_key(field, out);
    out.push('=');
    let is_known = match value {
        Value::Text(text) => {
            append_text(text, out);
            true
        }
        other => match other.as_f64() {
            Some(number) if number.is_finite() => {
                *out += &number.to_string();
                true
            }
            _ => false,
        },
    };
    if !is_known {
        out.truncate(before);
        return false;
    }
    *out += &format!(" {time_ns}\n");
    true
}

/// The name of a channel may have few characters, so others become `_`. None of those that are left
/// is escaped, and a comment cannot begin.
fn append_measurement(group: &str, out: &mut String) {
    out.extend(group.chars().map(|char| match char {
        '/' => '.',
        char if char.is_ascii_alphanumeric() || matches!(char, '-' | '.' | '_') => char,
        _ => '_',
    }));
}

/// A key has commas, spaces and equals signs escaped. A backslash at its end would escape what
/// follows, and a control character would end the line.
fn append_key(key: &str, out: &mut String) {
    if key.is_empty() {
        out.push('_');
    }
    for char in key.chars() {
        match char {
            ',' | ' ' | '=' => out.extend(['\\', char]),
            '\\' => out.push('/'),
            char if char.is_control() => out.push('_'),
            char => out.push(char),
        }
    }
}

/// A text is quoted, with quotes and backslashes escaped.
fn append_text(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            // Not all readers take lines within a text.
            '\n' | '\r' => out.push(' '),
            char => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(topic: &str, value: &Value) -> Option<String> {
        let mut out = String::from("before\n");
        let is_known = append(&Topic::new(topic).unwrap(), value, 7, &mut out);
        let line = out.strip_prefix("before\n").unwrap();
        assert_eq!(is_known, !line.is_empty());
        is_known.then(|| line.to_owned())
    }

    #[test]
    fn a_topic_is_a_measurement_and_a_field() {
        let number = Value::Reading(21.5);
        let text = |text: &str| Value::Text(text.into());
        for (topic, value, expected) in [
            ("plant/line 1/temp", &number, "plant.line_1 temp=21.5 7\n"),
            ("temp", &number, "topics temp=21.5 7\n"),
            ("a/b,c d=e", &number, "a b\\,c\\ d\\=e=21.5 7\n"),
            ("#a".trim_start_matches('#'), &number, "topics a=21.5 7\n"),
            ("ü/°", &number, "_ °=21.5 7\n"),
            ("a/b\\", &number, "a b/=21.5 7\n"),
            (
                "a/b",
                &text("x \"y\" \\ z\n"),
                "a b=\"x \\\"y\\\" \\\\ z \" 7\n",
            ),
        ] {
            assert_eq!(line(topic, value).as_deref(), Some(expected), "{topic}");
        }
        for value in [
            Value::Reading(f64::INFINITY),
            Value::Absent("null".into()),
            Value::Bytes(vec![1]),
        ] {
            assert_eq!(line("a/b", &value), None, "{value:?}");
        }
    }
}
