//! The bar at the top: the server, its rate and latency.

use std::time::Instant;

use egui::{Align, Key, Layout, Ui};

use super::other_servers;
use crate::{
    data::{connection_state::ConnectionState, format},
    ui::{
        command::{Overlay, UiCommand},
        connection_words::connection_words,
        scene::Scene,
        theme,
        widgets::{chip, key_and_name, labelled_value, status_light, styled},
    },
};

/// The bar's own state: the address that is being edited.
#[derive(Debug, Default)]
pub(crate) struct TopBar {
    editing: Option<String>,
}

impl TopBar {
    /// Draws the bar and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        let mut commands = Vec::new();
        let theme = scene.theme;
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            ui.label(styled("Tickcast", theme::strong(), theme.text));
            self.server(ui, scene, &mut commands);
            other_servers::show(ui, scene, &mut commands);
            chip(ui, theme, |ui| {
                let rate = format::count(scene.health.updates_per_second().round() as u64);
                // As wide as a million, so that the parts to the right do not move.
                labelled_value(ui, theme, "", &format!("{rate:>7}"), "upd/s");
            });
            self.latency(ui, scene);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                let mut overlay = |ui: &mut Ui, key, label, overlay| {
                    if key_and_name(ui, theme, key, label) {
                        commands.push(UiCommand::Overlay(Some(overlay)));
                    }
                };
                overlay(ui, "?", "keys", Overlay::Keys);
                overlay(ui, "Ctrl K", "commands", Overlay::Palette);
                ui.add_space(8.0);
                self.layout(ui, scene, &mut commands);
                recording(ui, scene, &mut commands);
            });
        });
        commands
    }

    fn layout(&self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let current = scene.layouts.current.unwrap_or("unsaved");
        let mut text = egui::text::LayoutJob::default();
        for (part, color) in [("Workspace: ", theme.muted), (current, theme.text)] {
            text.append(part, 0.0, egui::TextFormat::simple(theme::text(), color));
        }
        ui.menu_button(text, |ui| {
            for name in scene.layouts.all {
                if ui.button(name).clicked() {
                    commands.push(UiCommand::LoadLayout(name.clone()));
                    ui.close();
                }
            }
            if ui.button("Save as …").clicked() {
                commands.push(UiCommand::Overlay(Some(Overlay::SaveLayout)));
                ui.close();
            }
            if ui.button("Preferences …").clicked() {
                commands.push(UiCommand::Overlay(Some(Overlay::Preferences)));
                ui.close();
            }
        });
    }

    fn server(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let (words, color) = connection_words(scene.connection, theme, Instant::now());
        // While a recording is played, the state of the server does not matter.
        let color = match scene.player {
            Some(_) => theme.muted,
            None => color,
        };
        chip(ui, theme, |ui| {
            status_light(ui, color);
            if let Some(text) = &mut self.editing {
                let response = ui.add(
                    egui::TextEdit::singleline(text)
                        .font(theme::small_figures())
                        .desired_width(220.0),
                );
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Server address")
                });
                if response.lost_focus() {
                    if ui.input(|input| input.key_pressed(Key::Enter)) {
                        commands.push(UiCommand::Connect(text.trim().to_owned()));
                    }
                    self.editing = None;
                } else {
                    response.request_focus();
                }
            } else {
                let address =
                    egui::Button::new(styled(scene.url, theme::small_figures(), theme.text))
                        .frame(false);
                let response = ui
                    .add(address)
                    .on_hover_text("Click to connect to another server");
                if response.clicked() {
                    self.editing = Some(scene.url.to_owned());
                }
            }
            let color = match scene.connection {
                ConnectionState::Connected { .. } => theme.muted,
                _ => color,
            };
            let response = ui.label(styled(words, theme::small(), color));
            if matches!(scene.connection, ConnectionState::BackingOff { .. })
                && scene.player.is_none()
            {
                let now = egui::Button::new(styled("Try now", theme::small(), theme.text));
                if ui.add(now.frame(false)).clicked() {
                    commands.push(UiCommand::Connect(scene.url.to_owned()));
                }
            }
            match scene.connection {
                ConnectionState::Connected { server, .. } => {
                    response.on_hover_text(server);
                }
                ConnectionState::BackingOff { why, .. } | ConnectionState::Ended { why } => {
                    response.on_hover_text(why);
                }
                ConnectionState::Silent { .. } => {
                    response.on_hover_text(
                        "The server sends no heartbeats: it is stopped, or the network is down.",
                    );
                }
                ConnectionState::Connecting { .. } => {}
            }
        });
    }

    fn latency(&self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let words = |ns: Option<i64>| ns.map_or("–".to_owned(), format::latency);
        let summary = scene.health.summary();
        let tip = "Latency from the server's tape to the monitor, over the last minute, of charted topics";
        chip(ui, theme, |ui| {
            let p50 = words(summary.map(|summary| summary.p50_ns));
            let p99 = words(summary.map(|summary| summary.p99_ns));
            // As wide as any latency, so that the parts to the right do not move.
            labelled_value(ui, theme, "latency p50", &format!("{p50:<7}"), "p99");
            labelled_value(ui, theme, "", &format!("{p99:<7}"), "");
            ui.response().on_hover_text(tip);
        });
    }
}

/// Draws the progress of the recording being written.
fn recording(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let Some(recorder) = scene.recorder else {
        return;
    };
    let theme = scene.theme;
    let progress = recorder.progress();
    chip(ui, theme, |ui| {
        // Laid out from right to left, like the parts around it.
        let stop = egui::Button::new(styled("Stop", theme::small(), theme.text)).frame(false);
        let stop = ui
            .add(stop)
            .on_hover_text(recorder.path().display().to_string());
        if stop.clicked() {
            commands.push(UiCommand::ToggleRecording);
        }
        let mut text = format!(
            "recording {} · {} MiB",
            format::count(progress.lines),
            format::mebibytes(usize::try_from(progress.bytes).unwrap_or(usize::MAX))
        );
        if progress.left_out > 0 {
            text = format!("{text} · {} left out", format::count(progress.left_out));
        }
        ui.label(styled(text, theme::small(), theme.bad));
        status_light(ui, theme.bad);
    });
}
