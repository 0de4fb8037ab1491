//! Shown while there are no charts here: what is the case, and what to do.

use std::time::Instant;

use egui::{Align, Layout, Sense, Ui, vec2};

use crate::{
    data::connection_state::ConnectionState,
    ui::{
        connection_advice::Advice, connection_words::connection_words, scene::Scene, theme,
        widgets::styled,
    },
};

/// Draws what is the case, and what to do.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let height = ui.available_height();
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((height * 0.32).max(24.0));
        let Some(advice) = Advice::of(scene) else {
            title(ui, scene, "Choose a topic to chart it");
            for text in [
                "Click one in the list, or move with j and k and press Enter.",
                "Ctrl+click opens it in a new pane, Shift+click on the same chart.",
            ] {
                line(ui, scene, text);
            }
            return;
        };
        title(ui, scene, &advice.title);
        if let ConnectionState::BackingOff { .. } = scene.connection
            && scene.player.is_none()
        {
            let (words, color) = connection_words(scene.connection, theme, Instant::now());
            ui.label(styled(words, theme::text(), color));
        }
        if let Some(why) = &advice.why {
            line(ui, scene, why);
        }
        if advice.wants_server {
            ui.add_space(20.0);
            line(ui, scene, "Start one with simulated data:");
            ui.add_space(2.0);
            command(ui, scene, "tickcast-server");
            ui.add_space(8.0);
        }
        line(ui, scene, &advice.hint);
    });
}

/// Says that all panes are in windows of their own.
pub(super) fn all_panes_out(ui: &mut Ui, scene: &Scene<'_>) {
    let height = ui.available_height();
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((height * 0.32).max(24.0));
        title(ui, scene, "All panes are in windows of their own");
        line(ui, scene, "A window that is closed brings its pane back.");
        line(ui, scene, "B brings all of them back.");
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
