//! One line becomes updates.

use std::{borrow::Cow, sync::Arc};

use tickcast_protocol::message::TimeNs;

use super::line_buffer::{LINE_MAX_BYTES, Line};
use crate::feed::decode::{
    DecodeError, Decoded, Decoder, SampleTime, bad,
    json::{Fields, Scalar},
    read_time, read_unit,
};

/// The updates of a line, or why there are none.
pub(super) fn read(line: &Line, decoder: &mut Decoder, now_ns: TimeNs) -> Result<Decoded, String> {
    match line {
        Line::Whole(line) => read_line(line, decoder, now_ns).map_err(|error| error.to_string()),
        Line::TooLong => Err(format!("the line is longer than {LINE_MAX_BYTES} bytes")),
    }
}

fn read_line(line: &[u8], decoder: &mut Decoder, now_ns: TimeNs) -> Result<Decoded, DecodeError> {
    if line.trim_ascii_start().starts_with(b"{") {
        return read_json(line, decoder, now_ns);
    }
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (topic, value) = line.split_at(end.unwrap_or(line.len()));
    let topic = str::from_utf8(topic).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))?;
    if value.is_empty() {
        return Err(bad("line", topic, "there is no value after the topic"));
    }
    decoder.decode(topic, value.trim_ascii_start(), now_ns)
}

fn read_json(line: &[u8], decoder: &mut Decoder, now_ns: TimeNs) -> Result<Decoded, DecodeError> {
    let text = str::from_utf8(line).map_err(|error| DecodeError::NotUtf8(error.valid_up_to()))?;
    let fields = Fields::parse(text).map_err(|error| DecodeError::not_json(text, &error))?;
    let Some(Scalar::Text(topic)) = fields.get("topic").map(Scalar::of) else {
        return Err(bad("line", text, "there is no string \"topic\""));
    };
    // Without `value`, the members beside the topic are the payload.
    let payload: Cow<'_, str> = match fields.get("value") {
        Some(raw) => match Scalar::of(raw) {
            Scalar::Text(value) => value,
            _ => raw.into(),
        },
        None => {
            let rest = fields.without(&["topic"]);
            if rest.is_empty() {
                return Err(bad("line", text, "there is no value beside the topic"));
            }
            rest.into()
        }
    };
    let mut decoded = decoder.decode(&topic, payload.as_bytes(), now_ns)?;
    let time = read_time(&fields, now_ns);
    decoded.times_ignored += u64::from(time == SampleTime::Ignored);
    let unit: Option<Arc<str>> = read_unit(&fields).map(Arc::from);
    for update in &mut decoded.updates {
        if let (None, SampleTime::At(time_ns)) = (update.source_time_ns, time) {
            update.source_time_ns = Some(time_ns);
        }
        if update.unit.is_none() {
            update.unit.clone_from(&unit);
        }
    }
    Ok(decoded)
}
