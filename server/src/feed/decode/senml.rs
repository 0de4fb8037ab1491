//! Sensor measurement lists (RFC 8428): arrays of records with names, units and times that base
//! records may give for all after them.

use tickcast_protocol::{message::TimeNs, value::Value};

use super::{
    content::{Content, SampleTime},
    emit::Emitter,
    json::{Fields, Scalar},
    parts::{bad, number},
    path::push_name,
    time::plausible,
};

/// Times below this are relative to now (RFC 8428, section 4.5.3).
const RELATIVE_BELOW_S: f64 = 268_435_456.0;

/// Whether the elements of an array are a SenML pack: its records have names.
pub(super) fn is_pack(elements: &[&str]) -> bool {
    let Some(first) = elements.first().filter(|first| first.starts_with('{')) else {
        return false;
    };
    let Ok(fields) = Fields::parse(first) else {
        return false;
    };
    let has = |name| fields.get_exact(name).is_some();
    let has_value = ["v", "vs", "vb", "vd", "s"].into_iter().any(has);
    (has("bn") || has("n")) && (has_value || has("bn"))
}

/// Adds the samples of a pack.
pub(super) fn read(elements: &[&str], emitter: &mut Emitter<'_>) {
    let mut base = Base::default();
    for element in elements {
        match Fields::parse(element) {
            Ok(fields) => record(&fields, &mut base, emitter),
            Err(_) => emitter.fail(bad("record", element, "it is no SenML record")),
        }
    }
}

#[derive(Default)]
struct Base {
    name: String,
    time_s: f64,
    unit: Option<String>,
    value: f64,
}

fn record(fields: &Fields<'_>, base: &mut Base, emitter: &mut Emitter<'_>) {
    let text = |name| match fields.get_exact(name).map(Scalar::of) {
        Some(Scalar::Text(text)) => Some(text.into_owned()),
        _ => None,
    };
    let read = |name| fields.get_exact(name).and_then(number);
    if let Some(name) = text("bn") {
        base.name = name;
    }
    if let Some(time_s) = read("bt") {
        base.time_s = time_s;
    }
    if let Some(unit) = text("bu") {
        base.unit = Some(unit);
    }
    if let Some(value) = read("bv") {
        base.value = value;
    }
    let value = if let Some(value) = read("v") {
        Value::Reading(base.value + value)
    } else if let Some(text) = text("vs") {
        Value::Text(text)
    } else if let Some(data) = text("vd") {
        Value::Text(data)
    } else if let Some(raw) = fields.get_exact("vb") {
        Value::Text(raw.to_owned())
    } else {
        // A record with base values only, or with a sum, which is no value of now.
        if fields.get_exact("n").is_some() {
            emitter.decoded.passed_over += 1;
        }
        return;
    };
    let name = format!("{}{}", base.name, text("n").unwrap_or_default());
    let mut content = Content::from(value);
    content.time = time(base.time_s + read("t").unwrap_or(0.0), emitter.now_ns);
    content.unit = text("u").or_else(|| base.unit.clone()).map(Into::into);
    let mut path = String::new();
    for level in name.split('/') {
        push_name(&mut path, level);
    }
    emitter.part(&path, &name, content);
}

fn time(seconds: f64, now_ns: TimeNs) -> SampleTime {
    if seconds == 0.0 {
        return SampleTime::Missing;
    }
    let ns = (seconds * 1e9) as TimeNs;
    let time_ns = match seconds < RELATIVE_BELOW_S {
        true => now_ns.saturating_add(ns),
        false => ns,
    };
    match plausible(time_ns, now_ns) {
        true => SampleTime::At(time_ns),
        false => SampleTime::Ignored,
    }
}
