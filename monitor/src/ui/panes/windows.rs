//! Panes in windows of their own.

use egui::{Ui, Vec2, ViewportCommand, ViewportId, vec2};
use egui_tiles::TileId;

use super::{
    window::{OpenWindow, SIZE_MIN, WorkspaceWindow, window_id},
    workspace::Workspace,
};
use crate::{
    data::pane_windows::{PaneId, PaneWindow, PaneWindows, ScreenArea, UndoDepths, WindowPlace},
    ui::{command::UiCommand, scene::Scene},
};

/// The size of a window whose pane was not drawn before.
const SIZE_DEFAULT: Vec2 = vec2(720.0, 480.0);

impl Workspace {
    /// The windows as they were saved. What is in none is in the tree.
    pub(super) fn restore_windows(&mut self, saved: &[PaneWindow]) {
        let tiles = &self.tree.tiles;
        self.windows = PaneWindows::new(saved, |pane| tiles.get_pane(&TileId(pane.0)).is_some());
        self.apply_windows();
    }

    /// Opens all windows again, where they were last.
    pub(crate) fn reopen_windows(&mut self) {
        self.windows.reopen();
    }

    /// Whether a pane is in a window of its own.
    pub(super) fn is_out(&self, tile: TileId) -> bool {
        self.windows.has(PaneId(tile.0))
    }

    /// The panes in windows of their own.
    pub(super) fn tiles_out(&self) -> impl Iterator<Item = TileId> {
        self.windows
            .all()
            .iter()
            .map(|window| TileId(window.pane.0))
    }

    /// Whether a pane has a window of its own.
    pub(crate) fn has_window(&self, pane: PaneId) -> bool {
        self.windows.has(pane)
    }

    /// Whether there is any window but the main one.
    pub(crate) fn has_windows(&self) -> bool {
        !self.windows.all().is_empty()
    }

    /// The ids of all windows but the main one.
    pub(crate) fn window_ids(&self) -> impl Iterator<Item = ViewportId> {
        self.windows
            .all()
            .iter()
            .map(|window| window_id(window.pane))
    }

    /// The window with the active pane.
    pub(crate) fn active_window(&self) -> ViewportId {
        let own = self.active.filter(|&active| self.is_out(active));
        own.map_or(ViewportId::ROOT, |tile| window_id(PaneId(tile.0)))
    }

    /// Whether a window is to be opened, so that the screens must be known.
    pub(crate) fn wants_screens(&self) -> bool {
        self.windows.wants_places()
    }

    /// The windows that are to be open. A new one outside of all screens comes to the first one.
    pub(crate) fn open_windows(&mut self, screens: &[ScreenArea]) -> Vec<OpenWindow> {
        let panes: Vec<PaneId> = self
            .windows
            .all()
            .iter()
            .map(|window| window.pane)
            .collect();
        let open = panes.into_iter().filter_map(|pane| {
            let title = self
                .tree
                .tiles
                .get_pane(&TileId(pane.0))?
                .title()
                .to_owned();
            let place = self.windows.opened(pane, screens)?;
            Some(OpenWindow::new(pane, title, place))
        });
        open.collect()
    }

    /// The user has moved or resized a window.
    pub(crate) fn window_moved(&mut self, pane: PaneId, place: WindowPlace) {
        self.windows.moved(pane, place);
    }

    /// A window is used now: its pane is the active one, and keys are for it.
    pub(crate) fn window_entered(&mut self, pane: PaneId) {
        let tile = TileId(pane.0);
        self.used = Some(tile);
        if self.charts().any(|(id, _)| id == tile) {
            self.active = Some(tile);
        }
    }

    /// The pane that commands for windows are about: the one that was clicked or opened
    /// last.
    pub(crate) fn used_pane(&self) -> Option<PaneId> {
        let is_pane = |id: &TileId| self.tree.tiles.get_pane(id).is_some();
        let clicked = self.used.filter(is_pane);
        let used = clicked.or_else(|| self.active.filter(is_pane));
        let used = used.or_else(|| self.panes().map(|(id, _)| id).min_by_key(|id| id.0));
        used.map(|id| PaneId(id.0))
    }

    /// Takes a pane out into a window of its own, or puts it back. Returns whether there was
    /// room for another window.
    pub(crate) fn toggle_window(&mut self, pane: PaneId) -> bool {
        let depths = self.undo_depths();
        let has_room = if self.windows.has(pane) {
            self.windows.put_back(pane, depths);
            true
        } else {
            let rect = self.tree.tiles.rect(TileId(pane.0));
            let size = rect.map_or(SIZE_DEFAULT, |rect| rect.size().max(SIZE_MIN));
            let place = WindowPlace::of_size(size.into());
            self.windows.take_out(pane, place, depths)
        };
        self.apply_windows();
        has_room
    }

    /// Puts a pane back into the main window.
    pub(crate) fn put_back(&mut self, pane: PaneId) {
        self.windows.put_back(pane, self.undo_depths());
        self.apply_windows();
    }

    /// Puts all panes back into the main window.
    pub(crate) fn put_all_back(&mut self) {
        self.windows.put_all_back(self.undo_depths());
        self.apply_windows();
    }

    /// Closes a pane.
    pub(crate) fn close_pane(&mut self, pane: PaneId) {
        self.close(TileId(pane.0));
    }

    /// Undoes the last change of the active chart's view, or the last step of the windows if that
    /// came later.
    pub(super) fn undo(&mut self) {
        let active = self.active.map(|id| PaneId(id.0));
        let depth = active.map_or(0, |pane| self.windows.depth(pane));
        let is_undone = self
            .active_chart_mut()
            .is_some_and(|chart| chart.undo_since(depth));
        if !is_undone {
            let tiles = &self.tree.tiles;
            self.windows
                .undo(|pane| tiles.get_pane(&TileId(pane.0)).is_some());
            self.apply_windows();
        }
    }

    fn undo_depths(&self) -> UndoDepths {
        let charts = self.charts();
        charts
            .map(|(id, chart)| (PaneId(id.0), chart.undo_depth()))
            .collect()
    }

    /// Shows in the tree what is in no window of its own.
    fn apply_windows(&mut self) {
        let panes: Vec<TileId> = self.panes().map(|(id, _)| id).collect();
        for id in panes {
            let is_out = self.is_out(id);
            self.tree.set_visible(id, !is_out);
        }
        self.has_news = true;
    }

    /// Lets the window of a pane come to the front, if it has one. Returns whether it has.
    pub(super) fn raise(&mut self, tile: TileId) -> bool {
        let is_out = self.is_out(tile);
        if is_out {
            self.raised = Some(PaneId(tile.0));
        }
        is_out
    }

    /// Brings a window to the front if it was asked for.
    pub(crate) fn raise_asked(&mut self, ctx: &egui::Context) {
        if let Some(pane) = self.raised.take().filter(|&pane| self.has_window(pane)) {
            ctx.send_viewport_cmd_to(window_id(pane), ViewportCommand::Focus);
        }
    }

    /// Something was changed that other windows may show.
    pub(crate) fn changed(&mut self) {
        self.has_news = true;
    }

    /// Whether other windows have had something new to show since the last call.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Draws the window of a pane and returns the commands that the user gave.
    pub(crate) fn show_window(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        pane: PaneId,
    ) -> Vec<UiCommand> {
        self.draw(ui, scene, WorkspaceWindow::Pane(TileId(pane.0)))
    }
}
