//! The saved forms of panes that are no charts.

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

/// The most tiles of a dashboard: more cannot be taken in at a glance.
pub(crate) const TILES_MAX: usize = 48;

/// The saved form of a dashboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedDashboard {
    /// Its tiles, in their order.
    pub(crate) tiles: Vec<SavedTile>,
}

/// One topic on a dashboard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTile {
    /// The topic.
    pub(crate) topic: Topic,
    /// What it is shown as.
    pub(crate) kind: TileKind,
}

/// What a topic is shown as on a dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TileKind {
    /// A big number.
    Number,
    /// A gauge between the limits of the topic.
    Gauge,
    /// A line of the last minutes.
    Sparkline,
    /// A word.
    State,
}

impl TileKind {
    /// All of them, each with its name.
    pub(crate) const ALL: [(&str, Self); 4] = [
        ("Number", Self::Number),
        ("Gauge", Self::Gauge),
        ("Sparkline", Self::Sparkline),
        ("State", Self::State),
    ];

    /// The next one.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Number => Self::Gauge,
            Self::Gauge => Self::Sparkline,
            Self::Sparkline => Self::State,
            Self::State => Self::Number,
        }
    }
}

/// The saved form of a list of trades.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedTrades {
    /// The topic.
    pub(crate) topic: Topic,
}
