//! Rules that a payload chooses by what it says.

use std::sync::Arc;

use tickcast_protocol::topic::Filter;
use tickcast_server::testing::decode::{
    Conditions, DecodeRule, Decoded, Decoder, Format, JsonFormat, MissingPolicy, Numerals, Shape,
    TopicTemplate,
};

use super::{delivery::check_delivery, payload::NOW_NS};

/// The conditions of a rule, the topic that it makes, and a payload, each on a line of its own; the
/// payload is the rest.
pub fn conditions(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (when, topic, payload) = (next(), next(), next());
    if let Ok(when) = std::str::from_utf8(when) {
        choose(when, payload);
    }
    if let Ok(topic) = std::str::from_utf8(topic)
        && let Ok(topic) = topic.parse::<TopicTemplate>()
    {
        name(topic, payload);
    }
}

/// Conditions hold or do not hold, and their opposite says the contrary.
fn choose(when: &str, payload: &[u8]) {
    let Some(holds) = holds(when, payload) else {
        return;
    };
    let twice = format!("{when}&{when}");
    assert_eq!(self::holds(&twice, payload), Some(holds), "{twice}");
    if !when.contains('&') {
        let opposite = match when.strip_prefix('!') {
            Some(rest) => rest.to_owned(),
            None => format!("!{when}"),
        };
        if let Some(opposite) = self::holds(&opposite, payload) {
            assert_ne!(opposite, holds, "{when}");
        }
    }
}

/// Whether the conditions hold; `None` if they are none.
fn holds(when: &str, payload: &[u8]) -> Option<bool> {
    let when: Conditions = when.parse().ok()?;
    let skipped = decode(vec![rule(Format::Skip, when.clone()), rest()], payload)?;
    let reported = decode(vec![rule(Format::Error(None), when), rest()], payload)?;
    assert_eq!(skipped.passed_over + skipped.updates.len() as u64, 1);
    assert_eq!(reported.reported.len(), skipped.passed_over as usize);
    let is_short = |text: &String| text.chars().count() <= 201;
    assert!(reported.reported.iter().all(is_short));
    Some(skipped.passed_over == 1)
}

/// The updates of a payload have topics as the template says.
fn name(topic: TopicTemplate, payload: &[u8]) {
    let written = topic.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&topic), "{written}");
    let format = Format::Json(Box::new(JsonFormat {
        each: Some("/a".parse().expect("a valid pointer")),
        topic: Some(topic),
        shape: Shape::Value("/v".parse().expect("a valid pointer")),
        time: None,
        missing: MissingPolicy::Skip,
        round: None,
        numerals: Numerals::Usual,
    }));
    for update in decode(vec![rule(format, Conditions::default())], payload)
        .unwrap_or_default()
        .updates
    {
        check_delivery(&update.value, update.source_time_ns);
    }
}

fn rule(format: Format, when: Conditions) -> DecodeRule {
    DecodeRule {
        filter: Filter::all(),
        format,
        unit: None,
        name: None,
        when,
    }
}

fn rest() -> DecodeRule {
    rule(Format::Bytes, Conditions::default())
}

fn decode(rules: Vec<DecodeRule>, payload: &[u8]) -> Option<Decoded> {
    let mut decoder = Decoder::new(Arc::from(rules));
    decoder.decode("t", payload, NOW_NS).ok()
}
