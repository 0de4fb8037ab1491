//! The headings of the columns: a click sorts.

use egui::{Rect, Response, Sense, Ui, pos2, vec2};

use super::columns::{LIST_NAME_MIN, RowColumns, TREE_NAME_MIN};
use crate::{
    data::topics::ChangeReference,
    files::saved_state::{ListOptions, Sort},
    ui::{command::UiCommand, scene::Scene, theme, widgets::paint_right},
};

/// Draws the headings. A tree has only one order.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    options: &mut ListOptions,
    is_tree: bool,
    commands: &mut Vec<UiCommand>,
) {
    let theme = scene.theme;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
    let name_min = if is_tree {
        TREE_NAME_MIN
    } else {
        LIST_NAME_MIN
    };
    let columns = RowColumns::of(rect, name_min);
    let (change, change_tip) = scene.preferences.reference.heading(scene.zone);
    for (label, sort, range, tip) in columns.headings((&change, &change_tip)) {
        let is_right = sort != Sort::Name;
        let cell = Rect::from_x_y_ranges(range, rect.y_range());
        let response = ui
            .interact(cell, ui.scope_id().with(("heading", sort)), Sense::click())
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
        if sort == Sort::Change {
            references(&response, scene, commands);
        }
    }
}

/// Offers other references of the change on a right click.
fn references(response: &Response, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    response.context_menu(|ui| {
        for (label, reference) in ChangeReference::choices(scene.zone, scene.now_ns) {
            if ui.button(label).clicked() {
                commands.push(UiCommand::SetReference(reference));
                ui.close();
            }
        }
    });
}
