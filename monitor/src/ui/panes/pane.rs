//! The kinds of panes.

use serde::{Deserialize, Serialize};

use super::health::HealthPane;
use crate::{files::saved_state::SavedPane, ui::chart::ChartPane};

/// A pane.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "SavedPane", into = "SavedPane")]
pub(super) enum Pane {
    /// A chart.
    Chart(ChartPane),
    /// Latencies, losses and clock of a topic.
    Health(HealthPane),
}

impl From<SavedPane> for Pane {
    fn from(saved: SavedPane) -> Self {
        match saved {
            SavedPane::Chart(chart) => Self::Chart(chart.into()),
            SavedPane::Health {} => Self::Health(HealthPane),
        }
    }
}

impl From<Pane> for SavedPane {
    fn from(pane: Pane) -> Self {
        match pane {
            Pane::Chart(chart) => Self::Chart(chart.into()),
            Pane::Health(HealthPane) => Self::Health {},
        }
    }
}
