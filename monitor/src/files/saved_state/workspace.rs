//! The saved form of the charts: the panes and their layout.
//!
//! The layout is a tree of tiles in the form in which the library of the panes saves its own tree.
//! Each can be read as the other.

use std::{
    collections::{BTreeMap, HashSet},
    num::NonZeroU64,
};

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::Topic;

use super::panes::{SavedDashboard, SavedTrades};
use crate::data::{
    chart::{ChartStyle, SPAN_DEFAULT_NS, ScaleMode, SeriesOptions},
    derived::DerivedTopic,
    pane_windows::PaneWindow,
};

/// The most panes: each wants every update of its topics, and more do not fit on a screen.
pub(crate) const PANES_MAX: usize = 24;

/// The most panes and containers of a layout that is read from a file.
const TREE_MAX: usize = 4 * PANES_MAX;

/// All panes and how they are laid out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedWorkspace {
    /// The panes and their places.
    pub tree: SavedTree,
    /// The tile with the pane that was touched last.
    pub active: Option<u64>,
    /// Whether all charts show the time of the active one.
    #[serde(default)]
    pub is_linked: bool,
    /// The derived topics that it shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<DerivedTopic>,
    /// The panes in windows of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) windows: Vec<PaneWindow>,
}

/// A tree of tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedTree {
    id: NonZeroU64,
    root: Option<u64>,
    tiles: SavedTiles,
    height: Option<f32>,
    width: Option<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedTiles {
    next_tile_id: u64,
    tiles: BTreeMap<u64, SavedTile>,
    invisible: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum SavedTile {
    Pane(SavedPane),
    Container(SavedContainer),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum SavedContainer {
    Tabs {
        children: Vec<u64>,
        active: Option<u64>,
    },
    Linear {
        children: Vec<u64>,
        dir: SavedDirection,
        shares: SavedShares,
    },
    Grid {
        children: Vec<Option<u64>>,
        layout: SavedGridLayout,
        col_shares: Vec<f32>,
        row_shares: Vec<f32>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SavedDirection {
    Horizontal,
    Vertical,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedShares {
    shares: BTreeMap<u64, f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SavedGridLayout {
    Auto,
    Columns(usize),
}

/// The saved form of a pane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SavedPane {
    /// A chart.
    Chart(SavedChart),
    /// Latencies, losses and clock of a topic.
    Health {},
    /// The payloads of the selected topic.
    Inspector {},
    /// The messages of text topics.
    Log(SavedLog),
    /// Topics at a glance.
    Dashboard(SavedDashboard),
    /// The trades of a topic.
    Trades(SavedTrades),
}

/// The saved form of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedLog {
    /// Its topics.
    pub(crate) topics: Vec<Topic>,
}

/// The saved form of a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedChart {
    /// What it shows; the first gives the pane its name.
    pub(crate) topics: Vec<Topic>,
    /// How values are drawn.
    #[serde(default)]
    pub(crate) style: ChartStyle,
    /// How values are laid out.
    #[serde(default)]
    pub(crate) scale_mode: ScaleMode,
    /// How much time it shows, in nanoseconds.
    #[serde(default = "default_span_ns")]
    pub(crate) span_ns: i64,
    /// How its series are shown, and its cursors.
    #[serde(flatten)]
    pub(crate) options: SeriesOptions,
}

fn default_span_ns() -> i64 {
    SPAN_DEFAULT_NS
}

impl Default for SavedTree {
    /// A tree without tiles.
    fn default() -> Self {
        Self {
            id: NonZeroU64::MIN,
            root: None,
            tiles: SavedTiles {
                next_tile_id: 1,
                tiles: BTreeMap::new(),
                invisible: Vec::new(),
            },
            height: None,
            width: None,
        }
    }
}

impl SavedContainer {
    fn children(&self) -> Vec<u64> {
        match self {
            Self::Tabs { children, .. } | Self::Linear { children, .. } => children.clone(),
            Self::Grid { children, .. } => children.iter().copied().flatten().collect(),
        }
    }
}

impl SavedWorkspace {
    /// Whether there is no pane.
    pub(crate) fn is_empty(&self) -> bool {
        self.tree.root.is_none()
    }

    /// Whether it can be drawn: no tile contains itself, and each chart has a topic. A file may
    /// contain anything; missing tiles do no harm.
    pub(super) fn is_sound(&self) -> bool {
        let tiles = &self.tree.tiles.tiles;
        let mut seen = HashSet::new();
        let mut waiting: Vec<u64> = self.tree.root.into_iter().collect();
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                return false;
            }
            match tiles.get(&id) {
                Some(SavedTile::Container(container)) => waiting.extend(container.children()),
                Some(SavedTile::Pane(_)) | None => {}
            }
        }
        let has_root = self.tree.root.is_none_or(|id| tiles.contains_key(&id));
        let has_topics = |tile: &SavedTile| match tile {
            SavedTile::Pane(SavedPane::Chart(chart)) => !chart.topics.is_empty(),
            SavedTile::Pane(SavedPane::Log(log)) => !log.topics.is_empty(),
            SavedTile::Pane(
                SavedPane::Health {}
                | SavedPane::Inspector {}
                | SavedPane::Dashboard(_)
                | SavedPane::Trades(_),
            )
            | SavedTile::Container(_) => true,
        };
        has_root && seen.len() <= TREE_MAX && tiles.values().all(has_topics)
    }
}
