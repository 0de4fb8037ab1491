//! Asks what to record.

use egui::{Key, Modifiers, Ui};

use super::heading::heading;
use crate::{
    data::format,
    files::recording::RecordedScope,
    ui::{
        command::UiCommand,
        scene::Scene,
        theme,
        widgets::{action, choice, styled},
    },
};

/// The choice in the dialog.
#[derive(Debug)]
pub(super) struct RecordPanel {
    scope: RecordedScope,
}

impl Default for RecordPanel {
    /// Nothing is left out unless the user chooses so.
    fn default() -> Self {
        Self {
            scope: RecordedScope::EveryUpdate,
        }
    }
}

impl RecordPanel {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Record");
        let topics = format::count(scene.store.with_value().len() as u64);
        let rate = format::count(scene.health.updates_per_second().round() as u64);
        for (scope, label, about) in [
            (
                RecordedScope::EveryUpdate,
                "Every update",
                format!(
                    "All updates of all {topics} topics in the list, now about {rate} per second. \
                     The server sends them all while the recording goes on."
                ),
            ),
            (
                RecordedScope::Charted,
                "Charted topics in full",
                "All updates of the topics that are charted or watched by an alert. Of the others \
                 the newest values, at most 4 per second."
                    .to_owned(),
            ),
        ] {
            if choice(ui, theme, self.scope == scope, label).clicked() {
                self.scope = scope;
            }
            ui.label(styled(about, theme::small(), theme.muted));
            ui.add_space(8.0);
        }
        let folder = scene.preferences.folder();
        let text = format!("The file is written to {}", folder.display());
        ui.label(styled(text, theme::small(), theme.muted));
        ui.add_space(8.0);
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        if action(ui, theme, "Start recording").clicked() || enter {
            commands.push(UiCommand::Overlay(None));
            commands.push(UiCommand::Record(self.scope));
        }
    }
}
