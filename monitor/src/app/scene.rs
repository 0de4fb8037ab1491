//! What the panels may look at.

use super::monitor::Monitor;
use crate::ui::{scene::Scene, theme::Theme};

impl Monitor {
    /// What the panels may look at.
    pub(super) fn scene(&self) -> Scene<'_> {
        let preferences = &self.common.preferences;
        Scene {
            store: &self.server.store,
            connection: &self.server.connection,
            health: &self.server.health,
            alerts: &self.server.alerts,
            recorder: self.recordings.writer.as_ref(),
            player: self.recordings.player.as_ref(),
            url: &self.line.url,
            tabs: &self.screen.tabs,
            servers: &self.common.servers,
            preferences,
            layouts: self.screen.layouts.names(),
            theme: Theme::of(preferences.theme),
            zone: &self.screen.zone,
            now_ns: self.now_ns,
            selected: self.screen.selected.as_ref(),
            is_covered: false,
        }
    }
}
