//! The state saved from one run to the next in one file: servers, preferences, charts, layouts and
//! alerts.
//!
//! Plain data. The panels convert their own state from and to it.

mod common;
mod file;
mod panes;
mod preferences;
mod state;
#[cfg(test)]
mod tests;
mod topic_list;
mod workspace;

pub(crate) use self::{
    common::CommonState,
    file::default_path,
    panes::{SavedDashboard, SavedTile, SavedTrades, TILES_MAX, TileKind},
    preferences::Preferences,
    topic_list::{ListOptions, SavedTopicList, Sort},
    workspace::{PANES_MAX, SavedChart, SavedLog, SavedPane, SavedTree, SavedWorkspace},
};
pub use self::{
    file::write,
    preferences::{ThemeChoice, ZoneChoice},
    state::SavedState,
};
