//! Recordings of received updates: one JSON object per line. The monitor and the command `tickcast`
//! write them. Both, the server's replay feed and the load tester read them.
//!
//! A line has `topic`, `time` (when it was put on the tape, in nanoseconds since
//! 1970-01-01T00:00:00Z), and either `value` as on the wire or `status`. `seq`, `every`, `unit`,
//! `quality` and `source_time` are left out where they have their defaults. Times are plain numbers
//! here, because all readers have integers of 64 bits.

use serde::{Deserialize, Serialize};

use crate::{
    codec::explain_recorded,
    message::{Quality, Seq, Status, TimeNs, Update},
    topic::Topic,
    value::Value,
};

/// Longest line, in bytes. It has room for a client's message with the longest text, escaped.
pub const LINE_MAX_BYTES: usize = 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedLine {
    /// The topic.
    pub topic: Topic,
    /// When it was put on the tape.
    pub time: TimeNs,
    /// Sequence number within its topic, from 1; 0 if it was not recorded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: Seq,
    /// Whether the recording has every update of the topic, not just the newest values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every: bool,
    /// The unit of readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How far the value could be trusted.
    #[serde(default = "live", skip_serializing_if = "is_live")]
    pub quality: Quality,
    /// When it happened, by the source's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_time: Option<TimeNs>,
    /// The update's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The topic's new status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

fn is_zero(seq: &Seq) -> bool {
    *seq == 0
}

fn live() -> Quality {
    Quality::Live
}

fn is_live(quality: &Quality) -> bool {
    *quality == Quality::Live
}

/// Why a line is not part of a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordedLineError {
    /// It is not a JSON object of this form. The text says which member is wrong and why.
    #[error("{0}")]
    Wrong(String),
    /// It has no content.
    #[error("it has neither a value nor a status")]
    Nothing,
}

impl RecordedLine {
    /// The line of an update of `topic`. `every`: see [`Self::every`].
    pub fn of_update<T>(
        topic: Topic,
        update: Update<T>,
        unit: Option<String>,
        every: bool,
    ) -> Self {
        Self {
            topic,
            time: update.ingest_time_ns,
            seq: update.seq,
            every,
            unit,
            quality: update.quality,
            source_time: update.source_time_ns,
            value: Some(update.value),
            status: None,
        }
    }

    /// The line of a new status, which began at `time`. `every`: see [`Self::every`].
    pub fn of_status(topic: Topic, status: Status, time: TimeNs, every: bool) -> Self {
        Self {
            topic,
            time,
            seq: 0,
            every,
            unit: None,
            quality: Quality::Live,
            source_time: None,
            value: None,
            status: Some(status),
        }
    }

    /// Reads a line.
    pub fn parse(text: &[u8]) -> Result<Self, RecordedLineError> {
        // serde also reads a list of the members' values.
        let is_object = text.trim_ascii_start().starts_with(b"{");
        let line = serde_json::from_slice::<Self>(text);
        let line = match line {
            Ok(line) if is_object => line,
            Ok(_) => return Err(RecordedLineError::Wrong(explain(text, None))),
            Err(error) => return Err(RecordedLineError::Wrong(explain(text, Some(&error)))),
        };
        if line.value.is_none() && line.status.is_none() {
            return Err(RecordedLineError::Nothing);
        }
        Ok(line)
    }

    /// Appends the line to `out`, with a newline.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
        let len = out.len();
        if let Err(error) = serde_json::to_writer(&mut *out, self) {
            // A partial line would damage the next one.
            out.truncate(len);
            return Err(error);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// What is wrong with a line that cannot be read.
fn explain(text: &[u8], error: Option<&serde_json::Error>) -> String {
    if let Some(reason) = explain_recorded(text) {
        return reason;
    }
    // The members have the right form, and one of them breaks a rule, which its own type tells.
    let told = error.map(ToString::to_string).unwrap_or_default();
    let told = told.split(" at line ").next().unwrap_or_default();
    match told {
        "" => "it is no line of a recording".to_owned(),
        told => format!("it is no line of a recording: {told}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_written_and_leaves_out_defaults() {
        let topic = Topic::new("plant/t").unwrap();
        let update = Update {
            topic: 3,
            position: 90,
            seq: 7,
            source_time_ns: None,
            ingest_time_ns: 1_767_268_800_000_000_001,
            quality: Quality::Live,
            value: Value::Reading(2.5),
        };
        let line = RecordedLine::of_update(topic.clone(), update, None, false);
        let mut text = Vec::new();
        line.write(&mut text).unwrap();
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            "{\"topic\":\"plant/t\",\"time\":1767268800000000001,\"seq\":7,\"value\":{\"reading\":2.5}}\n"
        );
        assert_eq!(RecordedLine::parse(&text).unwrap(), line);
        let status = br#"{"topic":"plant/t","time":5,"status":"dead"}"#;
        let status = RecordedLine::parse(status).unwrap();
        let expected = RecordedLine::of_status(topic, Status::Dead, 5, false);
        assert_eq!(status, expected);
        assert!(matches!(
            RecordedLine::parse(br#"{"topic":"plant/t","time":5}"#),
            Err(RecordedLineError::Nothing)
        ));
        assert!(RecordedLine::parse(b"time,value").is_err());
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_in_plain_words() {
        let check = |line: &str, expected: &str| {
            let error = RecordedLine::parse(line.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{line}");
        };
        let with = |members: &str| format!("{{\"topic\":\"a\",\"time\":5,{members}}}");
        let value = "\"value\":{\"reading\":1}";
        check(
            &format!("{{\"topic\":\"a\",\"time\":\"5\",{value}}}"),
            "time is \"5\": it must be a whole number within 64 bits",
        );
        check(
            &format!("{{\"topic\":\"a\",\"time\":1.5,{value}}}"),
            "time is 1.5: it must be a whole number within 64 bits",
        );
        check(
            &format!("{{\"topic\":\"a\",{value}}}"),
            "time is missing: it must be a whole number within 64 bits",
        );
        check(
            &with("\"value\":5"),
            "value is 5: it must be an object with one member, which is reading, trade, quote, \
             text, bytes or absent, such as {\"reading\":21.5}",
        );
        check(
            &with("\"status\":\"zombie\""),
            "status is \"zombie\": it must be \"live\", \"stale\" or \"dead\"",
        );
        check(
            &with("\"quality\":\"lives\",\"status\":\"dead\""),
            "quality is \"lives\": it must be \"live\", \"retained\", \"stale\" or \"historical\"; \
             did you mean live?",
        );
        check(
            &with(&format!("\"seq\":-1,{value}")),
            "seq is -1: it must be a whole number, 0 or more",
        );
        check(
            &format!("{{\"topic\":\"a/+\",\"time\":5,{value}}}"),
            "it is no line of a recording: the wildcard at byte 2 is allowed in filters only",
        );
        check(&with(""), "it is not JSON from byte 22 on, near \"}\"");
        check(
            "{\"topic\":\"a\"",
            "it is not complete JSON: it ends after 12 bytes",
        );
        check("{} x", "there are 1 trailing bytes after it");
        for line in ["2026-01-01,1", "[\"a\",5]", "", "\"a\""] {
            let error = RecordedLine::parse(line.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with("it begins with \""), "{error}");
        }
        // Unknown members are passed over.
        RecordedLine::parse(with(&format!("\"note\":[1],{value}")).as_bytes()).unwrap();
    }
}
