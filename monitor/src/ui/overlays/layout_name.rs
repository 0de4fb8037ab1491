//! Asks for the name of a layout to save.

use egui::{Key, Ui};

use super::heading::heading;
use crate::ui::{
    command::UiCommand,
    scene::{LayoutNames, Scene},
    theme,
    widgets::{action_if, styled, text_field},
};

/// The longest name, in characters: it is shown in the bar at the top.
const NAME_MAX_CHARS: usize = 32;

#[derive(Debug)]
pub(super) struct LayoutName {
    name: String,
    /// The layout that gets another name.
    renamed: Option<String>,
}

impl LayoutName {
    pub(super) fn new(layouts: LayoutNames<'_>) -> Self {
        Self {
            name: layouts.current.unwrap_or_default().to_owned(),
            renamed: None,
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let title = match &self.renamed {
            Some(from) => format!("Rename the layout {from}"),
            None => "Save the layout".to_owned(),
        };
        heading(ui, theme, &title);
        let field = egui::TextEdit::singleline(&mut self.name)
            .char_limit(NAME_MAX_CHARS)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let hint = "A name, e.g. Morning";
        let response = text_field(ui, theme, "Name of the layout", hint, field);
        let enter = ui.input(|input| input.key_pressed(Key::Enter));
        response.request_focus();
        ui.add_space(8.0);
        let name = self.name.trim();
        let exists = scene.layouts.all.iter().any(|known| known == name);
        let (label, is_enabled) = match &self.renamed {
            Some(from) => ("Rename", !name.is_empty() && (!exists || from == name)),
            None if exists => ("Replace", true),
            None => ("Save", !name.is_empty()),
        };
        let button = action_if(ui, theme, is_enabled, label);
        if button.clicked() || (enter && is_enabled) {
            match self.renamed.take() {
                Some(from) => commands.push(UiCommand::RenameLayout(from, name.to_owned())),
                None => {
                    commands.push(UiCommand::SaveLayout(name.to_owned()));
                    commands.push(UiCommand::Overlay(None));
                }
            }
            return;
        }
        if self.renamed.is_some() && exists && !is_enabled {
            let text = "Another layout has this name";
            ui.label(styled(text, theme::small(), theme.bad));
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
                    let rename = ui.button(styled("Rename", theme::small(), theme.muted));
                    rename.widget_info(|| {
                        let name = format!("Rename layout {known}");
                        egui::WidgetInfo::labeled(egui::Role::Button, true, name)
                    });
                    if rename.clicked() {
                        self.name.clone_from(known);
                        self.renamed = Some(known.clone());
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
