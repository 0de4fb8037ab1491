//! The preferences.

use egui::{Ui, vec2};

use super::heading::heading;
use crate::{
    data::topics::ChangeReference,
    files::{
        destination,
        saved_state::{Preferences, ThemeChoice, ZoneChoice},
    },
    ui::{
        command::UiCommand,
        scene::Scene,
        theme,
        widgets::{choice, styled, text_field},
    },
};

const MIB: usize = 1024 * 1024;

/// Amounts of history to choose from, in MiB.
const MEMORY_CHOICES: [usize; 6] = [128, 256, 512, 1024, 2048, 4096];

/// Zoom factors to choose from, in percent.
const ZOOM_CHOICES: [u16; 6] = [80, 90, 100, 110, 125, 150];

#[derive(Debug)]
pub(super) struct PreferencesPanel {
    sound_command: String,
    folder: String,
    /// The time that changes are measured from, as typed.
    reference: String,
}

impl PreferencesPanel {
    pub(super) fn new(preferences: &Preferences) -> Self {
        Self {
            sound_command: preferences.sound_command.clone(),
            folder: preferences.folder.clone(),
            reference: String::new(),
        }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        let now = scene.preferences;
        heading(ui, theme, "Preferences");
        section(ui, scene, "Colours", |ui| {
            for theme_choice in ThemeChoice::ALL {
                let chosen = now.theme == theme_choice;
                if choice(ui, theme, chosen, theme_choice.name()).clicked() {
                    commands.push(UiCommand::SetTheme(theme_choice));
                }
            }
        });
        section(ui, scene, "Size of everything", |ui| {
            for percent in ZOOM_CHOICES {
                let zoom = f32::from(percent) / 100.0;
                let chosen = (now.zoom - zoom).abs() < 0.01;
                if choice(ui, theme, chosen, &format!("{percent} %")).clicked() {
                    commands.push(UiCommand::SetZoom(zoom));
                }
            }
        });
        section(ui, scene, "Memory for history", |ui| {
            for mib in MEMORY_CHOICES {
                let label = if mib < 1024 {
                    format!("{mib} MiB")
                } else {
                    format!("{} GiB", mib / 1024)
                };
                if choice(ui, theme, now.memory_limit == mib * MIB, &label).clicked() {
                    commands.push(UiCommand::SetMemoryLimit(mib * MIB));
                }
            }
        });
        section(ui, scene, "Times, and what charts draw them from", |ui| {
            for (zone, label) in [(ZoneChoice::Utc, "UTC"), (ZoneChoice::Local, "Local time")] {
                if choice(ui, theme, now.zone == zone, label).clicked() {
                    commands.push(UiCommand::SetZone(zone));
                }
            }
            for (is_on, label) in [(false, "Of arrival"), (true, "Of the source")] {
                let chosen = now.source_times == is_on;
                if choice(ui, theme, chosen, label).clicked() && !chosen {
                    commands.push(UiCommand::ToggleSourceTimes);
                }
            }
        });
        section(ui, scene, "Changed values", |ui| {
            for (flash, label) in [(true, "Flash"), (false, "Do not flash")] {
                if choice(ui, theme, now.flash == flash, label).clicked() {
                    commands.push(UiCommand::SetFlash(flash));
                }
            }
        });
        let (reference, _) = now.reference.heading(scene.zone);
        section(
            ui,
            scene,
            &format!("Changes in percent, now {reference}"),
            |ui| {
                for (label, reference) in ChangeReference::choices(scene.zone, scene.now_ns) {
                    let label = label.trim_start_matches("Change ");
                    if choice(ui, theme, now.reference == reference, label).clicked() {
                        commands.push(UiCommand::SetReference(reference));
                    }
                }
                let title = "Time that changes are measured from";
                let hint = "since a time, e.g. 09:30 or 2026-11-26 09:30";
                if field(ui, scene, &mut self.reference, title, hint)
                    && let Some(time_ns) = scene.zone.parse(&self.reference, scene.now_ns)
                {
                    let reference = ChangeReference::Since(time_ns);
                    commands.push(UiCommand::SetReference(reference));
                }
            },
        );
        let title = "Folder for recordings, tables and pictures";
        section(ui, scene, title, |ui| {
            let usual = destination::folder().display().to_string();
            if field(ui, scene, &mut self.folder, title, &usual) && self.folder != now.folder {
                commands.push(UiCommand::SetFolder(self.folder.clone()));
            }
        });
        let title = "Sound of alerts: a program with its arguments";
        section(ui, scene, title, |ui| {
            let line = &mut self.sound_command;
            if field(ui, scene, line, title, "no sound") && *line != now.sound_command {
                commands.push(UiCommand::SetSoundCommand(line.clone()));
            }
        });
    }
}

/// Draws a text field. Returns whether editing has ended.
fn field(ui: &mut Ui, scene: &Scene<'_>, text: &mut String, name: &str, hint: &str) -> bool {
    let field = egui::TextEdit::singleline(text)
        .font(theme::small_figures())
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(8, 6));
    text_field(ui, scene.theme, name, hint, field).lost_focus()
}

fn section(ui: &mut Ui, scene: &Scene<'_>, title: &str, contents: impl FnOnce(&mut Ui)) {
    ui.add_space(4.0);
    ui.label(styled(title, theme::small(), scene.theme.muted));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        contents(ui);
    });
    ui.add_space(4.0);
}
