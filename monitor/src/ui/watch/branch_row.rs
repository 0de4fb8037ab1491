//! The row of a branch that is not itself a topic.

use egui::{Color32, Pos2, Sense, Ui, pos2, vec2};

use super::topic_row;
use crate::{
    data::{format, tree::TreeRow},
    ui::{
        scene::Scene,
        theme,
        widgets::{paint_cut, paint_right},
    },
};

pub(super) fn arrow(ui: &Ui, place: Pos2, is_open: bool, color: Color32) {
    let arrow = if is_open { "▾" } else { "▸" };
    let align = egui::Align2::LEFT_CENTER;
    ui.painter()
        .text(place, align, arrow, theme::small(), color);
}

/// A branch in words, for screen readers.
pub(super) fn branch_name(row: &TreeRow, label: &str) -> String {
    let state = match row.is_open {
        Some(true) => "open",
        _ => "closed",
    };
    let counts = row.counts;
    let topics = match counts.topics {
        1 => "1 topic".to_owned(),
        topics => format!("{topics} topics"),
    };
    let mut name = format!("Branch {label}, {state}, {topics}");
    for (count, word) in [(counts.stale, "stale"), (counts.dead, "dead")] {
        if count > 0 {
            name = format!("{name}, {count} {word}");
        }
    }
    name
}

/// Draws a branch that is not itself a topic. Returns whether it was clicked.
pub(super) fn show(
    ui: &mut Ui,
    scene: &Scene<'_>,
    row: &TreeRow,
    label: &str,
    indent: f32,
    is_here: bool,
) -> bool {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Button, true, branch_name(row, label))
    });
    let painter = ui.painter();
    topic_row::ground(painter, theme, rect, is_here, response.hovered());
    let color = if response.hovered() || is_here {
        theme.text
    } else {
        theme.muted
    };
    let middle = rect.center().y;
    let left = rect.left() + 12.0 + indent;
    arrow(ui, pos2(left, middle), row.is_open == Some(true), color);
    let counts = row.counts;
    let mut right = rect.right() - 12.0;
    let count = |n: u32| format::count(u64::from(n));
    for (text, color) in [
        (Some(count(counts.topics)), theme.dim),
        (
            (counts.stale > 0).then(|| format!("{} stale", count(counts.stale))),
            theme.warning,
        ),
        (
            (counts.dead > 0).then(|| format!("{} dead", count(counts.dead))),
            theme.bad,
        ),
    ] {
        if let Some(text) = text {
            let place = pos2(right, middle);
            let drawn = paint_right(painter, place, &text, theme::axis_figures(), color);
            right = drawn.left() - 10.0;
        }
    }
    let place = pos2(left + 13.0, middle);
    let label = if label.is_empty() { "(empty)" } else { label };
    paint_cut(painter, place, right - place.x, label, theme::text(), color);
    response.clicked()
}
