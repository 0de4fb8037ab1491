//! The kinds of panes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::{
    dashboard::DashboardPane, health::HealthPane, inspector::InspectorPane, log::LogPane,
    trades::TradesPane,
};
use crate::{
    files::saved_state::{SavedDashboard, SavedLog, SavedPane, SavedTrades},
    ui::chart::ChartPane,
};

/// A pane.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "SavedPane", into = "SavedPane")]
pub(super) enum Pane {
    /// A chart.
    Chart(Box<ChartPane>),
    /// Latencies, losses and clock of a topic.
    Health(HealthPane),
    /// The payloads of the selected topic.
    Inspector(Box<InspectorPane>),
    /// The messages of text topics.
    Log(Box<LogPane>),
    /// Topics at a glance.
    Dashboard(DashboardPane),
    /// The trades of a topic.
    Trades(TradesPane),
}

impl Pane {
    /// A chart of one topic.
    pub(super) fn chart(topic: Topic) -> Self {
        Self::Chart(Box::new(ChartPane::new(topic)))
    }

    /// What a tab or a window with it is called.
    pub(super) fn title(&self) -> &str {
        match self {
            Self::Chart(chart) => chart.topics.first().map_or("", Topic::as_str),
            Self::Health(_) => "Health",
            Self::Inspector(_) => "Inspector",
            Self::Log(_) => "Log",
            Self::Dashboard(_) => "Dashboard",
            Self::Trades(_) => "Time and sales",
        }
    }

    /// The topics whose messages it shows.
    pub(super) fn inspected(&self, selected: Option<&Topic>) -> HashSet<Topic> {
        match self {
            Self::Chart(_) | Self::Health(_) | Self::Dashboard(_) | Self::Trades(_) => {
                HashSet::new()
            }
            Self::Inspector(_) => selected.cloned().into_iter().collect(),
            Self::Log(log) => log.topics.iter().cloned().collect(),
        }
    }
}

impl From<SavedPane> for Pane {
    fn from(saved: SavedPane) -> Self {
        match saved {
            SavedPane::Chart(chart) => Self::Chart(Box::new(chart.into())),
            SavedPane::Health {} => Self::Health(HealthPane),
            SavedPane::Inspector {} => Self::Inspector(Box::default()),
            SavedPane::Dashboard(saved) => Self::Dashboard(DashboardPane::new(saved)),
            SavedPane::Trades(saved) => Self::Trades(TradesPane::new(saved.topic)),
            SavedPane::Log(log) => Self::Log(Box::new(LogPane::new(log.topics))),
        }
    }
}

impl From<Pane> for SavedPane {
    fn from(pane: Pane) -> Self {
        match pane {
            Pane::Chart(chart) => Self::Chart((*chart).into()),
            Pane::Health(HealthPane) => Self::Health {},
            Pane::Inspector(_) => Self::Inspector {},
            Pane::Dashboard(pane) => Self::Dashboard(SavedDashboard { tiles: pane.tiles }),
            Pane::Trades(pane) => Self::Trades(SavedTrades { topic: pane.topic }),
            Pane::Log(log) => Self::Log(SavedLog { topics: log.topics }),
        }
    }
}
