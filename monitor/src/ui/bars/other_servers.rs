//! The servers that are not shown.

use std::time::Instant;

use egui::Ui;

use crate::{
    data::connection_state::ConnectionState,
    ui::{
        command::{ServerAction, UiCommand},
        connection_words::connection_words,
        scene::Scene,
        theme,
        widgets::{chip, status_light, styled},
    },
};

/// Draws the other servers: whether they answer, and how many alerts fired there.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let theme = scene.theme;
    for (at, tab) in scene.tabs.iter().enumerate() {
        if tab.is_active {
            continue;
        }
        chip(ui, theme, |ui| {
            let (words, color) = connection_words(&tab.connection, theme, Instant::now());
            status_light(ui, color);
            let address = short(&tab.url);
            let button = egui::Button::new(styled(address, theme::small_figures(), theme.muted));
            let show = ui.add(button.frame(false));
            show.widget_info(|| {
                let name = format!("Show server {}, {words}", tab.url);
                egui::WidgetInfo::labeled(egui::Role::Button, true, name)
            });
            if show.on_hover_text(&tab.url).clicked() {
                commands.push(UiCommand::Server(ServerAction::Show(at)));
            }
            if !matches!(tab.connection, ConnectionState::Connected { .. }) {
                ui.label(styled(words, theme::small(), color));
            }
            if tab.unseen_alerts > 0 {
                let text = match tab.unseen_alerts {
                    1 => "1 alert".to_owned(),
                    alerts => format!("{alerts} alerts"),
                };
                ui.label(styled(text, theme::small(), theme.bad));
            }
        });
    }
}

/// An address without its scheme and the usual path.
fn short(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.strip_suffix("/ws").unwrap_or(url)
}
