//! Shown while there are no charts: the state of the connection, and what to do.

use std::time::Instant;

use egui::{Align, Layout, Sense, Ui, vec2};

use crate::{
    data::connection_state::ConnectionState,
    ui::{connection_words::connection_words, scene::Scene, theme, widgets::styled},
};

/// Draws the state of the connection, and what to do.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let height = ui.available_height();
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((height * 0.32).max(24.0));
        match scene.connection {
            ConnectionState::Connected { .. } | ConnectionState::Silent { .. }
                if scene.store.is_empty() =>
            {
                title(ui, scene, "Connected. No topic has a value yet.");
                line(
                    ui,
                    scene,
                    "Topics appear in the list as soon as a value is published.",
                );
            }
            ConnectionState::Connected { .. } | ConnectionState::Silent { .. } => {
                title(ui, scene, "Choose a topic to chart it");
                line(
                    ui,
                    scene,
                    "Click one in the list, or move with j and k and press Enter.",
                );
                line(
                    ui,
                    scene,
                    "Ctrl+click opens it in a new pane, Shift+click on the same chart.",
                );
            }
            state => {
                let (words, color) = connection_words(state, theme, Instant::now());
                if let Some(problem) = scene.access.problem() {
                    title(ui, scene, &format!("Not logged in at {}", scene.url));
                    ui.label(styled(problem, theme::text(), theme.bad));
                    line(ui, scene, "Click Log in at the top.");
                    return;
                }
                title(ui, scene, &format!("No server at {}", scene.url));
                ui.label(styled(words, theme::text(), color));
                if let ConnectionState::BackingOff { why, .. } | ConnectionState::Ended { why } =
                    state
                {
                    line(ui, scene, why);
                }
                ui.add_space(20.0);
                line(ui, scene, "Start one with simulated data:");
                ui.add_space(2.0);
                command(ui, scene, "tickcast-server");
                ui.add_space(8.0);
                line(
                    ui,
                    scene,
                    "or click the address at the top to connect to another one.",
                );
            }
        }
    });
}

fn title(ui: &mut Ui, scene: &Scene<'_>, text: &str) {
    ui.label(styled(text, theme::strong(), scene.theme.text));
    ui.add_space(4.0);
}

fn line(ui: &mut Ui, scene: &Scene<'_>, text: &str) {
    ui.label(styled(text, theme::text(), scene.theme.muted));
}

fn command(ui: &mut Ui, scene: &Scene<'_>, text: &str) {
    let theme = scene.theme;
    let galley = ui
        .painter()
        .layout_no_wrap(text.to_owned(), theme::figures(), theme.text);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(24.0, 12.0), Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, text));
    ui.painter().rect_filled(rect, theme::CORNER, theme.raised);
    let place = rect.center() - galley.size() / 2.0;
    ui.painter().galley(place, galley, theme.text);
}
