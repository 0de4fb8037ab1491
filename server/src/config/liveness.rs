//! The rules for the status of topics: `[[liveness]]` in the file and `--liveness`, and `[[wills]]`.

use std::{ops::RangeInclusive, time::Duration};

use tickcast_core::sequencer::liveness::{Expected, STALE_AFTER_INTERVALS, SilenceRule, WillRule};
use tickcast_protocol::topic::Filter;

use super::{
    rules::{Draft, setting},
    section::{Section, Setting},
    values::{duration, duration_text, parsed, put, text},
};

/// Shorter intervals are noise of networks and schedulers.
const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(365 * 24 * 3600);

const LEARNED: &str = "learned";

#[derive(Debug, Clone, Default)]
pub(super) struct SilenceDraft {
    filter: Option<Filter>,
    expect_every: Option<Expected>,
    dead_after: Option<Duration>,
}

fn expected(text: &str) -> Result<Expected, String> {
    match text {
        LEARNED => Ok(Expected::Learned),
        text => duration(text, INTERVALS)
            .map(Expected::Every)
            .map_err(|problem| format!("it is not \"{LEARNED}\", and {problem}")),
    }
}

fn expected_text(expected: Expected) -> String {
    match expected {
        Expected::Learned => LEARNED.into(),
        Expected::Every(interval) => duration_text(interval),
    }
}

impl Section for SilenceDraft {
    const PREFIX: &'static str = "liveness";
    const TITLE: &'static str = "Liveness";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        setting(
            "filter",
            |s, v| put(&mut s.filter, parsed(&v[0]).map(Some)),
            |s| s.filter.as_ref().and_then(text),
        ),
        setting(
            "expect_every",
            |s, v| put(&mut s.expect_every, expected(&v[0]).map(Some)),
            |s| text(expected_text(s.expect_every?)),
        ),
        setting(
            "dead_after",
            |s, v| put(&mut s.dead_after, duration(&v[0], INTERVALS).map(Some)),
            |s| text(duration_text(s.dead_after?)),
        ),
    ];
}

impl Draft for SilenceDraft {
    const FIRST: [&'static str; 2] = ["filter", "expect_every"];
    const WHAT: &'static str = "a rule for silence";

    type Rule = SilenceRule;

    fn build(self) -> Result<SilenceRule, String> {
        let rule = SilenceRule {
            filter: self.filter.ok_or("a rule needs a filter")?,
            expect_every: self.expect_every.ok_or("a rule needs expect_every")?,
            dead_after: self.dead_after,
        };
        if let (Expected::Every(interval), Some(dead_after)) = (rule.expect_every, rule.dead_after)
            && dead_after <= interval.saturating_mul(STALE_AFTER_INTERVALS)
        {
            return Err(format!(
                "dead_after must be longer than {STALE_AFTER_INTERVALS} times expect_every, when topics are stale"
            ));
        }
        Ok(rule)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct WillDraft {
    topic: Option<Filter>,
    dead_if: Option<String>,
    topics: Option<Filter>,
}

impl Section for WillDraft {
    const PREFIX: &'static str = "wills";
    const TITLE: &'static str = "Wills";

    fn defaults() -> Self {
        Self::default()
    }

    const SETTINGS: &'static [Setting<Self>] = &[
        setting(
            "topic",
            |s, v| put(&mut s.topic, parsed(&v[0]).map(Some)),
            |s| s.topic.as_ref().and_then(text),
        ),
        setting(
            "dead_if",
            |s, v| put(&mut s.dead_if, Ok(Some(v[0].clone()))),
            |s| s.dead_if.as_ref().and_then(text),
        ),
        setting(
            "topics",
            |s, v| put(&mut s.topics, parsed(&v[0]).map(Some)),
            |s| s.topics.as_ref().and_then(text),
        ),
    ];
}

impl Draft for WillDraft {
    const FIRST: [&'static str; 2] = ["topic", "dead_if"];
    const WHAT: &'static str = "a rule for wills";

    type Rule = WillRule;

    fn build(self) -> Result<WillRule, String> {
        let rule = WillRule {
            topic: self.topic.ok_or("a rule needs a topic")?,
            dead_if: self.dead_if.ok_or("a rule needs dead_if")?,
            topics: self.topics.ok_or("a rule needs topics")?,
        };
        rule.check()?;
        Ok(rule)
    }
}
