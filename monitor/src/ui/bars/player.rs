//! The line that controls the recording being played.

use egui::{Align, Layout, Ui};

use crate::{
    data::format,
    ui::{
        command::{PlayerAction, UiCommand},
        scene::Scene,
        theme,
        widgets::{choice, status_light, styled},
    },
};

/// Height of the line.
pub(crate) const HEIGHT: f32 = 34.0;

/// Speeds to choose from.
const SPEEDS: [f64; 5] = [1.0, 5.0, 20.0, 60.0, 300.0];

/// Draws the line and returns the commands that the user gave.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
    let mut commands = Vec::new();
    let Some(player) = scene.player else {
        return commands;
    };
    let theme = scene.theme;
    let (first, last) = player.range();
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        status_light(ui, theme.warning);
        let name = player
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let name = format::cut(&format!("Recording {name}"), 60);
        ui.label(styled(name, theme::small(), theme.warning));
        let label = if player.is_paused() { "Play" } else { "Pause" };
        if ui.button(label).clicked() {
            commands.push(UiCommand::Player(PlayerAction::SetPaused(
                !player.is_paused(),
            )));
        }
        for speed in SPEEDS {
            let chosen = (player.speed() - speed).abs() < 1e-9;
            if choice(ui, theme, chosen, &format!("{speed}×")).clicked() {
                commands.push(UiCommand::Player(PlayerAction::SetSpeed(speed)));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let stop = ui.button("Back to the server");
            if stop.clicked() {
                commands.push(UiCommand::Player(PlayerAction::Stop));
            }
            if player.bad_lines() > 0 {
                let text = format!("{} bad lines", format::count(player.bad_lines()));
                ui.label(styled(text, theme::small(), theme.bad));
            }
            let left = format::duration(last - player.now_ns());
            ui.label(styled(
                format!("{left:>14} left"),
                theme::small_figures(),
                theme.muted,
            ));
            let mut at = (player.now_ns() - first) as f64;
            ui.spacing_mut().slider_width = (ui.available_width() - 160.0).max(80.0);
            let slider =
                egui::Slider::new(&mut at, 0.0..=(last - first).max(1) as f64).show_value(false);
            let response = ui.add(slider);
            response.widget_info(|| egui::WidgetInfo::slider(true, at, "Time in the recording"));
            if response.changed() {
                commands.push(UiCommand::Player(PlayerAction::Seek(first + at as i64)));
            }
            let now = scene.zone.date_time(player.now_ns());
            ui.label(styled(now, theme::small_figures(), theme.text));
        });
    });
    commands
}
