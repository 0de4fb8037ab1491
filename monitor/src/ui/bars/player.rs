//! The line that controls the recording being played.

use egui::{Align, Layout, Ui};

use super::{
    fitting::{BarPart, fitting},
    measure,
};
use crate::{
    data::format,
    files::recording::RecordingPlayer,
    ui::{
        command::{PlayerAction, UiCommand},
        names::Name,
        scene::Scene,
        theme,
        widgets::{choice, status_light, styled},
    },
};

/// Height of the line.
pub(crate) const HEIGHT: f32 = 34.0;

/// Speeds to choose from.
const SPEEDS: [f64; 5] = [1.0, 5.0, 20.0, 60.0, 300.0];

/// The least width of the slider, and of the name.
const SLIDER_MIN: f32 = 80.0;
const NAME_MIN: f32 = 110.0;

/// The most of the line that the name takes.
const NAME_MAX_PART: f32 = 0.25;

/// Space between two parts.
const GAP: f32 = 8.0;

const BACK: &str = "Back to the server";

/// Draws the line and returns the commands that the user gave.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
    let mut commands = Vec::new();
    let Some(player) = scene.player else {
        return commands;
    };
    let theme = scene.theme;
    let (first, last) = player.range();
    let name = file_name(player);
    let holds = player.holds().words();
    let left = format!("{:>14} left", format::duration(last - player.now_ns()));
    let now = scene.zone.date_time(player.now_ns());
    let bad = player.problems();
    let alerts = if scene.has_player_alerts {
        "Alerts on"
    } else {
        "Alerts off"
    };
    let small = |text: &str| match text {
        "" => 0.0,
        text => measure::text(ui, text, theme::small()),
    };
    let speeds: f32 = SPEEDS
        .iter()
        .map(|speed| small(&format!("{speed}×")) + 16.0 + GAP)
        .sum();
    // What cannot be done without: name, pause, slider, and the way back.
    let kept = NAME_MIN + SLIDER_MIN + 60.0 + small(BACK) + 24.0 + 6.0 * GAP;
    let parts = [
        (speeds, 1),
        (small(alerts) + 16.0, 2),
        (measure::text(ui, &now, theme::small_figures()), 3),
        (small(&bad), 0),
        (measure::text(ui, &left, theme::small_figures()), 5),
        (small(&holds), 4),
    ];
    let parts = parts.map(|(width, rank)| BarPart { width, rank });
    let shown = fitting(&parts, ui.available_width() - kept, GAP);
    let name_max = (ui.available_width() * NAME_MAX_PART).max(NAME_MIN - measure::LIGHT);
    let used: f32 = parts
        .iter()
        .zip(&shown)
        .filter(|(_, shown)| **shown)
        .map(|(part, _)| part.width + GAP)
        .sum();
    let spare = (ui.available_width() - kept - used).max(0.0);
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        status_light(ui, theme.warning);
        let title = Name {
            text: &name,
            font: theme::small(),
            color: theme.warning,
        };
        let width = (NAME_MIN - measure::LIGHT + spare / 2.0).min(name_max);
        title.show(ui, width).on_hover_text(&holds);
        let label = if player.is_paused() { "Play" } else { "Pause" };
        if ui.button(label).clicked() {
            commands.push(UiCommand::Player(PlayerAction::SetPaused(
                !player.is_paused(),
            )));
        }
        for speed in SPEEDS.iter().copied().filter(|_| shown[0]) {
            let chosen = (player.speed() - speed).abs() < 1e-9;
            if choice(ui, theme, chosen, &format!("{speed}×")).clicked() {
                commands.push(UiCommand::Player(PlayerAction::SetSpeed(speed)));
            }
        }
        if shown[1] {
            let tip = "Alerts of a recording are about the past: they are silent unless asked for";
            let on = scene.has_player_alerts;
            if choice(ui, theme, on, alerts).on_hover_text(tip).clicked() {
                commands.push(UiCommand::Player(PlayerAction::SetAlerts(!on)));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(BACK).clicked() {
                commands.push(UiCommand::Player(PlayerAction::Stop));
            }
            if shown[3] {
                ui.label(styled(bad, theme::small(), theme.bad));
            }
            if shown[4] {
                ui.label(styled(left, theme::small_figures(), theme.muted));
            }
            if shown[5] {
                ui.label(styled(holds, theme::small(), theme.muted));
            }
            let for_time = if shown[2] { parts[2].width + GAP } else { 0.0 };
            let mut at = (player.now_ns() - first) as f64;
            ui.spacing_mut().slider_width = (ui.available_width() - for_time - GAP).max(40.0);
            let slider =
                egui::Slider::new(&mut at, 0.0..=(last - first).max(1) as f64).show_value(false);
            let response = ui.add(slider);
            response.widget_info(|| egui::WidgetInfo::slider(true, at, "Time in the recording"));
            if response.changed() {
                commands.push(UiCommand::Player(PlayerAction::Seek(first + at as i64)));
            }
            if shown[2] {
                ui.label(styled(now, theme::small_figures(), theme.text));
            }
        });
    });
    commands
}

fn file_name(player: &RecordingPlayer) -> String {
    let name = player.path().file_name().unwrap_or_default();
    format!("Recording {}", name.to_string_lossy())
}
