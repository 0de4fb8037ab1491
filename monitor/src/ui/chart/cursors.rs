//! The lines of the two cursors, and where the pointer takes hold of them.

use egui::{Align2, Color32, Rect, pos2, vec2};

use super::canvas::Canvas;
use crate::{data::chart::Cursors, ui::theme};

/// The names of the cursors.
pub(super) const NAMES: [&str; 2] = ["A", "B"];

/// The pointer takes hold of a cursor within this distance.
const GRIP: f32 = 5.0;

/// The number of the cursor at this place of the time axis.
pub(super) fn at(cursors: Option<Cursors>, x_of: impl Fn(i64) -> f32, x: f32) -> Option<usize> {
    let times_ns = cursors?.times_ns;
    let distance = |number: usize| (x_of(times_ns[number]) - x).abs();
    let nearest = if distance(1) <= distance(0) { 1 } else { 0 };
    (distance(nearest) <= GRIP).then_some(nearest)
}

/// Draws the cursors, with their times on the time axis.
pub(super) fn draw(canvas: &Canvas<'_>, cursors: Option<Cursors>) {
    let Some(cursors) = cursors else { return };
    let (theme, plot, areas) = (canvas.theme(), &canvas.plot, &canvas.areas);
    let mut taken: Option<Rect> = None;
    for (name, time_ns) in NAMES.into_iter().zip(cursors.times_ns) {
        let x = plot.x(time_ns);
        if !areas.plot.x_range().contains(x) {
            continue;
        }
        let stroke = egui::Stroke::new(1.0, theme.accent);
        canvas.inside.vline(x, areas.plot.y_range(), stroke);
        let knob = Rect::from_center_size(pos2(x, areas.plot.bottom() - 10.0), vec2(16.0, 16.0));
        label(canvas, knob, name, theme.accent);
        let text = canvas.scene.zone.time_us(time_ns);
        let font = theme::axis_figures();
        let galley = canvas.outside.layout_no_wrap(text, font, theme.on_accent);
        let half = galley.size().x / 2.0 + theme::STEP;
        let range = (areas.times.left() + half, areas.axis.right() - half);
        let middle = x.clamp(range.0, range.1.max(range.0));
        let place = pos2(middle, areas.times.center().y);
        let ground = Rect::from_center_size(place, vec2(2.0 * half, galley.size().y + 4.0));
        // Two cursors at nearly one time would print over each other.
        if taken.is_some_and(|taken| taken.intersects(ground)) {
            continue;
        }
        taken = Some(ground);
        canvas
            .outside
            .rect_filled(ground, egui::CornerRadius::same(3), theme.accent);
        let corner = ground.center() - galley.size() / 2.0;
        canvas.outside.galley(corner, galley, theme.on_accent);
    }
}

fn label(canvas: &Canvas<'_>, rect: Rect, name: &str, ground: Color32) {
    canvas
        .inside
        .rect_filled(rect, egui::CornerRadius::same(3), ground);
    canvas.inside.text(
        rect.center(),
        Align2::CENTER_CENTER,
        name,
        theme::axis_text(),
        canvas.theme().on_accent,
    );
}
