//! What the panels may look at.

use super::monitor::Monitor;
use crate::ui::{scene::Scene, theme::Theme};

impl Monitor {
    /// What the panels may look at.
    pub(super) fn scene(&self) -> Scene<'_> {
        let preferences = &self.common.preferences;
        let shown = self.shown();
        let playing = self.recordings.playing.as_ref();
        Scene {
            store: &shown.store,
            derived: &shown.derived,
            connection: &self.server.connection,
            access: &self.server.access,
            login: &self.line.login,
            health: &shown.health,
            repaints: &self.screen.repaints,
            notice: self.screen.notice(),
            alerts: &shown.alerts,
            live_alerts: playing.map(|_| &self.server.alerts),
            recorder: self.recordings.writer.as_ref(),
            player: playing.map(|playing| &playing.player),
            has_player_alerts: playing.is_some_and(|playing| playing.has_alerts),
            url: &self.line.url,
            filters: self.line.requests.watched(),
            tabs: &self.screen.tabs,
            servers: &self.common.servers,
            preferences,
            layouts: self.screen.layouts.names(),
            theme: Theme::of(preferences.theme),
            zone: &self.screen.zone,
            now_ns: self.now_ns,
            source_shift_ns: None,
            repaint_interval_ns: i64::try_from(self.screen.repaint_interval.as_nanos())
                .unwrap_or(i64::MAX),
            is_picture: self.owner.is_picture(),
            published: self.screen.published.as_ref(),
            selected: self.screen.selected.as_ref(),
            is_covered: false,
            is_own_window: false,
        }
    }
}
