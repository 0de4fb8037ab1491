//! Opening charts.

use tickcast_protocol::topic::Topic;

use super::monitor::Monitor;
use crate::{
    files::saved_state::{PANES_MAX, TILES_MAX},
    ui::{
        chart::SERIES_MAX,
        command::{Placement, SeriesAction},
        panes::NoRoom,
    },
};

impl Monitor {
    /// Opens a chart and selects its topic.
    pub(super) fn chart(&mut self, topic: Topic, placement: Placement) {
        self.panels.wants_first_chart = false;
        match self.panels.workspace.open(topic.clone(), placement) {
            None => {}
            Some(NoRoom::Pane) => self.check_room(false),
            Some(NoRoom::Series) => self.notify(format!(
                "Cannot add {topic} to the chart (limit {SERIES_MAX} series): remove one first."
            )),
        }
        self.screen.selected = Some(topic);
        self.sync_subscriptions();
    }

    /// Changes a series of the active chart, by default that of the selected topic.
    pub(super) fn change_series(&mut self, topic: Option<Topic>, action: SeriesAction) {
        match topic.or_else(|| self.screen.selected.clone()) {
            Some(topic) => self.panels.workspace.change_series(&topic, action),
            None => self.notify("Select a topic of the chart first.".to_owned()),
        }
    }

    /// Adds the selected topic to the dashboard.
    pub(super) fn add_tile(&mut self) {
        let Some(topic) = self.screen.selected.clone() else {
            self.notify("Select a topic for the dashboard first.".to_owned());
            return;
        };
        let playing = self.recordings.playing.as_ref();
        let data = playing.map_or(&self.server, |playing| &playing.data);
        let known = data.store.topic_named(topic.as_str());
        match self.panels.workspace.add_tile(topic, known) {
            None => {}
            Some(NoRoom::Pane) => self.check_room(false),
            Some(NoRoom::Series) => self.notify(format!(
                "Cannot add another tile (limit {TILES_MAX}): remove one first."
            )),
        }
    }

    /// Shows the trades of the selected topic in a pane.
    pub(super) fn open_trades(&mut self) {
        match self.screen.selected.clone() {
            Some(topic) => {
                let has_room = self.panels.workspace.open_trades(topic);
                self.check_room(has_room);
            }
            None => self.notify("Select a topic with trades first.".to_owned()),
        }
    }

    /// Says so if there is no room for another pane.
    pub(super) fn check_room(&mut self, has_room: bool) {
        if !has_room {
            self.notify(format!(
                "Cannot open another pane (limit {PANES_MAX}): close one first."
            ));
        }
    }
}
