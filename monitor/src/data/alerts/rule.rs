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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The value is this word or number: `on`, `false`, `4`. Capitals of ASCII do not matter.
    Equals(String),
    /// The text contains this. Capitals of ASCII do not matter.
    Contains(String),
    /// The value is another one than before.
    Changes,
    /// The topic is stale or dead.
    Stale,
    /// The topic is dead: its source is gone.
    Dead,
    /// The status is another one than before.
    StatusChanges,
    /// Updates were lost.
    Gap,
}

impl AlertCondition {
    /// The condition in words. `decimals` are those of the topic's values.
    pub(crate) fn words(&self, decimals: u8) -> String {
        match self {
            Self::Above(value) => format!("above {}", format::value(*value, decimals)),
            Self::Below(value) => format!("below {}", format::value(*value, decimals)),
            Self::Moves { percent, within_s } => {
                let within = format::age(i64::from(*within_s) * SECOND);
                format!("moves {percent} % within {within}")
            }
            Self::Equals(word) => format!("equals {word}"),
            Self::Contains(part) => format!("contains {part}"),
            Self::Changes => "changes".to_owned(),
            Self::Stale => "stale".to_owned(),
            Self::Dead => "dead".to_owned(),
            Self::StatusChanges => "changes status".to_owned(),
            Self::Gap => "updates lost".to_owned(),
        }
    }

    /// The value at which the condition begins to hold.
    pub(crate) fn threshold(&self) -> Option<f64> {
        match *self {
            Self::Above(value) | Self::Below(value) => Some(value),
            _ => None,
        }
    }

    /// Whether a value has to come back by a margin before the condition has ceased to hold.
    pub(crate) fn has_margin(&self) -> bool {
        matches!(self, Self::Above(_) | Self::Below(_) | Self::Moves { .. })
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
    /// How far a value must come back from the threshold before the rule can fire again: in the
    /// unit of the value, for a move in percent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub margin: f64,
    /// Whether the rule is enabled.
    pub is_on: bool,
    /// Until when what fires is only listed, by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until_ns: Option<TimeNs>,
    /// Whether a sound is played.
    #[serde(default)]
    pub sound: bool,
    /// A program to run, with its arguments; empty for none.
    #[serde(default)]
    pub command: String,
}

impl AlertRule {
    /// A rule that is enabled, without sound and program.
    pub(super) fn new(id: AlertRuleId, topic: Topic, condition: AlertCondition) -> Self {
        Self {
            id,
            topic,
            condition,
            margin: 0.0,
            is_on: true,
            muted_until_ns: None,
            sound: false,
            command: String::new(),
        }
    }
}

fn is_zero(margin: &f64) -> bool {
    *margin == 0.0
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
    /// The number that the value was drawn as at that time.
    pub number: Option<f64>,
    /// The value at that time, as lists show it.
    pub value: String,
    /// What happened, in words.
    pub text: String,
    /// Whether the rule was muted: the event is only listed.
    pub is_muted: bool,
    /// Whether the user has acknowledged it.
    pub(super) is_seen: bool,
}

impl AlertRuleId {
    /// The number after this one.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
