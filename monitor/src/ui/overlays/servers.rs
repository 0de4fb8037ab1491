//! The servers: show, add, remove.

use std::time::Instant;

use egui::{Align, Key, Layout, Ui};

use super::heading::heading;
use crate::ui::{
    command::{ServerAction, UiCommand},
    connection_words::connection_words,
    names::Name,
    scene::Scene,
    theme,
    widgets::{status_light, styled, text_field},
};

/// The most of a line that an address takes, and of the rest what its state takes.
const URL_PART: f32 = 0.5;

#[derive(Debug, Default)]
pub(super) struct ServerList {
    url: String,
    /// Whether the field has had the focus once. It is focused when the dialog opens, and not
    /// again.
    was_focused: bool,
}

impl ServerList {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Servers");
        for (at, tab) in scene.tabs.iter().enumerate() {
            let (words, color) = connection_words(&tab.connection, theme, Instant::now());
            ui.horizontal(|ui| {
                status_light(ui, color);
                let ink = if tab.is_active {
                    theme.text
                } else {
                    theme.muted
                };
                let url = Name {
                    text: &tab.url,
                    font: theme::figures(),
                    color: ink,
                };
                let width = ui.available_width() * URL_PART;
                let show = url.button(ui, width);
                show.widget_info(|| {
                    let name = format!("Show {}, {words}", tab.url);
                    egui::WidgetInfo::selected(egui::Role::Button, true, tab.is_active, name)
                });
                if show.clicked() {
                    commands.push(UiCommand::Server(ServerAction::Show(at)));
                    commands.push(UiCommand::Overlay(None));
                }
                let words = Name {
                    text: &words,
                    font: theme::small(),
                    color,
                };
                let width = ui.available_width() * URL_PART;
                words.show_cut_at_end(ui, width);
                if tab.is_active {
                    clock(ui, scene);
                }
                if scene.tabs.len() > 1 {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        let remove = ui.button(styled("Remove", theme::small(), theme.muted));
                        remove.widget_info(|| {
                            let name = format!("Remove {}", tab.url);
                            egui::WidgetInfo::labeled(egui::Role::Button, true, name)
                        });
                        if remove.clicked() {
                            commands.push(UiCommand::Overlay(None));
                            commands.push(UiCommand::Server(ServerAction::Remove(at)));
                        }
                    });
                }
            });
        }
        ui.add_space(12.0);
        let field = egui::TextEdit::singleline(&mut self.url)
            .font(theme::figures())
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let hint = "Add one, e.g. ws://192.168.1.20:7400/ws";
        let response = text_field(ui, theme, "Address of another server", hint, field);
        if !std::mem::replace(&mut self.was_focused, true) {
            response.request_focus();
        }
        let url = self.url.trim();
        if response.lost_focus()
            && ui.input(|input| input.key_pressed(Key::Enter))
            && !url.is_empty()
        {
            commands.push(UiCommand::Overlay(None));
            commands.push(UiCommand::Server(ServerAction::Add(url.to_owned())));
        }
        ui.add_space(4.0);
        let text =
            "Each server keeps its own topics, charts and alerts. Ctrl+1, Ctrl+2 … show them.";
        ui.label(styled(text, theme::small(), theme.muted));
    }
}

/// Draws the offset of the shown server's clock.
fn clock(ui: &mut Ui, scene: &Scene<'_>) {
    if let Some(clock) = scene.health.clock {
        let text = format!("clock {:+.2} ms", clock.offset_ns as f64 / 1e6);
        ui.label(styled(text, theme::small(), scene.theme.muted));
    }
}
