//! Lines as JSON, for programs that collect logs: one object with time, level, target, message and
//! fields.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::{self, Debug},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Libraries that use the crate `log` have one target for all, and theirs in a field.
const LOG_TARGET: &str = "log.target";

/// Other fields of such a line begin with this. They say where the source of the library is.
const OF_LOG: &str = "log.";

/// Writes events as lines of JSON.
#[derive(Debug)]
pub(super) struct Json;

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'a str,
    target: &'a str,
    message: &'a str,
    fields: &'a BTreeMap<&'static str, Value>,
}

/// What an event tells.
#[derive(Default)]
struct Told {
    message: String,
    target: Option<String>,
    fields: BTreeMap<&'static str, Value>,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut told = Told::default();
        event.record(&mut told);
        let metadata = event.metadata();
        let target = told.target.as_deref().unwrap_or(metadata.target());
        writer.write_str(&line(
            *metadata.level(),
            target,
            &told.message,
            &told.fields,
        ))
    }
}

/// A line of now, with its end.
pub(super) fn line(
    level: Level,
    target: &str,
    message: &str,
    fields: &BTreeMap<&'static str, Value>,
) -> String {
    let line = Line {
        time: format!("{:.6}", Timestamp::now()),
        level: level.as_str(),
        target,
        message,
        fields,
    };
    let mut text = serde_json::to_string(&line).expect("texts and values of JSON are JSON");
    text.push('\n');
    text
}

impl Told {
    fn note(&mut self, field: &Field, value: Value) {
        let text = |value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match field.name() {
            "message" => self.message = text(value),
            LOG_TARGET => self.target = Some(text(value)),
            name if name.starts_with(OF_LOG) => {}
            name => {
                self.fields.insert(name, value);
            }
        }
    }
}

impl Visit for Told {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinity and no NaN.
        let number = serde_json::Number::from_f64(value);
        let value = number.map_or_else(|| value.to_string().into(), Value::Number);
        self.note(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.note(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.note(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.note(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.note(field, value.to_string().into());
    }

    /// Everything else, and what the event itself has made a text. An integer of 128 bits is a text
    /// as well, because most readers of JSON would round it.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests;
