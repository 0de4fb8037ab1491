//! What a window of a pane is.

use egui::{Vec2, ViewportBuilder, ViewportId, vec2};
use egui_tiles::TileId;

use crate::data::pane_windows::{PaneId, WindowPlace};

/// The smallest size at which a pane's title and a chart can be told.
pub(super) const SIZE_MIN: Vec2 = vec2(280.0, 160.0);

/// A window of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkspaceWindow {
    /// The main one.
    Main,
    /// That of a pane.
    Pane(TileId),
}

/// A pane's window that is to be open.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenWindow {
    /// The pane.
    pub pane: PaneId,
    title: String,
    place: WindowPlace,
}

impl OpenWindow {
    /// The window of a pane.
    pub(super) fn new(pane: PaneId, title: String, place: WindowPlace) -> Self {
        Self { pane, title, place }
    }

    /// Its id for the library of the window.
    pub fn id(&self) -> ViewportId {
        window_id(self.pane)
    }

    /// How it is opened.
    pub fn builder(&self) -> ViewportBuilder {
        let builder = ViewportBuilder::default()
            .with_title(format!("{} · Tickcast", self.title))
            .with_app_id("tickcast-monitor")
            .with_inner_size(self.place.size)
            .with_min_inner_size(SIZE_MIN);
        match self.place.position {
            Some(position) => builder.with_position(position),
            None => builder,
        }
    }
}

/// The id of a pane's window for the library of the window.
pub(super) fn window_id(pane: PaneId) -> ViewportId {
    ViewportId::from_hash_of(("pane window", pane))
}
