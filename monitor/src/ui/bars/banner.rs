//! A line with the newest alert, until it is acknowledged.

use egui::{Align, Layout, Ui};

use crate::ui::{
    command::{Overlay, Placement, UiCommand},
    scene::Scene,
    theme,
    widgets::{status_light, styled},
};

/// Height of the line.
pub(crate) const HEIGHT: f32 = 34.0;

/// Draws the newest alert that was not acknowledged, with buttons for it.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
    let mut commands = Vec::new();
    let Some(event) = scene.alerts.unseen().next_back() else {
        return commands;
    };
    let theme = scene.theme;
    let more = scene.alerts.unseen().len() - 1;
    ui.horizontal_centered(|ui| {
        status_light(ui, theme.bad);
        ui.label(styled(
            scene.zone.time(event.time_ns),
            theme::small_figures(),
            theme.muted,
        ));
        ui.label(styled(event.topic.as_str(), theme::strong(), theme.text));
        ui.label(styled(&event.text, theme::text(), theme.bad));
        if more > 0 {
            let text = format!("and {more} more");
            ui.label(styled(text, theme::small(), theme.muted));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button("Seen").clicked() {
                commands.push(UiCommand::AcknowledgeAlerts);
            }
            if ui.button("All alerts").clicked() {
                commands.push(UiCommand::Overlay(Some(Overlay::Alerts)));
            }
            if ui.button("Show chart").clicked() {
                commands.push(UiCommand::Chart {
                    topic: event.topic.clone(),
                    placement: Placement::Active,
                });
            }
        });
    });
    commands
}
