//! Rules, and the events of rules that fired.

use serde::{Deserialize, Serialize};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::data::{format, time::SECOND};

/// Number of a rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct AlertRuleId(u64);

/// What a rule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertCondition {
    /// The value is above this.
    Above(f64),
    /// The value is below this.
    Below(f64),
    /// The value has moved by a percentage within a time.
    Moves {
        /// The move up or down, in percent.
        percent: f64,
        /// The time, in seconds.
        within_s: u32,
    },
    /// The topic is stale or dead.
    Stale,
    /// The topic is dead: its source is gone.
    Dead,
    /// Updates were lost.
    Gap,
}

impl AlertCondition {
    /// The condition in words. `decimals` are those of the topic's values.
    pub(crate) fn words(&self, decimals: u8) -> String {
        match *self {
            Self::Above(value) => format!("above {}", format::value(value, decimals)),
            Self::Below(value) => format!("below {}", format::value(value, decimals)),
            Self::Moves { percent, within_s } => {
                let within = format::age(i64::from(within_s) * SECOND);
                format!("moves {percent} % within {within}")
            }
            Self::Stale => "stale".to_owned(),
            Self::Dead => "dead".to_owned(),
            Self::Gap => "updates lost".to_owned(),
        }
    }

    /// The value at which the condition begins to hold.
    pub(crate) fn threshold(&self) -> Option<f64> {
        match *self {
            Self::Above(value) | Self::Below(value) => Some(value),
            Self::Moves { .. } | Self::Stale | Self::Dead | Self::Gap => None,
        }
    }
}

/// A rule for one topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRule {
    /// Its number.
    pub id: AlertRuleId,
    /// The topic.
    pub topic: Topic,
    /// The condition.
    pub condition: AlertCondition,
    /// Whether the rule is enabled.
    pub is_on: bool,
    /// Whether a sound is played.
    #[serde(default)]
    pub sound: bool,
    /// A program to run, with its arguments; empty for none.
    #[serde(default)]
    pub command: String,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// The rule.
    pub rule: AlertRuleId,
    /// The topic.
    pub topic: Topic,
    /// The time of the event.
    pub time_ns: TimeNs,
    /// The value at that time.
    pub value: Option<f64>,
    /// What happened, in words.
    pub text: String,
}

impl AlertRuleId {
    /// The number after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
