//! The pane itself.

use egui::{Align, CornerRadius, Layout, Rect, Sense, Ui, UiBuilder, vec2};

use super::{
    figures::{self, LINE_HEIGHT, LINES},
    histogram::{self, AXIS_HEIGHT},
};
use crate::ui::{chart::PaneResponse, names::Name, scene::Scene, theme, widgets::styled};

/// Height of the histogram, if there is room.
const HISTOGRAM_HEIGHT: f32 = 72.0;

/// The least height of the histogram.
const HISTOGRAM_MIN_HEIGHT: f32 = 36.0;

/// The health pane. It shows the selected topic, and has no state of its own.
#[derive(Debug, Clone, Copy)]
pub(in crate::ui::panes) struct HealthPane;

/// Draws the pane.
pub(in crate::ui::panes) fn show(ui: &mut Ui, scene: &Scene<'_>) -> PaneResponse {
    let theme = scene.theme;
    let area = ui.max_rect();
    ui.painter()
        .rect_filled(area, CornerRadius::ZERO, theme.background);
    let mut done = PaneResponse::default();
    let (header, body) = area.split_top_bottom_at_y(area.top() + theme::PANE_HEADER_HEIGHT);
    let handle = ui.interact(
        header,
        ui.scope_id().with("header"),
        Sense::click_and_drag(),
    );
    handle.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TitleBar, true, "Pane Health"));
    done.is_dragged = handle.drag_started();
    header_line(ui, scene, header, &mut done);
    let mut ui = ui.new_child(
        UiBuilder::new()
            .max_rect(body.shrink2(vec2(12.0, 4.0)))
            .layout(Layout::top_down(Align::Min)),
    );
    let ui = &mut ui;
    ui.set_clip_rect(body);
    let room = ui.available_height() - LINES as f32 * LINE_HEIGHT - AXIS_HEIGHT - 8.0;
    let height = room.clamp(HISTOGRAM_MIN_HEIGHT, HISTOGRAM_HEIGHT);
    ui.spacing_mut().item_spacing.y = 0.0;
    histogram::show(ui, scene, height);
    ui.add_space(6.0);
    figures::show(ui, scene);
    done
}

fn header_line(ui: &mut Ui, scene: &Scene<'_>, header: Rect, done: &mut PaneResponse) {
    let theme = scene.theme;
    let hovered = ui.rect_contains_pointer(ui.max_rect());
    let inner = header.shrink2(vec2(12.0, 2.0));
    let layout = Layout::right_to_left(Align::Center);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    if hovered {
        let close =
            egui::Button::new(styled("×", theme::text(), theme.muted)).frame_when_inactive(false);
        let close = ui.add(close);
        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Close health"));
        done.is_closed = close.clicked();
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        ui.label(styled("Health", theme::strong(), theme.text));
        let topic = scene
            .selected
            .map_or("all charted topics", |topic| topic.as_str());
        let name = Name {
            text: topic,
            font: theme::small(),
            color: theme.muted,
        };
        let width = ui.available_width();
        name.show(ui, width);
    });
}
