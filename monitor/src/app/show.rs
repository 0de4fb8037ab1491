//! Draws the window.

use std::time::{Duration, Instant};

use egui::{Panel, Ui};

use super::monitor::Monitor;
use crate::{
    data::connection_state::ConnectionState,
    ui::{
        bars::{banner, player, status},
        command::UiCommand,
        dragging, keyboard,
        scene::{Quiet, Scene},
        theme,
    },
};

/// The window is repainted at least this often, because ages and rates change while no update
/// comes.
const QUIET_REPAINT: Duration = Duration::from_millis(500);

/// After some seconds without updates, ages are shown in whole seconds ...
const QUIETER_REPAINT: Duration = Duration::from_secs(1);

/// ... and after a minute in minutes, like the clock: nothing on the screen moves.
const STILL_REPAINT: Duration = Duration::from_secs(10);

/// Interval of repaints while values flash or a recording is played.
const LIVELY_REPAINT: Duration = Duration::from_millis(50);

/// Interval of repaints while a countdown in whole seconds is shown.
const COUNTDOWN_REPAINT: Duration = Duration::from_secs(1);

/// Default width of the list.
const LIST_WIDTH: f32 = 384.0;

impl Monitor {
    /// Draws everything and carries out the commands that the user gave.
    pub fn ui(&mut self, ui: &mut Ui) {
        let begun = Instant::now();
        let arrived = self.screen.arrived.take();
        self.screen.repaints.begin(begun, arrived);
        self.apply_preferences(ui.ctx());
        // What was applied just now counts for this repaint.
        ui.reset_style();
        let mut commands = if self.panels.overlays.is_open() {
            Vec::new()
        } else {
            keyboard::pressed(ui.ctx())
        };
        self.dropped_files(ui, &mut commands);
        self.order_by_source();
        self.show_panels(ui, &mut commands);
        self.owner
            .picture_drawn(self.panels.workspace.active_rect());
        self.execute_all(commands, None);
        self.wake_changed(ui.ctx());
        self.schedule(ui.ctx());
        self.screen.repaints.end(begun.elapsed());
    }

    /// Applies the preferences to all windows. Before the first repaint, so that it has no other
    /// colours than the later ones.
    pub fn apply_preferences(&mut self, ctx: &egui::Context) {
        self.screen.apply(ctx, &mut self.common.preferences);
    }

    /// Brings what charts draw by source time up to date.
    pub(super) fn order_by_source(&mut self) {
        let wanted = self.common.preferences.source_times;
        let is_playing = self.recordings.playing.is_some();
        let store = &mut self.server.store;
        store.order_by_source(wanted && !is_playing, self.now_ns);
        if let Some(playing) = &mut self.recordings.playing {
            playing.data.store.order_by_source(wanted, self.now_ns);
        }
    }

    fn show_panels(&mut self, ui: &mut Ui, commands: &mut Vec<UiCommand>) {
        // Panels change only their own state, so it is moved out while they read the rest.
        let mut panels = std::mem::take(&mut self.panels);
        let scene = Scene {
            is_covered: panels.overlays.is_open(),
            ..self.scene()
        };
        let theme = scene.theme;
        let bar = |margin| {
            egui::Frame::new()
                .fill(theme.panel)
                .inner_margin(egui::Margin::symmetric(margin, 0))
        };
        Panel::top("top bar")
            .exact_size(theme::TOP_BAR_HEIGHT)
            .frame(bar(12))
            .show(ui, |ui| commands.extend(panels.top_bar.show(ui, &scene)));
        if scene.player.is_some() {
            Panel::top("player bar")
                .exact_size(player::HEIGHT)
                .frame(bar(12))
                .show(ui, |ui| commands.extend(player::show(ui, &scene)));
        }
        if banner::newest(&scene).is_some() {
            Panel::top("banner")
                .exact_size(banner::HEIGHT)
                .frame(bar(12).fill(theme.raised))
                .show(ui, |ui| commands.extend(banner::show(ui, &scene)));
        }
        Panel::bottom("status bar")
            .exact_size(theme::STATUS_BAR_HEIGHT)
            .frame(bar(12))
            .show(ui, |ui| {
                commands.extend(status::show(ui, &scene, &panels.workspace));
            });
        let list = Panel::left("topics")
            .default_size(self.common.list_width.unwrap_or(LIST_WIDTH))
            .size_range(280.0..=900.0)
            .resizable(true)
            .frame(bar(0))
            .show(ui, |ui| commands.extend(panels.watch_list.show(ui, &scene)));
        // The window was cleared with its ground.
        egui::CentralPanel::default()
            .frame(egui::Frame::NONE)
            .show(ui, |ui| commands.extend(panels.workspace.show(ui, &scene)));
        commands.extend(panels.overlays.show(ui, &scene));
        let has_windows = panels.workspace.has_windows();
        commands.extend(dragging::show(ui, &scene, has_windows));

        self.common.list_width = Some(list.response.rect.width());
        self.panels = panels;
    }

    pub(super) fn dropped_files(&self, ui: &Ui, commands: &mut Vec<UiCommand>) {
        let dropped = ui.input(|input| input.raw.dropped_files.clone());
        let path = dropped
            .into_iter()
            .next()
            .map(|file| file.path().to_owned());
        commands.extend(path.map(UiCommand::Play));
    }

    pub(super) fn schedule(&self, ctx: &egui::Context) {
        let moved_ago = self.now_ns - self.shown().store.moved_ns();
        let is_flashing =
            self.common.preferences.flash && (0..theme::FLASH_NS).contains(&moved_ago);
        let is_playing = self
            .recordings
            .playing
            .as_ref()
            .is_some_and(|playing| !playing.player.is_paused());
        let wait = if is_flashing || is_playing {
            LIVELY_REPAINT.max(self.screen.repaint_interval)
        } else if matches!(
            self.server.connection,
            ConnectionState::BackingOff { .. } | ConnectionState::Silent { .. }
        ) {
            COUNTDOWN_REPAINT
        } else {
            match self.scene().quiet() {
                Quiet::No => QUIET_REPAINT,
                Quiet::Seconds => QUIETER_REPAINT,
                Quiet::Minutes => STILL_REPAINT,
            }
        };
        ctx.request_repaint_after(wait);
    }
}
