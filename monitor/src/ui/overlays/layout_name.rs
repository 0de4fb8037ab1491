//! Asks for the name of a layout to save.

use egui::{Key, Ui};

use super::heading::heading;
use crate::ui::{
    command::UiCommand,
    scene::{LayoutNames, Scene},
    theme,
    widgets::styled,
};

/// The longest name, in characters: it is shown in the bar at the top.
const NAME_MAX_CHARS: usize = 32;

#[derive(Debug)]
pub(super) struct LayoutName {
    name: String,
}

impl LayoutName {
    pub(super) fn new(layouts: LayoutNames<'_>) -> Self {
        Self {
            name: layouts.current.unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
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
        let exists = scene.layouts.all.iter().any(|known| known == name);
        let label = if exists { "Replace" } else { "Save" };
        let button = ui.add_enabled(!name.is_empty(), egui::Button::new(label));
        if button.clicked() || (enter && !name.is_empty()) {
            commands.push(UiCommand::SaveLayout(name.to_owned()));
            commands.push(UiCommand::Overlay(None));
        }
        if !scene.layouts.all.is_empty() {
            ui.add_space(12.0);
            ui.label(styled("Saved layouts", theme::small(), theme.muted));
            for known in scene.layouts.all {
                ui.horizontal(|ui| {
                    if ui.button(known).on_hover_text("Use this layout").clicked() {
                        commands.push(UiCommand::LoadLayout(known.clone()));
                        commands.push(UiCommand::Overlay(None));
                    }
                    let forget = styled("Delete", theme::small(), theme.muted);
                    let forget = ui.button(forget);
                    forget.widget_info(|| {
                        let name = format!("Delete layout {known}");
                        egui::WidgetInfo::labeled(egui::Role::Button, true, name)
                    });
                    if forget.clicked() {
                        commands.push(UiCommand::DeleteLayout(known.clone()));
                    }
                });
            }
        }
    }
}
