//! The lines of an answer, as JSON or CSV.

use tickcast_protocol::{
    codec::{self, CodecError},
    message::{Position, TopicId, Update},
    topic::Topic,
};

/// How the lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object per line.
    JsonLines,
    /// Rows of RFC 4180, of which the first has the names of the columns.
    Csv,
}

const COLUMNS: [&str; 7] = [
    "position",
    "seq",
    "ingest_time_ns",
    "source_time_ns",
    "quality",
    "kind",
    "value",
];

/// The kind of a row that says which positions are missing.
const MISSING: &str = "missing";

impl Format {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What comes before the first update.
    pub(super) fn append_head(self, out: &mut Vec<u8>) {
        if self == Self::Csv {
            append_row(COLUMNS, out);
        }
    }

    /// Appends an update, as it is on the tape.
    pub(super) fn append_update(
        self,
        bytes: &[u8],
        topic: &Topic,
        out: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let update: Update<TopicId> = codec::decode_update_bincode(bytes)?;
        let update = Update {
            topic: topic.clone(),
            position: update.position,
            seq: update.seq,
            source_time_ns: update.source_time_ns,
            ingest_time_ns: update.ingest_time_ns,
            quality: update.quality,
            value: update.value,
        };
        match self {
            Self::JsonLines => {
                codec::append_update_json(&update, out);
                out.push(b'\n');
            }
            Self::Csv => {
                let json = |value: serde_json::Result<serde_json::Value>| match value {
                    Ok(serde_json::Value::String(text)) => text,
                    Ok(other) => other.to_string(),
                    Err(_) => String::new(),
                };
                // A value is an object of one member, which names its kind.
                let (kind, value) = match serde_json::to_value(&update.value) {
                    Ok(serde_json::Value::Object(members)) => {
                        let member = members.into_iter().next();
                        member.unwrap_or_default()
                    }
                    other => (String::new(), other.unwrap_or_default()),
                };
                let source = update.source_time_ns;
                let row = [
                    update.position.to_string(),
                    update.seq.to_string(),
                    update.ingest_time_ns.to_string(),
                    source.map_or_else(String::new, |ns| ns.to_string()),
                    json(serde_json::to_value(update.quality)),
                    kind,
                    json(Ok(value)),
                ];
                append_row(row.each_ref().map(String::as_str), out);
            }
        }
        Ok(())
    }

    /// Appends that positions are missing, from one up to another.
    pub(super) fn append_missing(self, first: Position, last: Position, out: &mut Vec<u8>) {
        match self {
            Self::JsonLines => {
                let line = format!("{{\"missing\":{{\"from\":{first},\"to\":{last}}}}}\n");
                out.extend_from_slice(line.as_bytes());
            }
            Self::Csv => {
                let (first, last) = (first.to_string(), last.to_string());
                append_row([&first, "", "", "", "", MISSING, &last], out);
            }
        }
    }

    /// Appends what comes after the last update: how to go on, if there may be more.
    pub(super) fn append_end(self, after: Option<Position>, out: &mut Vec<u8>) {
        if self == Self::JsonLines {
            let after = after.map_or_else(|| "null".to_owned(), |after| after.to_string());
            out.extend_from_slice(format!("{{\"end\":{{\"after\":{after}}}}}\n").as_bytes());
        }
    }

    /// Appends why the answer is broken off.
    pub(super) fn append_error(self, reason: &str, out: &mut Vec<u8>) {
        if self == Self::JsonLines {
            let reason = serde_json::Value::from(reason);
            out.extend_from_slice(format!("{{\"error\":{reason}}}\n").as_bytes());
        }
    }
}

fn append_row(row: [&str; COLUMNS.len()], out: &mut Vec<u8>) {
    let mut writer = csv::Writer::from_writer(out);
    let written = writer.write_record(row).and_then(|()| Ok(writer.flush()?));
    written.expect("a vector takes all bytes");
}

#[cfg(test)]
mod tests {
    use tickcast_protocol::{message::Quality, value::Value};

    use super::*;

    fn lines(format: Format, value: Value) -> String {
        let update = Update {
            topic: 3,
            position: 7,
            seq: 2,
            source_time_ns: None,
            ingest_time_ns: 1_700_000_000_000_000_001,
            quality: Quality::Live,
            value,
        };
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        codec::append_update_bincode(&update, &mut bytes);
        format.append_head(&mut out);
        let topic = Topic::new("a/b").unwrap();
        format.append_update(&bytes, &topic, &mut out).unwrap();
        format.append_missing(8, 9, &mut out);
        format.append_end(Some(9), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_cells_of_csv_and_what_is_missing_is_a_row() {
        let text = lines(Format::Csv, Value::Text("a \"b\", c\nd".into()));
        let expected = "position,seq,ingest_time_ns,source_time_ns,quality,kind,value\n\
                        7,2,1700000000000000001,,live,text,\"a \"\"b\"\", c\nd\"\n\
                        8,,,,,missing,9\n";
        assert_eq!(text, expected);
        let text = lines(Format::Csv, Value::Reading(21.5));
        assert!(text.contains("live,reading,21.5\n"), "{text}");
    }

    #[test]
    fn each_line_of_json_is_an_object_and_the_last_one_says_how_to_go_on() {
        let text = lines(Format::JsonLines, Value::Text("a\nb".into()));
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0]["topic"], "a/b");
        assert_eq!(lines[0]["position"], 7);
        assert_eq!(lines[1]["missing"], serde_json::json!({"from": 8, "to": 9}));
        assert_eq!(lines[2]["end"], serde_json::json!({"after": 9}));
        assert_eq!(lines.len(), 3);
    }
}
