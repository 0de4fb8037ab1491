//! The name of a layout to be saved.

use egui::{Key, Ui};

use super::heading;
use crate::{
    panels::widgets::styled,
    scene::{Command, Layouts, Scene},
    theme,
};

/// Longest name, in characters: it stands in the bar at the top.
const NAME_MAX_CHARS: usize = 32;

#[derive(Debug)]
pub(super) struct LayoutName {
    name: String,
}

impl LayoutName {
    pub(super) fn new(layouts: Layouts<'_>) -> Self {
        Self {
            name: layouts.current.unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        let theme = scene.theme;
        heading(ui, theme, "Save the layout");
        let field = egui::TextEdit::singleline(&mut self.name)
            .hint_text(styled("A name, e.g. Morning", theme::text(), theme.dim))
            .char_limit(NAME_MAX_CHARS)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let response = ui.add(field);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Name of the layout")
        });
        let enter = ui.input(|input| input.key_pressed(Key::Enter));
        response.request_focus();
        ui.add_space(8.0);
        let name = self.name.trim();
        let exists = scene.layouts.names.iter().any(|known| known == name);
        let label = if exists { "Replace" } else { "Save" };
        let button = ui.add_enabled(!name.is_empty(), egui::Button::new(label));
        if button.clicked() || (enter && !name.is_empty()) {
            commands.push(Command::SaveLayout(name.to_owned()));
            commands.push(Command::Overlay(None));
        }
        if !scene.layouts.names.is_empty() {
            ui.add_space(12.0);
            ui.label(styled("Saved layouts", theme::small(), theme.muted));
            for known in scene.layouts.names {
                ui.horizontal(|ui| {
                    if ui.button(known).on_hover_text("Use this layout").clicked() {
                        commands.push(Command::LoadLayout(known.clone()));
                        commands.push(Command::Overlay(None));
                    }
                    let forget = styled("Delete", theme::small(), theme.muted);
                    let forget = ui.button(forget);
                    forget.widget_info(|| {
                        let name = format!("Delete layout {known}");
                        egui::WidgetInfo::labeled(egui::Role::Button, true, name)
                    });
                    if forget.clicked() {
                        commands.push(Command::DeleteLayout(known.clone()));
                    }
                });
            }
        }
    }
}
