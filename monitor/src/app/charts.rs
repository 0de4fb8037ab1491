//! Opening charts.

use tickcast_protocol::topic::Topic;

use super::monitor::Monitor;
use crate::{files::saved_state::PANES_MAX, ui::command::Placement};

impl Monitor {
    /// Opens a chart and selects its topic.
    pub(super) fn chart(&mut self, topic: Topic, placement: Placement) {
        self.panels.wants_first_chart = false;
        if !self.panels.workspace.open(topic.clone(), placement) {
            self.notify(format!(
                "Cannot open another pane (limit {PANES_MAX}): close one first."
            ));
        }
        self.screen.selected = Some(topic);
        self.sync_subscriptions();
    }
}
