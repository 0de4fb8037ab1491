//! What the panels show besides the data, and which preferences the window has applied.

use std::time::Instant;

use tickcast_protocol::topic::Topic;

use crate::{
    data::format::Zone,
    files::saved_state::{Preferences, ThemeChoice},
    ui::{
        panes::Layouts,
        scene::ServerTab,
        theme::{self, Theme},
    },
};

/// What the panels show besides the data.
pub(super) struct Screen {
    pub(super) zone: Zone,
    pub(super) layouts: Layouts,
    /// The selected topic.
    pub(super) selected: Option<Topic>,
    /// All servers, this one among them.
    pub(super) tabs: Vec<ServerTab>,
    /// When the oldest item arrived that the next repaint is the first to show.
    pub(super) arrived: Option<Instant>,
    applied_theme: Option<ThemeChoice>,
    applied_zoom: f32,
}

impl Screen {
    pub(super) fn new(zone: Zone, layouts: Layouts, selected: Option<Topic>) -> Self {
        Self {
            zone,
            layouts,
            selected,
            tabs: Vec::new(),
            arrived: None,
            applied_theme: None,
            applied_zoom: 1.0,
        }
    }

    /// Applies the preferences again: another server was shown.
    pub(super) fn forget_applied(&mut self) {
        self.applied_theme = None;
        self.applied_zoom = 0.0;
    }

    /// Applies the preferences to the window.
    pub(super) fn apply(&mut self, ctx: &egui::Context, preferences: &mut Preferences) {
        if self.applied_theme != Some(preferences.theme) {
            theme::apply(ctx, Theme::of(preferences.theme));
            self.applied_theme = Some(preferences.theme);
        }
        // egui itself changes the zoom on Ctrl+plus and Ctrl+minus: the last change counts.
        if self.applied_zoom == preferences.zoom {
            preferences.zoom = ctx.zoom_factor();
        } else {
            ctx.set_zoom_factor(preferences.zoom);
        }
        self.applied_zoom = preferences.zoom;
    }
}
