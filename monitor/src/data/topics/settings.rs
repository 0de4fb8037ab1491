//! What the user has set for single topics.

use serde::{Deserialize, Serialize};

/// What the user has set for a topic. What is not set is as its source says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TopicSettings {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The unit of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The decimals of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// The colour of its line, as the number of a colour for series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<u8>,
    /// Values below this are too low.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Values above this are too high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The value that its change is measured from, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<f64>,
}

/// The most topics with settings: each is typed by hand.
pub(crate) const SETTINGS_MAX: usize = 10_000;

/// The most decimals that can be set.
pub(crate) const DECIMALS_SET_MAX: u8 = 12;

impl TopicSettings {
    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Without what no value can have: a file that was edited by hand may contain anything.
    pub(crate) fn repaired(mut self) -> Self {
        for limit in [&mut self.low, &mut self.high, &mut self.reference] {
            limit.take_if(|value| !value.is_finite());
        }
        self.decimals
            .take_if(|decimals| *decimals > DECIMALS_SET_MAX);
        self
    }

    /// Whether a value is outside of the limits.
    pub(crate) fn is_outside(&self, value: f64) -> bool {
        self.low.is_some_and(|low| value < low) || self.high.is_some_and(|high| value > high)
    }
}
