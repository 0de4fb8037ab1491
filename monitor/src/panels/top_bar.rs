//! The bar at the top: which server, how it goes.

use std::time::Instant;

use egui::{Align, Key, Layout, Ui};

use super::widgets::{chip, fact, key_and_name, light, styled};
use crate::{
    format,
    inbox::Link,
    scene::{Command, Overlay, Scene, ServerWish},
    theme::{self, Theme},
};

/// The bar's own state: the address that is being edited.
#[derive(Debug, Default)]
pub struct TopBar {
    editing: Option<String>,
}

/// The state of the connection in words, and its colour.
pub(super) fn link_words(link: &Link, theme: &Theme, now: Instant) -> (String, egui::Color32) {
    match link {
        Link::Connecting { attempt: 1 } => ("connecting".to_owned(), theme.warning),
        Link::Connecting { attempt } => (format!("connecting, try {attempt}"), theme.warning),
        Link::Connected { epoch, .. } => {
            // The start of the epoch is enough to see that it is another one.
            let epoch = format!("{:016x}", epoch.0);
            (format!("connected · epoch {}", &epoch[12..]), theme.up)
        }
        Link::Silent { since } => {
            let silent = now.saturating_duration_since(*since).as_secs();
            let words = format!("connected, but silent for {silent} s");
            (words, theme.bad)
        }
        Link::BackingOff { attempt, until, .. } => {
            // Rounded up: at 0 the attempt begins.
            let left = until.saturating_duration_since(now).as_secs_f64().ceil();
            (
                format!("backing off, try {attempt} in {left:.0} s"),
                theme.bad,
            )
        }
        Link::Ended { .. } => ("not connected".to_owned(), theme.bad),
    }
}

impl TopBar {
    /// Draws the bar and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        let theme = scene.theme;
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 16.0;
            ui.label(styled("Tickcast", theme::strong(), theme.text));
            self.server(ui, scene, &mut commands);
            others(ui, scene, &mut commands);
            chip(ui, theme, |ui| {
                let rate = format::count(scene.health.updates_per_second().round() as u64);
                // As wide as a million, so that nothing to the right moves.
                fact(ui, theme, "", &format!("{rate:>7}"), "upd/s");
            });
            self.latency(ui, scene);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                let mut overlay = |ui: &mut Ui, key, label, overlay| {
                    if key_and_name(ui, theme, key, label) {
                        commands.push(Command::Overlay(Some(overlay)));
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

    fn layout(&self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        let theme = scene.theme;
        let current = scene.layouts.current.unwrap_or("unsaved");
        let mut text = egui::text::LayoutJob::default();
        for (part, color) in [("Workspace: ", theme.muted), (current, theme.text)] {
            text.append(part, 0.0, egui::TextFormat::simple(theme::text(), color));
        }
        ui.menu_button(text, |ui| {
            for name in scene.layouts.names {
                if ui.button(name).clicked() {
                    commands.push(Command::LoadLayout(name.clone()));
                    ui.close();
                }
            }
            if ui.button("Save as …").clicked() {
                commands.push(Command::Overlay(Some(Overlay::SaveLayout)));
                ui.close();
            }
            if ui.button("Preferences …").clicked() {
                commands.push(Command::Overlay(Some(Overlay::Preferences)));
                ui.close();
            }
        });
    }

    fn server(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        let theme = scene.theme;
        let (words, color) = link_words(scene.link, theme, Instant::now());
        // While a recording is played nothing depends on the server.
        let color = match scene.player {
            Some(_) => theme.muted,
            None => color,
        };
        chip(ui, theme, |ui| {
            light(ui, color);
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
                        commands.push(Command::Connect(text.trim().to_owned()));
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
            let color = match scene.link {
                Link::Connected { .. } => theme.muted,
                _ => color,
            };
            let response = ui.label(styled(words, theme::small(), color));
            if matches!(scene.link, Link::BackingOff { .. }) && scene.player.is_none() {
                let now = egui::Button::new(styled("Try now", theme::small(), theme.text));
                if ui.add(now.frame(false)).clicked() {
                    commands.push(Command::Connect(scene.url.to_owned()));
                }
            }
            match scene.link {
                Link::Connected { server, .. } => {
                    response.on_hover_text(server);
                }
                Link::BackingOff { why, .. } | Link::Ended { why } => {
                    response.on_hover_text(why);
                }
                Link::Silent { .. } => {
                    response.on_hover_text(
                        "The server lets its heartbeats out: it is stopped, or the network is cut.",
                    );
                }
                Link::Connecting { .. } => {}
            }
        });
    }

    fn latency(&self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let words = |ns: Option<i64>| ns.map_or("–".to_owned(), format::latency);
        let summary = scene.health.summary();
        let tip = "From the server's tape to here, over the last minute, on charted topics";
        chip(ui, theme, |ui| {
            let p50 = words(summary.map(|summary| summary.p50_ns));
            let p99 = words(summary.map(|summary| summary.p99_ns));
            // As wide as any latency, so that nothing to the right moves.
            fact(ui, theme, "latency p50", &format!("{p50:<7}"), "p99");
            fact(ui, theme, "", &format!("{p99:<7}"), "");
            ui.response().on_hover_text(tip);
        });
    }
}

/// The other servers, if there are any: whether they answer, and what fired there.
fn others(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
    let theme = scene.theme;
    for (at, tab) in scene.tabs.iter().enumerate() {
        if tab.is_active {
            continue;
        }
        chip(ui, theme, |ui| {
            let (words, color) = link_words(&tab.link, theme, Instant::now());
            light(ui, color);
            let address = short(&tab.url);
            let button = egui::Button::new(styled(address, theme::small_figures(), theme.muted));
            let show = ui.add(button.frame(false));
            show.widget_info(|| {
                let name = format!("Show server {}, {words}", tab.url);
                egui::WidgetInfo::labeled(egui::Role::Button, true, name)
            });
            if show.on_hover_text(&tab.url).clicked() {
                commands.push(Command::Server(ServerWish::Show(at)));
            }
            if !matches!(tab.link, Link::Connected { .. }) {
                ui.label(styled(words, theme::small(), color));
            }
            if tab.unseen_alerts > 0 {
                let text = match tab.unseen_alerts {
                    1 => "1 alert".to_owned(),
                    alerts => format!("{alerts} alerts"),
                };
                ui.label(styled(text, theme::small(), theme.bad));
            }
        });
    }
}

/// An address without what is the same in all of them.
fn short(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.strip_suffix("/ws").unwrap_or(url)
}

/// How far the recording is that is made.
fn recording(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
    let Some(recorder) = scene.recorder else {
        return;
    };
    let theme = scene.theme;
    let (lines, left_out, bytes) = recorder.progress();
    chip(ui, theme, |ui| {
        // Laid out from right to left, as its surroundings.
        let stop = egui::Button::new(styled("Stop", theme::small(), theme.text)).frame(false);
        let stop = ui
            .add(stop)
            .on_hover_text(recorder.path().display().to_string());
        if stop.clicked() {
            commands.push(Command::ToggleRecording);
        }
        let mut text = format!(
            "recording {} · {} MiB",
            format::count(lines),
            format::mebibytes(usize::try_from(bytes).unwrap_or(usize::MAX))
        );
        if left_out > 0 {
            text = format!("{text} · {} left out", format::count(left_out));
        }
        ui.label(styled(text, theme::small(), theme.bad));
        light(ui, theme.bad);
    });
}
