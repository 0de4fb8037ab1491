//! How the series of a chart are shown: their axis, whether they are hidden, and what is measured.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::{basis::ValueBasis, cursors::Cursors};

/// The value axis of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AxisSide {
    /// The main axis.
    #[default]
    Right,
    /// The second one.
    Left,
}

/// How the series of a chart are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SeriesOptions {
    /// The topics on the second axis.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) second_axis: BTreeSet<Topic>,
    /// The topics whose lines are hidden.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) hidden: BTreeSet<Topic>,
    /// What values are shown as.
    #[serde(skip_serializing_if = "is_plain")]
    pub(crate) basis: ValueBasis,
    /// The two cursors, if they are placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursors: Option<Cursors>,
}

fn is_plain(basis: &ValueBasis) -> bool {
    *basis == ValueBasis::Plain
}

impl SeriesOptions {
    /// The axis of a topic.
    pub(crate) fn side(&self, topic: &Topic) -> AxisSide {
        if self.second_axis.contains(topic) {
            AxisSide::Left
        } else {
            AxisSide::Right
        }
    }

    /// Whether a topic is hidden.
    pub(crate) fn is_hidden(&self, topic: &Topic) -> bool {
        self.hidden.contains(topic)
    }

    /// Hides a topic, or shows it again.
    pub(crate) fn toggle_hidden(&mut self, topic: &Topic) {
        if !self.hidden.remove(topic) {
            self.hidden.insert(topic.clone());
        }
    }

    /// Moves a topic to the other axis.
    pub(crate) fn toggle_side(&mut self, topic: &Topic) {
        if !self.second_axis.remove(topic) {
            self.second_axis.insert(topic.clone());
        }
    }

    /// Forgets all topics that are not charted any more.
    pub(crate) fn keep_only(&mut self, topics: &[Topic]) {
        self.second_axis.retain(|topic| topics.contains(topic));
        self.hidden.retain(|topic| topics.contains(topic));
    }
}
