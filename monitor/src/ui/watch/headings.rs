//! The headings of the columns: a click sorts.

use egui::{Rect, Sense, Ui, pos2, vec2};

use super::columns::RowColumns;
use crate::{
    files::saved_state::{ListOptions, Sort},
    ui::{scene::Scene, theme, widgets::paint_right},
};

/// Draws the headings. A tree has only one order.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, options: &mut ListOptions, is_tree: bool) {
    let theme = scene.theme;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let columns = RowColumns::of(rect);
    for (label, sort, range, tip) in columns.headings() {
        let is_right = sort != Sort::Name;
        let cell = Rect::from_x_y_ranges(range, rect.y_range());
        let response = ui
            .interact(cell, ui.scope_id().with(("heading", label)), Sense::click())
            .on_hover_text(tip);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {label}"))
        });
        let is_current = options.sort == sort && !is_tree;
        let color = if response.hovered() || (is_current && sort != Sort::Name) {
            theme.text
        } else {
            theme.muted
        };
        let arrow = match (is_current, options.is_reversed) {
            (true, true) => " ▴",
            (true, false) if sort != Sort::Name => " ▾",
            _ => "",
        };
        let text = format!("{label}{arrow}");
        if is_right {
            let place = pos2(range.max, cell.center().y);
            paint_right(ui.painter(), place, &text, theme::small(), color);
        } else {
            ui.painter().text(
                pos2(range.min, cell.center().y),
                egui::Align2::LEFT_CENTER,
                text,
                theme::small(),
                color,
            );
        }
        if response.clicked() && !is_tree {
            if is_current {
                options.is_reversed = !options.is_reversed;
            } else {
                options.sort = sort;
                options.is_reversed = false;
            }
        }
    }
}
