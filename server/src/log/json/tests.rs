use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing_subscriber::{fmt, layer::SubscriberExt};

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written while something logs, without the time.
fn written(log: impl FnOnce()) -> Value {
    let written = Written::default();
    let to = written.clone();
    let layer = fmt::layer()
        .event_format(Json)
        .with_writer(move || to.clone());
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, log);
    let bytes = written.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{text}");
    let mut value: Value = serde_json::from_str(line).unwrap();
    let time = value.as_object_mut().unwrap().remove("time").unwrap();
    let time = time.as_str().unwrap();
    assert!(time.ends_with('Z'), "{time}");
    assert!(time.parse::<Timestamp>().is_ok(), "{time}");
    value
}

#[test]
fn a_line_has_each_field_as_json_of_its_type() {
    let error = io::Error::other("it broke");
    let line = written(|| {
        tracing::info!(
            signed = -1_i64,
            unsigned = u64::MAX,
            number = 2.5,
            nan = f64::NAN,
            huge = u128::MAX,
            flag = true,
            text = "a",
            shown = %1,
            debugged = ?["a"],
            none = ?None::<u8>,
            error = &error as &(dyn Error + 'static),
            "the {}", "message"
        );
    });
    let expected = json!({
        "level": "INFO",
        "target": module_path!(),
        "message": "the message",
        "fields": {
            "signed": -1,
            "unsigned": u64::MAX,
            "number": 2.5,
            "nan": "NaN",
            "huge": u128::MAX.to_string(),
            "flag": true,
            "text": "a",
            "shown": "1",
            "debugged": "[\"a\"]",
            "none": "None",
            "error": "it broke",
        },
    });
    assert_eq!(line, expected);
}

#[test]
fn quotes_newlines_and_control_characters_are_escaped_on_one_line() {
    let all: String = (0..=0x20_u8)
        .map(char::from)
        .chain("\"\\\u{7f}\u{9b}é".chars())
        .collect();
    let line = written(|| tracing::warn!(field = %all, "{all}"));
    assert_eq!(line["message"], all);
    assert_eq!(line["fields"]["field"], all);
}

#[test]
fn an_event_without_a_message_or_fields_has_empty_ones() {
    let line = written(|| tracing::error!(a = 1));
    assert_eq!(line["message"], "");
    let line = written(|| tracing::error!("a"));
    assert_eq!(line["fields"], json!({}));
}

#[test]
fn a_line_of_a_library_that_uses_the_crate_log_has_the_target_of_the_library() {
    let line = written(|| {
        tracing::info!(target: "log", { log.target = "some_library", log.line = 7 }, "a");
    });
    assert_eq!(line["target"], "some_library");
    assert_eq!(line["fields"], json!({}));
}
