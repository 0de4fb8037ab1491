//! The heading of a group of topics.

use egui::{Sense, Ui, pos2, vec2};

use crate::{
    data::format,
    ui::{
        names::Name,
        theme::{self, Theme},
        widgets::paint_right,
    },
};

/// Draws the heading of a group. Returns whether it was clicked.
pub(super) fn show(ui: &mut Ui, theme: &Theme, name: &str, topics: usize, folded: bool) -> bool {
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let state = if folded { "folded" } else { "unfolded" };
        egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Group {name}, {state}"))
    });
    let color = if response.hovered() {
        theme.text
    } else {
        theme.muted
    };
    let arrow = if folded { "▸" } else { "▾" };
    let place = pos2(rect.left() + 12.0, rect.center().y);
    let painter = ui.painter();
    painter.text(
        place,
        egui::Align2::LEFT_CENTER,
        arrow,
        theme::small(),
        color,
    );
    let place = place + vec2(13.0, 0.0);
    let mut right = rect.right() - 12.0;
    if folded || response.hovered() {
        let (count, font) = (format::count(topics as u64), theme::axis_figures());
        let right_center = pos2(right, rect.center().y);
        right = paint_right(painter, right_center, &count, font, theme.dim).left() - 10.0;
    }
    let name = Name {
        text: name,
        font: theme::small(),
        color,
    };
    name.paint(painter, place, right - place.x);
    response.clicked()
}
