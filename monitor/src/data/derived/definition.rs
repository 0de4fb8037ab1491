//! What a derived topic is made of.

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::{
    error::DerivedError,
    formula,
    limits::{COUNT_RANGE, WINDOW_RANGE},
};
use crate::data::format;

/// All derived topics are below this level.
pub(super) const LEVEL: &str = "derived/";

/// A topic of the monitor that is computed from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivedTopic {
    /// Its name, without the level that all of them have.
    pub name: String,
    /// How it is computed.
    pub rule: DerivedRule,
}

/// How a topic is computed. Times are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedRule {
    /// The mean of the values of the last `window_ns`.
    Mean { source: Topic, window_ns: i64 },
    /// The mean of the last `count` values.
    MeanOf { source: Topic, count: u32 },
    /// The change per second, over at most the last `window_ns`.
    Rate { source: Topic, window_ns: i64 },
    /// The price of the last `window_ns`, weighted by size.
    Vwap { source: Topic, window_ns: i64 },
    /// `a` minus `b`.
    Spread { a: Topic, b: Topic },
    /// `a` divided by `b`.
    Ratio { a: Topic, b: Topic },
    /// A formula, with topics in braces.
    Formula { text: String },
}

impl DerivedTopic {
    /// Its name as a topic.
    pub(crate) fn topic(&self) -> Result<Topic, DerivedError> {
        let name = self.name.trim();
        if name.is_empty() {
            return Err(DerivedError::NoName);
        }
        Topic::new(&format!("{LEVEL}{name}")).map_err(|why| DerivedError::Name {
            name: name.to_owned(),
            why,
        })
    }
}

impl DerivedRule {
    /// What it is made of, each topic once.
    pub(crate) fn sources(&self) -> Result<Vec<Topic>, DerivedError> {
        match self {
            Self::Mean { source, window_ns }
            | Self::Rate { source, window_ns }
            | Self::Vwap { source, window_ns } => {
                if !WINDOW_RANGE.contains(window_ns) {
                    return Err(DerivedError::Window);
                }
                Ok(vec![source.clone()])
            }
            Self::MeanOf { source, count } => {
                if !COUNT_RANGE.contains(count) {
                    return Err(DerivedError::Count);
                }
                Ok(vec![source.clone()])
            }
            Self::Spread { a, b } | Self::Ratio { a, b } if a == b => Ok(vec![a.clone()]),
            Self::Spread { a, b } | Self::Ratio { a, b } => Ok(vec![a.clone(), b.clone()]),
            Self::Formula { text } => formula::topics(text),
        }
    }

    /// What it is, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Mean { source, window_ns } => {
                format!("mean of {source} over {}", format::duration(*window_ns))
            }
            Self::MeanOf { source, count } => format!(
                "mean of the last {} updates of {source}",
                format::count(u64::from(*count))
            ),
            Self::Rate { source, window_ns } => format!(
                "change of {source} per second, over {}",
                format::duration(*window_ns)
            ),
            Self::Vwap { source, window_ns } => {
                format!("VWAP of {source} over {}", format::duration(*window_ns))
            }
            Self::Spread { a, b } => format!("{a} − {b}"),
            Self::Ratio { a, b } => format!("{a} ÷ {b}"),
            Self::Formula { text } => text.clone(),
        }
    }
}
