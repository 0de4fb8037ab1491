//! What a chart says about topics that may not be read (any more).

use egui::{pos2, vec2};

use super::{canvas::Canvas, pane::ChartPane};
use crate::{data::format, ui::theme};

/// Writes why nothing comes of the first such topic, since when, and up to which position
/// everything has come.
pub(super) fn draw(canvas: &Canvas<'_>, pane: &ChartPane) {
    let scene = canvas.scene;
    if scene.player.is_some() {
        return;
    }
    let denied = pane.topics.iter().find_map(|topic| {
        let denial = scene.access.denial(topic)?;
        Some((topic, denial))
    });
    let Some((topic, denial)) = denied else {
        return;
    };
    let since = scene.zone.time(denial.since_ns);
    let name = match pane.topics.len() {
        1 => String::new(),
        _ => format!("{topic}: "),
    };
    let place = denial.position.map_or(String::new(), |position| {
        format!(
            ". Everything up to position {} has come.",
            format::count(position)
        )
    });
    let text = format!("{name}Not allowed since {since}: {}{place}", denial.reason);
    let area = canvas.areas.plot;
    let width = (area.width() - 24.0).max(0.0);
    let color = canvas.theme().bad;
    let galley = canvas.inside.layout(text, theme::small(), color, width);
    let place = pos2(area.left() + 10.0, area.top() + 26.0);
    let rect = egui::Rect::from_min_size(place, galley.size());
    let ground = canvas.theme().panel;
    canvas.inside.rect(
        rect.expand2(vec2(6.0, 4.0)),
        4,
        ground,
        canvas.theme().hairline_stroke(),
        egui::StrokeKind::Inside,
    );
    canvas.inside.galley(rect.min, galley, color);
}
