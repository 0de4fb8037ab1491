//! A line with the newest alert, until it is acknowledged.

use egui::{Align, Layout, Ui};

use crate::{
    data::alerts::{AlertEvent, Alerts},
    ui::{
        command::{Overlay, Placement, UiCommand},
        mute,
        names::Name,
        scene::Scene,
        theme,
        widgets::{action, status_light, styled},
    },
};

/// Height of the line.
pub(crate) const HEIGHT: f32 = 34.0;

/// The least width of the name, as a part of the room for name and words.
const NAME_PART: f32 = 0.5;

/// In a narrower line the time is left out.
const TIME_FROM_WIDTH: f32 = 640.0;

/// The newest alert that was not acknowledged, and how many more there are. While a recording is
/// played, those of the server come first.
pub(crate) fn newest<'a>(scene: &Scene<'a>) -> Option<(&'a AlertEvent, usize)> {
    let all: [Option<&'a Alerts>; 2] = [scene.live_alerts, Some(scene.alerts)];
    let unseen = |alerts: &'a Alerts| alerts.unseen();
    let count: usize = all.into_iter().flatten().map(|a| unseen(a).count()).sum();
    let event = all
        .into_iter()
        .flatten()
        .find_map(|alerts| unseen(alerts).next_back())?;
    Some((event, count - 1))
}

/// Draws the newest alert that was not acknowledged, with buttons for it.
pub(crate) fn show(ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
    let mut commands = Vec::new();
    let Some((event, more)) = newest(scene) else {
        return commands;
    };
    let theme = scene.theme;
    let is_live = scene
        .live_alerts
        .is_some_and(|alerts| alerts.unseen().next().is_some());
    let has_time = ui.available_width() >= TIME_FROM_WIDTH;
    // The buttons come first, so that no text pushes them away.
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        if action(ui, theme, "Seen").clicked() {
            commands.push(UiCommand::AcknowledgeAlerts);
        }
        if action(ui, theme, "All alerts").clicked() {
            commands.push(UiCommand::Overlay(Some(Overlay::Alerts)));
        }
        if action(ui, theme, "Show chart").clicked() {
            commands.push(UiCommand::Chart {
                topic: event.topic.clone(),
                placement: Placement::Active,
            });
        }
        // What a recording tells is about the past: there is nothing to mute.
        if is_live || scene.live_alerts.is_none() {
            commands.extend(mute::show(ui, scene, Some(event.rule), None, &event.text));
        }
        if more > 0 {
            let text = format!("and {more} more");
            ui.label(styled(text, theme::small(), theme.muted));
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            status_light(ui, theme.bad);
            if has_time {
                let time = scene.zone.time(event.time_ns);
                ui.label(styled(time, theme::small_figures(), theme.muted));
            }
            if is_live {
                ui.label(styled("Live:", theme::small(), theme.warning));
            }
            let name = Name {
                text: event.topic.as_str(),
                font: theme::strong(),
                color: theme.text,
            };
            let words = Name {
                text: &event.text,
                font: theme::text(),
                color: theme.bad,
            };
            let room = ui.available_width() - ui.spacing().item_spacing.x;
            let rest = room - words.width(ui.painter());
            name.show(ui, rest.max(room * NAME_PART));
            let width = ui.available_width();
            words.show_cut_at_end(ui, width);
        });
    });
    commands
}
