//! What a rule finds when it looks at its topic, and how it says so.

use std::hash::{DefaultHasher, Hash, Hasher};

use tickcast_protocol::{
    message::{Status, TimeNs},
    value::Value,
};

use super::{
    rule::{AlertCondition, AlertRule},
    trigger::Finding,
};
use crate::data::{
    format,
    history::LANE_MAIN,
    time::SECOND,
    topics::{Latest, MonitoredTopic},
};

/// The most characters of a text that an event shows.
const TEXT_SHOWN_CHARS: usize = 48;

/// What a rule has seen of its topic so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    gaps: Option<u64>,
    status: Option<Status>,
    /// Whether the topic had a value.
    has_seen: bool,
    /// The last value, where changes are waited for.
    value: Option<SeenValue>,
    /// The last change, from what to what.
    change: Option<(String, String)>,
}

/// A value that was seen. Texts can be long, so their hashes are compared.
#[derive(Debug, Clone)]
struct SeenValue {
    hash: u64,
    shown: String,
}

impl SeenValue {
    /// The newest value of a topic.
    fn of(topic: &MonitoredTopic) -> Option<Self> {
        let latest = topic.latest.as_ref()?;
        let mut hasher = DefaultHasher::new();
        match latest {
            Latest::Value(Value::Text(text) | Value::Absent(text)) => text.hash(&mut hasher),
            Latest::Value(Value::Bytes(bytes)) => bytes.hash(&mut hasher),
            // Beyond what is kept nothing can be compared.
            Latest::CutText { head, len } => (head, len).hash(&mut hasher),
            Latest::Bytes(len) => len.hash(&mut hasher),
            Latest::Value(value) => match (value, topic.number) {
                // Another size of a trade is no other value.
                (Value::Reading(_) | Value::Trade(_), Some(number)) => {
                    number.to_bits().hash(&mut hasher);
                }
                _ => format::latest(topic, true).hash(&mut hasher),
            },
        }
        Some(Self {
            hash: hasher.finish(),
            shown: format::latest(topic, true),
        })
    }
}

impl Observed {
    /// Looks at a topic. `has_update` is whether it was updated since the last look.
    pub(super) fn look(
        &mut self,
        rule: &AlertRule,
        topic: &MonitoredTopic,
        has_update: bool,
        now_ns: TimeNs,
    ) -> Finding {
        let holds = |holds| {
            if holds {
                Finding::Holds
            } else {
                Finding::Ceased
            }
        };
        let happened = |happened| match happened {
            true => Finding::Happened,
            false => Finding::Unknown,
        };
        let had_seen = self.has_seen;
        self.has_seen |= topic.latest.is_some();
        match &rule.condition {
            AlertCondition::Above(value) => topic.number.map_or(Finding::Unknown, |number| {
                beyond(number - value, rule.margin)
            }),
            AlertCondition::Below(value) => topic.number.map_or(Finding::Unknown, |number| {
                beyond(value - number, rule.margin)
            }),
            AlertCondition::Moves { percent, within_s } => {
                let moved = moved(topic, *within_s, now_ns);
                match moved >= *percent {
                    true => Finding::Holds,
                    false => beyond(moved - percent, rule.margin),
                }
            }
            AlertCondition::Stale => holds(topic.effective_status() != Status::Live),
            AlertCondition::Dead => holds(topic.effective_status() == Status::Dead),
            AlertCondition::StatusChanges => {
                let status = topic.effective_status();
                let before = self.status.replace(status).unwrap_or(status);
                if before != status {
                    self.change = Some((before.as_str().to_owned(), status.as_str().to_owned()));
                }
                happened(before != status)
            }
            AlertCondition::Gap => {
                let gaps = topic.missing.gaps;
                let before = self.gaps.replace(gaps).unwrap_or(gaps);
                happened(gaps > before)
            }
            // The value is the one that was looked at.
            _ if !has_update && had_seen => Finding::Unknown,
            AlertCondition::Equals(wanted) => {
                topic.latest.as_ref().map_or(Finding::Unknown, |latest| {
                    holds(equals(latest, topic.number, wanted))
                })
            }
            AlertCondition::Contains(part) => {
                topic.latest.as_ref().map_or(Finding::Unknown, |latest| {
                    holds(found(text(latest), part).is_some())
                })
            }
            AlertCondition::Changes => {
                // A topic without a value has not changed.
                let Some(now) = SeenValue::of(topic) else {
                    return Finding::Unknown;
                };
                let before = self.value.take();
                let before = before.filter(|before| before.hash != now.hash);
                let finding = happened(before.is_some());
                if let Some(before) = before {
                    self.change = Some((before.shown, now.shown.clone()));
                }
                self.value = Some(now);
                finding
            }
        }
    }

    /// What happened, in words. It happened this often.
    pub(super) fn describe(&self, rule: &AlertRule, topic: &MonitoredTopic, times: u64) -> String {
        let mut words = rule.condition.words(topic.decimals);
        match (&rule.condition, topic.number) {
            (AlertCondition::Above(_) | AlertCondition::Below(_), Some(number)) => {
                let number = format::value(number, topic.decimals);
                if let Some(unit) = &topic.unit {
                    words = format!("{words} {unit}");
                }
                words = format!("{words} ({number})");
            }
            (AlertCondition::Contains(part), _) => {
                let text = topic.latest.as_ref().map_or("", text);
                let from = found(text, part).map_or("", |at| &text[at..]);
                words = format!("{words} ({})", format::cut(from, TEXT_SHOWN_CHARS));
            }
            _ => {}
        }
        if let Some((from, to)) = &self.change {
            words = format!("{words} ({from} → {to})");
        }
        match times {
            0 | 1 => words,
            times => format!("{words}, {} times", format::count(times)),
        }
    }
}

/// What a value means that is this far beyond a threshold.
fn beyond(distance: f64, margin: f64) -> Finding {
    if distance > 0.0 {
        Finding::Holds
    } else if distance > -margin {
        Finding::Near
    } else {
        Finding::Ceased
    }
}

/// The text of a value, or of what is kept of it.
fn text(latest: &Latest) -> &str {
    match latest {
        Latest::Value(Value::Text(text) | Value::Absent(text)) => text,
        Latest::CutText { head, .. } => head,
        Latest::Value(_) | Latest::Bytes(_) => "",
    }
}

fn equals(latest: &Latest, number: Option<f64>, wanted: &str) -> bool {
    match (number, format::parse_number(wanted)) {
        (Some(number), wanted) => wanted == Some(number),
        (None, Some(wanted)) => format::parse_number(text(latest)) == Some(wanted),
        (None, None) => text(latest).trim().eq_ignore_ascii_case(wanted),
    }
}

/// Where a part begins in a text.
fn found(text: &str, part: &str) -> Option<usize> {
    let (bytes, part) = (text.as_bytes(), part.as_bytes());
    let places = bytes.windows(part.len().max(1));
    let mut places = places.enumerate();
    let found = places.find(|(_, window)| window.eq_ignore_ascii_case(part));
    found.map(|(at, _)| at)
}

/// The move of a topic within the last seconds, in percent.
fn moved(topic: &MonitoredTopic, within_s: u32, now_ns: TimeNs) -> f64 {
    let Some(series) = &topic.series else {
        return 0.0;
    };
    let from = series.index_at(now_ns - i64::from(within_s) * SECOND);
    let Some(all) = series.summary(LANE_MAIN, from, series.end()) else {
        return 0.0;
    };
    let percent = |from: f64| ((all.last - from) / from * 100.0).abs();
    let moved = percent(all.min).max(percent(all.max));
    if moved.is_finite() { moved } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Latest, number: Option<f64>, wanted: &str, expected: bool) {
        let text = format!("{value:?} equals {wanted:?}");
        assert_eq!(equals(value, number, wanted), expected, "{text}");
    }

    #[test]
    fn numbers_equal_numbers_and_words_equal_words_without_capitals() {
        let word = |text: &str| Latest::Value(Value::Text(text.to_owned()));
        check(&word("ON"), None, "on", true);
        check(&word(" on\n"), None, "on", true);
        check(&word("one"), None, "on", false);
        check(&word("4.0"), None, "4", true);
        check(&word(""), None, "on", false);
        let reading = |number| Latest::Value(Value::Reading(number));
        check(&reading(4.0), Some(4.0), "4", true);
        check(&reading(4.5), Some(4.5), "4", false);
        check(&reading(1.0), Some(1.0), "true", false);
        check(&Latest::Bytes(3), None, "on", false);
    }

    #[test]
    fn a_part_is_found_where_it_begins() {
        assert_eq!(found("Größe: ERROR 7", "error"), Some(9));
        assert_eq!(found("Größe", "ö"), Some(2));
        assert_eq!(found("fine", "error"), None);
        assert_eq!(found("", "error"), None);
    }

    #[test]
    fn the_margin_lies_on_the_side_of_the_return() {
        let findings = [0.1, 0.0, -0.9, -1.0].map(|distance| beyond(distance, 1.0));
        use Finding::{Ceased, Holds, Near};
        assert_eq!(findings, [Holds, Near, Near, Ceased]);
        assert_eq!(beyond(0.0, 0.0), Ceased);
    }
}
