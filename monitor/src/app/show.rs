//! Drawing the window.

use std::time::{Duration, Instant};

use egui::{Panel, Ui};

use super::Monitor;
use crate::{
    inbox::Link,
    keys,
    panels::{BANNER_HEIGHT, PLAYER_BAR_HEIGHT, show_banner, show_player_bar},
    scene::{Command, Layouts, Quiet, Scene},
    settings::Settings,
    theme,
};

/// Ages and rates go on while nothing comes: so often the window is repainted in any case.
const QUIET_REPAINT: Duration = Duration::from_millis(500);

/// When nothing came for some seconds, ages are told in whole seconds ...
const QUIETER_REPAINT: Duration = Duration::from_secs(1);

/// ... and when nothing came for a minute in minutes, as the clock is: nothing on the screen moves.
const STILL_REPAINT: Duration = Duration::from_secs(10);

/// While values flash, or a recording is played, the window is repainted so often.
const LIVELY_REPAINT: Duration = Duration::from_millis(50);

/// While a countdown runs the window is repainted so often: it tells whole seconds.
const COUNTDOWN_REPAINT: Duration = Duration::from_secs(1);

/// Default width of the list.
const LIST_WIDTH: f32 = 384.0;

impl Monitor {
    /// What panels may look at. `settings` are ours, or what is left of them while a panel holds
    /// its part.
    pub(super) fn scene<'a>(&'a self, settings: &'a Settings) -> Scene<'a> {
        Scene {
            store: &self.store,
            link: &self.link,
            health: &self.health,
            alerts: &self.alerts,
            recorder: self.recorder.as_ref(),
            player: self.player.as_ref(),
            url: &self.url,
            tabs: &self.tabs,
            servers: &settings.servers,
            preferences: &settings.preferences,
            layouts: Layouts {
                names: &self.layout_names,
                current: settings.layout.as_deref(),
            },
            theme: settings.preferences.theme.theme(),
            zone: &self.zone,
            now_ns: self.now_ns,
            selected: self.selected.as_ref(),
            is_covered: false,
        }
    }

    /// Draws everything, and does what was asked for.
    pub fn ui(&mut self, ui: &mut Ui) {
        let begun = Instant::now();
        self.health.repaints.begin(begun, self.arrived.take());
        self.apply_preferences(ui.ctx());
        let mut commands = if self.overlays.is_open() {
            Vec::new()
        } else {
            keys::pressed(ui.ctx())
        };
        self.dropped_files(ui, &mut commands);
        self.panels(ui, &mut commands);
        for command in commands {
            self.execute(command);
        }
        self.ask_for_every();
        self.schedule(ui.ctx());
        self.health.repaints.end(begun.elapsed());
    }

    fn panels(&mut self, ui: &mut Ui, commands: &mut Vec<Command>) {
        // Panels change their own state only: it is taken out while they look at the rest.
        let mut watch_list = std::mem::take(&mut self.settings.watch_list);
        let mut workspace = std::mem::take(&mut self.settings.workspace);
        let mut top_bar = std::mem::take(&mut self.top_bar);
        let mut overlays = std::mem::take(&mut self.overlays);
        let scene = Scene {
            is_covered: overlays.is_open(),
            ..self.scene(&self.settings)
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
            .show(ui, |ui| commands.extend(top_bar.show(ui, &scene)));
        if scene.player.is_some() {
            Panel::top("player bar")
                .exact_size(PLAYER_BAR_HEIGHT)
                .frame(bar(12))
                .show(ui, |ui| commands.extend(show_player_bar(ui, &scene)));
        }
        if scene.alerts.unseen().len() > 0 {
            Panel::top("banner")
                .exact_size(BANNER_HEIGHT)
                .frame(bar(12).fill(theme.raised))
                .show(ui, |ui| commands.extend(show_banner(ui, &scene)));
        }
        Panel::bottom("status bar")
            .exact_size(theme::STATUS_BAR_HEIGHT)
            .frame(bar(12))
            .show(ui, |ui| {
                commands.extend(self.status_bar.show(ui, &scene, &workspace));
            });
        let list = Panel::left("topics")
            .default_size(self.settings.list_width.unwrap_or(LIST_WIDTH))
            .size_range(280.0..=900.0)
            .resizable(true)
            .frame(bar(0))
            .show(ui, |ui| commands.extend(watch_list.show(ui, &scene)));
        egui::CentralPanel::default()
            .frame(egui::Frame::new().fill(theme.background))
            .show(ui, |ui| commands.extend(workspace.show(ui, &scene)));
        commands.extend(overlays.show(ui, &scene));

        self.settings.list_width = Some(list.response.rect.width());
        self.settings.watch_list = watch_list;
        self.settings.workspace = workspace;
        self.top_bar = top_bar;
        self.overlays = overlays;
    }

    fn apply_preferences(&mut self, ctx: &egui::Context) {
        let preferences = &mut self.settings.preferences;
        if self.applied_theme != Some(preferences.theme) {
            theme::apply(ctx, preferences.theme.theme());
            self.applied_theme = Some(preferences.theme);
        }
        // egui itself changes the zoom on Ctrl+plus and Ctrl+minus: what changed last counts.
        if self.applied_zoom == preferences.zoom {
            preferences.zoom = ctx.zoom_factor();
        } else {
            ctx.set_zoom_factor(preferences.zoom);
        }
        self.applied_zoom = preferences.zoom;
    }

    fn dropped_files(&self, ui: &Ui, commands: &mut Vec<Command>) {
        let dropped = ui.input(|input| input.raw.dropped_files.clone());
        let path = dropped
            .into_iter()
            .next()
            .map(|file| file.path().to_owned());
        commands.extend(path.map(Command::Play));
    }

    fn schedule(&self, ctx: &egui::Context) {
        let moved_ago = self.now_ns - self.store.moved_ns();
        let is_flashing =
            self.settings.preferences.flash && (0..theme::FLASH_NS).contains(&moved_ago);
        let is_playing = self.player.as_ref().is_some_and(|p| !p.is_paused());
        let wait = if is_flashing || is_playing {
            LIVELY_REPAINT
        } else if matches!(self.link, Link::BackingOff { .. } | Link::Silent { .. }) {
            COUNTDOWN_REPAINT
        } else {
            match self.scene(&self.settings).quiet() {
                Quiet::No => QUIET_REPAINT,
                Quiet::Seconds => QUIETER_REPAINT,
                Quiet::Minutes => STILL_REPAINT,
            }
        };
        ctx.request_repaint_after(wait);
    }
}
