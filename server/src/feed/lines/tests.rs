use std::sync::Arc;

use tickcast_core::work::NewUpdate;
use tickcast_protocol::value::Value;

use super::*;
use crate::{clock::Clock, ingest::Ingest, metrics::FeedMetrics};

struct Outcome {
    updates: Vec<NewUpdate>,
    metrics: Arc<FeedMetrics>,
}

fn feed(input: &[u8]) -> Outcome {
    let (ingest, _queue) = Ingest::new(Clock::start());
    let metrics = Arc::new(FeedMetrics::default());
    let handover = Handover::new("lines".into(), ingest, Arc::clone(&metrics));
    let mut lines = LineReader::new(Decoder::new([].into()), handover);
    let mut updates = Vec::new();
    // Lines arrive in parts.
    for mut part in input.chunks(7) {
        while !part.is_empty() {
            let (used, is_complete) = lines.take(part);
            part = &part[used..];
            if is_complete {
                updates.extend(lines.updates());
            }
        }
    }
    if lines.has_rest() {
        updates.extend(lines.updates());
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
}

#[test]
fn the_longest_line_fits() {
    let line = format!("t {}\n", "x".repeat(LINE_MAX_BYTES - 2));
    assert_eq!(feed(line.as_bytes()).updates.len(), 1);
}
