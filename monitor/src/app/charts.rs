//! Opening charts.

use tickcast_protocol::topic::Topic;

use super::monitor::Monitor;
use crate::{files::saved_state::PANES_MAX, ui::command::Placement};

impl Monitor {
    /// Opens a chart and selects its topic.
    pub(super) fn chart(&mut self, topic: Topic, placement: Placement) {
        self.panels.wants_first_chart = false;
        let has_room = self.panels.workspace.open(topic.clone(), placement);
        self.check_room(has_room);
        self.screen.selected = Some(topic);
        self.sync_subscriptions();
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
