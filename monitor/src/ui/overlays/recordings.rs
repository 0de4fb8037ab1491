//! The list of recordings.

use std::{path::PathBuf, time::SystemTime};

use egui::{Key, Ui};

use super::heading::heading;
use crate::ui::{command::UiCommand, scene::Scene, theme, widgets::styled};

/// The most recordings listed, newest first.
const LISTED_MAX: usize = 30;

#[derive(Debug)]
pub(super) struct RecordingList {
    path: String,
    /// Whether the field has had the focus once. It is focused when the dialog opens, and not
    /// again.
    was_focused: bool,
    folder: PathBuf,
    found: Vec<(SystemTime, PathBuf)>,
}

impl RecordingList {
    /// Finds the recordings in their folder.
    pub(super) fn find(folder: PathBuf) -> Self {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let mut found: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "jsonl"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        found.sort();
        found.reverse();
        found.truncate(LISTED_MAX);
        Self {
            path: String::new(),
            was_focused: false,
            folder,
            found,
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Play a recording");
        let hint = "Path of a recording, or drop the file on the window";
        let field = egui::TextEdit::singleline(&mut self.path)
            .hint_text(styled(hint, theme::text(), theme.dim))
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let response = ui.add(field);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Path of a recording")
        });
        if !std::mem::replace(&mut self.was_focused, true) {
            response.request_focus();
        }
        if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            commands.push(UiCommand::Overlay(None));
            commands.push(UiCommand::Play(PathBuf::from(self.path.trim())));
        }
        ui.add_space(8.0);
        if self.found.is_empty() {
            let text = format!(
                "No recordings in {}. Ctrl+R starts one.",
                self.folder.display()
            );
            ui.label(styled(text, theme::text(), theme.muted));
        }
        egui::ScrollArea::vertical().show(ui, |ui| {
            for (_, path) in &self.found {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if ui.button(name).clicked() {
                    commands.push(UiCommand::Overlay(None));
                    commands.push(UiCommand::Play(path.clone()));
                }
            }
        });
    }
}
