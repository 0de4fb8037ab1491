//! The keys of `[[liveness]]`, `--liveness` and `[[wills]]`.

use std::{ops::RangeInclusive, time::Duration};

use clap::Args;
use tickcast_core::sequencer::liveness::{Expected, STALE_AFTER_INTERVALS, SilenceRule, WillRule};
use tickcast_protocol::topic::Filter;

use super::values::{filter, time};

/// Shorter intervals are noise of networks and schedulers.
const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(365 * 24 * 3600);

#[derive(Debug, Clone, Args)]
pub(crate) struct SilenceKeys {
    /// Which topics.
    #[arg(value_parser = filter)]
    filter: Filter,
    /// How often updates are expected: a time, or learned. Without an update for three times as
    /// long a topic is stale.
    #[arg(value_parser = expected)]
    expect_every: Expected,
    /// Without an update for this long a topic is dead; longer than three times expect_every.
    #[arg(value_parser = time(INTERVALS))]
    dead_after: Option<Duration>,
}

fn expected(text: &str) -> Result<Expected, String> {
    if text == "learned" {
        return Ok(Expected::Learned);
    }
    let interval = time(INTERVALS)(text)
        .map_err(|problem| problem.replace("expected", "expected learned, or"))?;
    Ok(Expected::Every(interval))
}

impl TryFrom<SilenceKeys> for SilenceRule {
    type Error = String;

    fn try_from(keys: SilenceKeys) -> Result<Self, String> {
        if let (Expected::Every(interval), Some(dead_after)) = (keys.expect_every, keys.dead_after)
            && dead_after <= interval.saturating_mul(STALE_AFTER_INTERVALS)
        {
            return Err(format!(
                "dead_after must be longer than {STALE_AFTER_INTERVALS} times expect_every, when \
                 topics become stale"
            ));
        }
        Ok(Self {
            filter: keys.filter,
            expect_every: keys.expect_every,
            dead_after: keys.dead_after,
        })
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct WillKeys {
    /// Where wills are published, as a filter without #.
    #[arg(value_parser = filter)]
    topic: Filter,
    /// The value that means the end.
    dead_if: String,
    /// Which topics are dead then; its nth + stands for the same level as the nth + of topic.
    #[arg(value_parser = filter)]
    topics: Filter,
}

impl TryFrom<WillKeys> for WillRule {
    type Error = String;

    fn try_from(keys: WillKeys) -> Result<Self, String> {
        let rule = Self {
            topic: keys.topic,
            dead_if: keys.dead_if,
            topics: keys.topics,
        };
        rule.check()?;
        Ok(rule)
    }
}
