//! All that is saved.

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{
    common::{CommonState, SERVERS_MAX},
    preferences::Preferences,
    topic_list::SavedTopicList,
    workspace::SavedWorkspace,
};
use crate::data::{
    alerts::AlertRule,
    derived::DerivedTopic,
    topics::{SETTINGS_MAX, TopicSettings},
};

/// All that is saved.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedState {
    /// The server's address.
    pub url: Option<String>,
    /// Servers that were connected to before, latest first.
    pub servers: Vec<String>,
    /// Size of the window in points.
    pub window: Option<(f32, f32)>,
    /// Width of the list in points.
    pub list_width: Option<f32>,
    /// What the user has chosen.
    pub preferences: Preferences,
    /// Filter, order and folded groups of the list.
    pub watch_list: SavedTopicList,
    /// The charts.
    pub workspace: SavedWorkspace,
    /// Saved layouts by name.
    pub layouts: BTreeMap<String, SavedWorkspace>,
    /// The layout that was loaded or saved last.
    pub layout: Option<String>,
    /// The rules of alerts.
    pub alerts: Vec<AlertRule>,
    /// Until when all alerts are muted, by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts_muted_until_ns: Option<TimeNs>,
    /// What the user has set for single topics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<Topic, TopicSettings>,
    /// The topics that are computed from others, in the order in which they were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<DerivedTopic>,
    /// The other servers, each with its own state. Only the common state above counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<SavedState>,
}

/// The range of sizes of a window or a list, in points.
const LEAST_POINTS: f32 = 100.0;
const MOST_POINTS: f32 = 20_000.0;

/// The range of the zoom: with less nothing can be read, with more nothing fits the window.
const ZOOM_RANGE: std::ops::RangeInclusive<f32> = 0.5..=4.0;

/// The least memory limit: less does not hold a chart.
const MEMORY_MIN_BYTES: usize = 16 * 1024 * 1024;

impl SavedState {
    /// The state that all servers share.
    pub(crate) fn common(&self) -> CommonState {
        CommonState {
            servers: self.servers.clone(),
            window: self.window,
            list_width: self.list_width,
            preferences: self.preferences.clone(),
        }
    }

    /// Replaces the state that all servers share.
    pub(crate) fn set_common(&mut self, common: CommonState) {
        let CommonState {
            servers,
            window,
            list_width,
            preferences,
        } = common;
        self.servers = servers;
        self.window = window;
        self.list_width = list_width;
        self.preferences = preferences;
    }

    /// Replaces values that no window, chart or memory can have, because a file that was edited by
    /// hand may contain anything.
    pub(super) fn repaired(mut self) -> Self {
        let is_size = |size: f32| (LEAST_POINTS..=MOST_POINTS).contains(&size);
        self.window
            .take_if(|(width, height)| !is_size(*width) || !is_size(*height));
        self.list_width.take_if(|width| !is_size(*width));
        self.servers.truncate(SERVERS_MAX);
        let preferences = &mut self.preferences;
        if !ZOOM_RANGE.contains(&preferences.zoom) {
            preferences.zoom = 1.0;
        }
        preferences.memory_limit = preferences.memory_limit.max(MEMORY_MIN_BYTES);
        for workspace in self.layouts.values_mut().chain([&mut self.workspace]) {
            if !workspace.is_sound() {
                *workspace = SavedWorkspace::default();
            }
        }
        for rule in &mut self.alerts {
            if !rule.margin.is_finite() || rule.margin < 0.0 {
                rule.margin = 0.0;
            }
        }
        let topics = std::mem::take(&mut self.topics).into_iter();
        let topics = topics.map(|(topic, settings)| (topic, settings.repaired()));
        self.topics = topics.take(SETTINGS_MAX).collect();
        self.others = self.others.into_iter().map(Self::repaired).collect();
        self
    }

    /// The content of a settings file.
    pub fn to_text(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }
}
