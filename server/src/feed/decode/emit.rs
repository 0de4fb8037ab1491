//! From samples to updates of the series that they belong to.

use tickcast_core::work::{NewUpdate, TopicFacts};
use tickcast_protocol::{message::TimeNs, value::Value};

use super::{
    content::{Content, SampleTime},
    decoded::Decoded,
    error::DecodeError,
    hints::Hints,
    path::is_changed,
    series::{KnownTopic, Series},
};

/// Samples of one payload, at most. The longest array of an exchange or a logger has some hundreds;
/// a packet of 256 KiB could hold a hundred thousand.
const SAMPLES_MAX: usize = 4096;

/// Series that one topic may be split into. A device has some tens of members.
const PARTS_MAX: usize = 256;

/// Topics that the payloads of one topic name, at most: all instruments of an exchange.
const NAMED_MAX: usize = 65_536;

/// Takes the samples of one payload.
pub(super) struct Emitter<'a> {
    pub(super) known: &'a mut KnownTopic,
    pub(super) decoded: &'a mut Decoded,
    pub(super) now_ns: TimeNs,
    /// How the parts of the payload are written.
    pub(super) hints: &'a Hints,
}

impl Emitter<'_> {
    /// Adds a sample of the topic itself.
    pub(super) fn own(&mut self, content: Content<'_>) {
        if self.has_room() {
            put(&mut self.known.own, content, self.decoded);
        }
    }

    /// Adds a sample of the part at a path. The path's last name is `name`.
    pub(super) fn part(&mut self, path: &str, name: &str, content: Content<'_>) {
        if !self.has_room() {
            return;
        }
        let KnownTopic { own, parts, .. } = &mut *self.known;
        let index = match parts.find(path) {
            Some(index) => index,
            None if parts.len() >= PARTS_MAX => {
                self.decoded.left_out += 1;
                return;
            }
            // A unit of the rule belongs to the topic itself.
            None => match parts.add(&own.topic, path) {
                Ok(index) => {
                    if is_changed(name) {
                        let topic = parts.get_mut(index).topic.to_string();
                        self.decoded.renamed = Some((name.to_owned(), topic));
                    }
                    index
                }
                Err(error) => return self.decoded.errors.push(DecodeError::Topic(error)),
            },
        };
        put(parts.get_mut(index), content, self.decoded);
    }

    /// Adds a sample of a topic that was made from the payload's parts.
    pub(super) fn named(&mut self, topic: &str, content: Content<'_>) {
        if !self.has_room() {
            return;
        }
        let KnownTopic {
            own, name, named, ..
        } = &mut *self.known;
        if !named.contains_key(topic) {
            // The cache only saves time.
            if named.len() >= NAMED_MAX {
                named.clear();
            }
            match topic.parse() {
                Ok(topic_name) => {
                    let series = Series {
                        unit: own.unit.clone(),
                        untold_name: name.clone(),
                        ..Series::new(topic_name)
                    };
                    named.insert(topic.into(), series);
                }
                Err(error) => return self.decoded.errors.push(DecodeError::Topic(error)),
            }
        }
        if let Some(series) = named.get_mut(topic) {
            put(series, content, self.decoded);
        }
    }

    /// Counts a part that cannot be read.
    pub(super) fn fail(&mut self, error: DecodeError) {
        if self.has_room() {
            self.decoded.errors.push(error);
        }
    }

    /// Whether there is room for one more sample or error. Without room it is counted.
    fn has_room(&mut self) -> bool {
        let has_room = self.decoded.updates.len() + self.decoded.errors.len() < SAMPLES_MAX;
        self.decoded.left_out += u64::from(!has_room);
        has_room
    }
}

fn put(series: &mut Series, content: Content<'_>, decoded: &mut Decoded) {
    let Content {
        mut value,
        time,
        unit,
        is_rounded,
    } = content;
    match &mut value {
        Value::Text(word) if series.has_numbers && says_absent(word) => {
            value = Value::Absent(std::mem::take(word));
        }
        Value::Reading(_) | Value::Trade(_) | Value::Quote(_) => series.has_numbers = true,
        _ => {}
    }
    if let Some(unit) = unit
        && series.unit.as_deref() != Some(&unit)
    {
        series.unit = Some(unit.as_ref().into());
    }
    let source_time_ns = match time {
        SampleTime::At(time_ns) => Some(time_ns),
        SampleTime::Missing => None,
        SampleTime::Ignored => {
            decoded.times_ignored += 1;
            None
        }
    };
    decoded.rounded += u64::from(is_rounded);
    decoded.updates.push(NewUpdate {
        source_time_ns,
        unit: series.unit.clone(),
        facts: series.untold_name.take().map(|name| {
            let facts = TopicFacts {
                name: Some(name),
                ..TopicFacts::default()
            };
            [(series.topic.clone(), facts)].into()
        }),
        ..NewUpdate::live(series.topic.clone(), value)
    });
}

/// Words for "no value now" in a series of numbers.
fn says_absent(text: &str) -> bool {
    const WORDS: [&str; 12] = [
        "unavailable",
        "unknown",
        "undef",
        "none",
        "null",
        "n/a",
        "nan",
        "-nan",
        "inf",
        "+inf",
        "-inf",
        "infinity",
    ];
    let text = text.trim_ascii();
    text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}
