//! The standard input feed: each line is an update, so that any program can be piped in.
//!
//! A line has one of three forms: `TOPIC VALUE`; a JSON object with `topic` and `value` and
//! optionally `time` and `unit`; or a JSON object with `topic` and the fields that the decoder
//! reads as a trade, a quote or a reading. The value is decoded by the rules for its topic, like an
//! MQTT payload.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Stdin},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tickcast_protocol::message::TimeNs;
use tokio::sync::oneshot;

use super::{FeedState, handover::Handover};
use crate::{
    feed::decode::{
        DecodeError, Decoded, Decoder, SampleTime, bad,
        json::{Fields, Scalar},
        read_time, read_unit,
    },
    ingest::Ended,
};

/// Maximum length of a line, in bytes: the same as for a client's message. A longer line is dropped
/// as a whole.
const LINE_MAX_BYTES: usize = 64 * 1024;

/// The feed. The lines are kept here, so that a failure loses at most the one that it failed at.
pub(super) struct StdinFeed<R = BufReader<Stdin>> {
    decoder: Decoder,
    handover: Handover,
    lines: Arc<Mutex<Lines<R>>>,
    /// Receives the end of the thread that reads now.
    reading: Option<oneshot::Receiver<Result<(), Ended>>>,
}

impl StdinFeed {
    pub(super) fn new(decoder: Decoder, handover: Handover) -> Self {
        let reader = BufReader::with_capacity(LINE_MAX_BYTES, io::stdin());
        Self::of(reader, decoder, handover)
    }
}

impl<R: BufRead + Send + 'static> StdinFeed<R> {
    fn of(reader: R, decoder: Decoder, handover: Handover) -> Self {
        Self {
            decoder,
            handover,
            lines: Arc::new(Mutex::new(Lines::new(reader))),
            reading: None,
        }
    }

    /// Reads standard input to its end, from where an earlier call has stopped. The inner error is
    /// the reason of a failure.
    ///
    /// A separate thread reads, because reading blocks and cannot be cancelled. If the server ends
    /// first, this thread keeps running until the process ends.
    pub(super) async fn run(&mut self) -> Result<Result<(), String>, Ended> {
        self.handover.set_state(FeedState::Up);
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => match self.start() {
                Ok(reading) => self.reading.insert(reading),
                Err(error) => return Ok(Err(format!("cannot start its thread: {error}"))),
            },
        };
        let result = reading.await;
        self.reading = None;
        match result {
            Ok(result) => result.map(Ok),
            Err(_) => Ok(Err("the thread that reads standard input panicked".into())),
        }
    }

    fn start(&self) -> io::Result<oneshot::Receiver<Result<(), Ended>>> {
        let (sender, result) = oneshot::channel();
        let lines = Arc::clone(&self.lines);
        let (mut decoder, mut handover) = (self.decoder.clone(), self.handover.clone());
        let thread = thread::Builder::new().name("feed-stdin".into());
        thread.spawn(move || {
            // A thread that panicked has done so between two lines.
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            // The receiver is gone when the server is ending.
            let _ = sender.send(read_lines(&mut lines, &mut decoder, &mut handover));
        })?;
        Ok(result)
    }
}

fn read_lines(
    lines: &mut Lines<impl BufRead>,
    decoder: &mut Decoder,
    handover: &mut Handover,
) -> Result<(), Ended> {
    loop {
        let number = lines.number + 1;
        let line = match lines.next() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(feed = handover.name(), %error, "cannot read standard input");
                return Ok(());
            }
        };
        if matches!(line, Line::Whole(line) if line.trim_ascii().is_empty()) {
            continue;
        }
        handover.count_received(1);
        let now_ns = handover.now_ns();
        let decoded = match line {
            Line::Whole(line) => {
                read_line(line, decoder, now_ns).map_err(|error| error.to_string())
            }
            Line::TooLong => Err(format!("the line is longer than {LINE_MAX_BYTES} bytes")),
        };
        match decoded {
            Ok(mut decoded) => {
                handover.count_decoded(format_args!("line {number}"), &mut decoded);
                for update in decoded.updates {
                    handover.submit_blocking(update)?;
                }
            }
            Err(reason) => handover.undecodable(format_args!("line {number}"), reason),
        }
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
    let fields = Fields::parse(text).map_err(|error| DecodeError::NotJson(error.to_string()))?;
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

/// Lines of bounded length.
struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    /// Number of lines read so far.
    number: u64,
}

#[derive(Debug, PartialEq)]
enum Line<'a> {
    /// The line without its line break.
    Whole(&'a [u8]),
    TooLong,
}

impl<R: BufRead> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut is_too_long = false;
        let mut has_begun = false;
        loop {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            let is_last = end.is_some() || available.is_empty();
            if available.is_empty() && !has_begun {
                return Ok(None);
            }
            has_begun = true;
            is_too_long |= self.line.len() + part.len() > LINE_MAX_BYTES;
            if !is_too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if is_last {
                break;
            }
        }
        self.number += 1;
        Ok(Some(if is_too_long {
            Line::TooLong
        } else {
            Line::Whole(&self.line)
        }))
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::work::{NewUpdate, Work};
    use tickcast_protocol::value::Value;

    use super::*;
    use crate::{clock::Clock, feed::decode::PANIC_PAYLOAD, ingest::Ingest, metrics::FeedMetrics};

    struct Outcome {
        updates: Vec<NewUpdate>,
        metrics: Arc<FeedMetrics>,
    }

    fn feed(input: &[u8]) -> Outcome {
        let (ingest, mut queue) = Ingest::new(Clock::start());
        let metrics = Arc::new(FeedMetrics::default());
        let mut handover = Handover::new("stdin".into(), ingest, Arc::clone(&metrics));
        // A small buffer, so that lines arrive in parts.
        let mut lines = Lines::new(BufReader::with_capacity(7, input));
        let mut decoder = Decoder::new([].into());
        read_lines(&mut lines, &mut decoder, &mut handover).unwrap();
        let mut updates = Vec::new();
        while let Ok(arrival) = queue.try_recv() {
            if let Work::Updates(submission) = arrival.work {
                updates.extend(submission.updates);
            }
        }
        Outcome { updates, metrics }
    }

    #[track_caller]
    fn check(line: &str, topic: &str, value: &Value) -> NewUpdate {
        let mut outcome = feed(line.as_bytes());
        let update = outcome.updates.pop().expect("an update");
        assert_eq!(update.topic.as_str(), topic, "{line}");
        assert_eq!(&update.value, value, "{line}");
        update
    }

    #[test]
    fn a_line_is_a_topic_and_a_value() {
        check("plant/a 21.5\n", "plant/a", &Value::Reading(21.5));
        check("  plant/a\t 21.5\r\n", "plant/a", &Value::Reading(21.5));
        check("door is open", "door", &Value::Text("is open".into()));
    }

    #[test]
    fn a_json_line_has_topic_and_value_and_optionally_time_and_unit() {
        let update = check(
            r#"{"topic":"a b","value":21.5,"time":1700000000,"unit":"°C"}"#,
            "a b",
            &Value::Reading(21.5),
        );
        assert_eq!(update.source_time_ns, Some(1_700_000_000_000_000_000));
        assert_eq!(update.unit.as_deref(), Some("°C"));
        check(
            r#"{"topic":"a","value":"\u00e4"}"#,
            "a",
            &Value::Text("ä".into()),
        );
        let price = |line: &str| {
            let update = feed(line.as_bytes()).updates.remove(0);
            let Value::Trade(trade) = update.value else {
                panic!("{line} is no trade");
            };
            (trade.price.to_string(), update.source_time_ns)
        };
        assert_eq!(
            price(r#"{"topic":"t","price":1.10,"size":2,"ts":1700000000}"#),
            ("1.10".into(), Some(1_700_000_000_000_000_000))
        );
        assert_eq!(
            price(r#"{"topic":"t","value":{"price":1.10,"size":2},"ts":1}"#),
            ("1.10".into(), None)
        );
    }

    #[test]
    fn bad_and_too_long_lines_are_counted_and_reading_continues() {
        let mut input = b"a 1\nalone\n{\"value\":1}\n{broken\n\xff 1\na/+ 1\n".to_vec();
        input.extend(vec![b'x'; LINE_MAX_BYTES + 1]);
        input.extend(b"\n\n  \nb 2");
        let Outcome { updates, metrics } = feed(&input);
        let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
        assert_eq!(topics, ["a", "b"]);
        assert_eq!(metrics.received.get(), 8);
        assert_eq!(metrics.undecodable.get(), 6);
        assert_eq!(metrics.submitted.get(), 2);
    }

    #[tokio::test]
    async fn a_failure_loses_the_line_that_it_failed_at() {
        let (ingest, mut queue) = Ingest::new(Clock::start());
        let metrics = Arc::new(FeedMetrics::default());
        let handover = Handover::new("stdin".into(), ingest, Arc::clone(&metrics));
        let lines = format!("a 1\na {PANIC_PAYLOAD}\na 2\na {PANIC_PAYLOAD}\na 3\n");
        let reader = io::Cursor::new(lines.into_bytes());
        let mut feed = StdinFeed::of(reader, Decoder::new([].into()), handover);
        for _ in 0..2 {
            assert!(feed.run().await.unwrap().is_err());
        }
        assert_eq!(feed.run().await, Ok(Ok(())));
        for number in [1.0, 2.0, 3.0] {
            let Work::Updates(submission) = queue.recv().await.unwrap().work else {
                panic!("no update");
            };
            assert_eq!(submission.updates[0].value, Value::Reading(number));
        }
        assert_eq!((metrics.received.get(), metrics.submitted.get()), (5, 3));
    }

    #[test]
    fn the_longest_line_fits() {
        let line = format!("t {}\n", "x".repeat(LINE_MAX_BYTES - 2));
        assert_eq!(feed(line.as_bytes()).updates.len(), 1);
    }
}
