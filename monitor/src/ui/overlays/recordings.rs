//! The list of recordings.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use egui::{Key, Ui};

use super::heading::heading;
use crate::ui::{
    command::UiCommand,
    names::Name,
    scene::Scene,
    theme,
    widgets::{styled, text_field},
};

/// The most recordings listed, newest first.
const LISTED_MAX: usize = 30;

#[derive(Debug)]
pub(super) struct RecordingList {
    path: String,
    /// Whether the field has had the focus once. It is focused when the dialog opens, and not
    /// again.
    was_focused: bool,
    /// What is wrong with the path.
    problem: Option<String>,
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
            problem: None,
            folder,
            found,
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Play a recording");
        let hint = "Path of a recording or of a server's log, or drop the file on the window";
        let field = egui::TextEdit::singleline(&mut self.path)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let response = text_field(ui, theme, "Path of a recording", hint, field);
        if !std::mem::replace(&mut self.was_focused, true) {
            response.request_focus();
        }
        if response.changed() {
            self.problem = None;
        }
        if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            match problem(self.path.trim()) {
                None => {
                    commands.push(UiCommand::Overlay(None));
                    commands.push(UiCommand::Play(PathBuf::from(self.path.trim())));
                }
                problem => {
                    self.problem = problem;
                    response.request_focus();
                }
            }
        }
        if let Some(problem) = &self.problem {
            ui.label(styled(problem, theme::small(), theme.bad));
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
                let name = Name {
                    text: &name,
                    font: theme::text(),
                    color: theme.text,
                };
                let width = ui.available_width();
                if name.button(ui, width).clicked() {
                    commands.push(UiCommand::Overlay(None));
                    commands.push(UiCommand::Play(path.clone()));
                }
                ui.add_space(4.0);
            }
        });
    }
}

/// Why there is no recording at a path, and what to do; `None` if it can be tried.
fn problem(path: &str) -> Option<String> {
    if path.is_empty() {
        let text = "Type the path of a recording, or choose one of the list.";
        return Some(text.to_owned());
    }
    let folder = Path::new(path);
    (folder.is_dir() && !tickcast_log::is_log(folder)).then(|| {
        format!("{path} is a folder without a server's log: type the path of a recording in it.")
    })
}
