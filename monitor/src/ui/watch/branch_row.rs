//! The row of a branch that is not itself a topic.

use egui::{Color32, Pos2, Sense, Ui, pos2, vec2};

use super::topic_row;
use crate::{
    data::{format, tree::TreeRow},
    ui::{names::Name, scene::Scene, theme},
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
    let label = Name {
        text: if label.is_empty() { "(empty)" } else { label },
        font: theme::text(),
        color,
    };
    let place = pos2(left + 13.0, middle);
    // The label keeps its width; numbers that do not fit beside it are left out.
    let end = place.x + label.width(painter);
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
        let Some(text) = text else { continue };
        let font = theme::axis_figures();
        let galley = painter.layout_no_wrap(text, font, color);
        let start = right - galley.size().x;
        if start - 10.0 >= end {
            painter.galley(pos2(start, middle - galley.size().y / 2.0), galley, color);
            right = start - 10.0;
        }
    }
    label.paint(painter, place, right - place.x);
    response.clicked()
}
