//! The servers that are not shown.

use std::time::Instant;

use egui::{Color32, Ui};

use super::measure;
use crate::{
    data::connection_state::ConnectionState,
    ui::{
        command::{Overlay, ServerAction, UiCommand},
        connection_words::connection_words,
        names::Name,
        scene::{Scene, ServerTab},
        theme,
        widgets::{chip, status_light, styled},
    },
};

/// The most of the bar that the servers take (one part in this many); if they need more, they are
/// one button.
const WIDTH_MAX_PART: f32 = 3.0;

/// The widest address.
const ADDRESS_MAX: f32 = 160.0;

/// What a server says beside its address, with its colour.
fn words(tab: &ServerTab, scene: &Scene<'_>) -> Vec<(String, Color32)> {
    let mut all = Vec::new();
    if !matches!(tab.connection, ConnectionState::Connected { .. }) {
        all.push(connection_words(
            &tab.connection,
            scene.theme,
            Instant::now(),
        ));
    }
    if tab.unseen_alerts > 0 {
        let text = match tab.unseen_alerts {
            1 => "1 alert".to_owned(),
            alerts => format!("{alerts} alerts"),
        };
        all.push((text, scene.theme.bad));
    }
    all
}

fn others<'a>(scene: &Scene<'a>) -> impl Iterator<Item = (usize, &'a ServerTab)> {
    let tabs = scene.tabs.iter().enumerate();
    tabs.filter(|(_, tab)| !tab.is_active)
}

fn all_width(ui: &Ui, scene: &Scene<'_>) -> f32 {
    let width = |tab: &ServerTab| {
        let address = measure::text(ui, short(&tab.url), theme::small_figures());
        let words = words(tab, scene);
        let words = words
            .iter()
            .map(|(text, _)| measure::text(ui, text, theme::small()) + 6.0);
        measure::chip(measure::LIGHT + address.min(ADDRESS_MAX) + words.sum::<f32>()) + 12.0
    };
    others(scene).map(|(_, tab)| width(tab)).sum()
}

fn is_one_button(ui: &Ui, scene: &Scene<'_>) -> bool {
    all_width(ui, scene) > ui.ctx().viewport_rect().width() / WIDTH_MAX_PART
}

fn button_words(scene: &Scene<'_>) -> (String, Color32) {
    let (others, alerts) = others(scene).fold((0, 0), |(count, alerts), (_, tab)| {
        (count + 1, alerts + tab.unseen_alerts)
    });
    match alerts {
        0 => (format!("+{others} servers"), scene.theme.muted),
        alerts => (
            format!("+{others} servers, {alerts} alerts"),
            scene.theme.bad,
        ),
    }
}

/// The width of what [`show`] draws; 0 if there are no other servers.
pub(super) fn width(ui: &Ui, scene: &Scene<'_>) -> f32 {
    if is_one_button(ui, scene) {
        let (words, _) = button_words(scene);
        measure::chip(measure::text(ui, &words, theme::small()))
    } else {
        (all_width(ui, scene) - 12.0).max(0.0)
    }
}

/// Draws the other servers: whether they answer, and how many alerts fired there.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let theme = scene.theme;
    if is_one_button(ui, scene) {
        chip(ui, theme, |ui| {
            let (words, color) = button_words(scene);
            let button = egui::Button::new(styled(words, theme::small(), color)).frame(false);
            if ui.add(button).clicked() {
                commands.push(UiCommand::Overlay(Some(Overlay::Servers)));
            }
        });
        return;
    }
    for (at, tab) in others(scene) {
        chip(ui, theme, |ui| {
            let (state, color) = connection_words(&tab.connection, theme, Instant::now());
            status_light(ui, color);
            let address = Name {
                text: short(&tab.url),
                font: theme::small_figures(),
                color: theme.muted,
            };
            let show = address.button(ui, ADDRESS_MAX);
            show.widget_info(|| {
                let name = format!("Show server {}, {state}", tab.url);
                egui::WidgetInfo::labeled(egui::Role::Button, true, name)
            });
            if show.on_hover_text(&tab.url).clicked() {
                commands.push(UiCommand::Server(ServerAction::Show(at)));
            }
            for (text, color) in words(tab, scene) {
                ui.label(styled(text, theme::small(), color));
            }
        });
    }
}

/// An address without its scheme and the usual path.
fn short(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.strip_suffix("/ws").unwrap_or(url)
}
