//! What stands where charts will be, as long as there are none: what to do.

use std::time::Instant;

use egui::{Align, Layout, Sense, Ui, vec2};

use super::{top_bar::link_words, widgets::styled};
use crate::{inbox::Link, scene::Scene, theme};

/// Tells what is going on and what to do.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let height = ui.available_height();
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((height * 0.32).max(24.0));
        match scene.link {
            Link::Connected { .. } | Link::Silent { .. } if scene.store.is_empty() => {
                title(ui, scene, "Connected. No topic has a value yet.");
                line(
                    ui,
                    scene,
                    "They appear in the list by themselves as soon as something is published.",
                );
            }
            Link::Connected { .. } | Link::Silent { .. } => {
                title(ui, scene, "Choose a topic to chart it");
                line(
                    ui,
                    scene,
                    "Click one in the list, or move with j and k and press Enter.",
                );
                line(
                    ui,
                    scene,
                    "Ctrl+click opens it in a pane beside, Shift+click on the same chart.",
                );
            }
            link => {
                let (words, color) = link_words(link, theme, Instant::now());
                title(ui, scene, &format!("No server at {}", scene.url));
                ui.label(styled(words, theme::text(), color));
                if let Link::BackingOff { why, .. } | Link::Ended { why } = link {
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
