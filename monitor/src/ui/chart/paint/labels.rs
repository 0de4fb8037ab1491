//! Dashed lines, markers, and texts with a background.

use egui::{
    Align2, Color32, CornerRadius, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2,
};

use crate::ui::theme::{self, Theme};

/// The most dashes of a line: enough for any screen.
const DASHES_MAX: usize = 4_096;

/// Draws a dashed line along an axis, as rectangles on whole pixels: two triangles a dash, where
/// egui's dashes have round ends and soft edges, of some twenty.
pub(crate) fn dashed(painter: &Painter, from: Pos2, to: Pos2, color: Color32, dash: f32) {
    let half = 0.5 / painter.pixels_per_point();
    let (from, to) = (from.min(to), from.max(to));
    let is_across = to.x - from.x >= to.y - from.y;
    let (begin, end) = if is_across {
        (from.x, to.x)
    } else {
        (from.y, to.y)
    };
    let beside = painter.round_to_pixel_center(if is_across { from.y } else { from.x });
    let beside = beside - half..=beside + half;
    let dashes = (((end - begin) / (2.0 * dash)).ceil() as usize).min(DASHES_MAX);
    let mut mesh = Mesh::default();
    for number in 0..dashes {
        let at = begin + number as f32 * 2.0 * dash;
        let along = at..=(at + dash).min(end);
        let rect = if is_across {
            Rect::from_x_y_ranges(along, beside.clone())
        } else {
            Rect::from_x_y_ranges(beside.clone(), along)
        };
        mesh.add_colored_rect(rect, color);
    }
    painter.add(Shape::mesh(mesh));
}

/// Draws a triangle that points at a place from above.
pub(crate) fn marker(painter: &Painter, tip: Pos2, color: Color32) {
    let points = vec![tip, tip + vec2(-5.0, -9.0), tip + vec2(5.0, -9.0)];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

/// Draws a value on its axis, on a background. `x` is the left edge of the axis.
pub(crate) fn axis_label(
    painter: &Painter,
    x: f32,
    y: f32,
    width: f32,
    text: &str,
    (ground, ink): (Color32, Color32),
) {
    let rect = Rect::from_min_max(pos2(x + 2.0, y - 9.0), pos2(x + width - 3.0, y + 9.0));
    painter.rect_filled(rect, CornerRadius::same(3), ground);
    painter.text(
        pos2(x + 2.0 * theme::STEP, y),
        Align2::LEFT_CENTER,
        text,
        theme::axis_figures(),
        ink,
    );
}

/// A line of text in a box.
#[derive(Debug, Clone)]
pub(crate) struct BoxLine {
    /// The text.
    pub(crate) text: String,
    /// Its font.
    pub(crate) font: FontId,
    /// Its colour.
    pub(crate) color: Color32,
}

/// Draws a box with lines of text beside a place, inside of `within`.
pub(crate) fn text_box(
    painter: &Painter,
    place: Pos2,
    within: Rect,
    lines: &[BoxLine],
    theme: &Theme,
) {
    let galleys: Vec<_> = lines
        .iter()
        .map(|line| painter.layout_no_wrap(line.text.clone(), line.font.clone(), line.color))
        .collect();
    let width = galleys.iter().map(|g| g.size().x).fold(0.0, f32::max);
    let height: f32 = galleys.iter().map(|g| g.size().y + 2.0).sum();
    let size = vec2(width, height) + vec2(20.0, 14.0);
    let away = vec2(14.0, -size.y - 14.0);
    let mut corner = place + away;
    if corner.x + size.x > within.right() {
        corner.x = place.x - 14.0 - size.x;
    }
    corner.x = corner.x.max(within.left() + 2.0);
    if corner.y < within.top() + 2.0 {
        let below = (place.y + 14.0).min(within.bottom() - size.y - 2.0);
        corner.y = below.max(within.top() + 2.0);
    }
    let rect = Rect::from_min_size(corner, size);
    painter.rect(
        rect,
        theme::CORNER,
        theme.raised.gamma_multiply(0.96),
        theme.hairline_stroke(),
        egui::StrokeKind::Inside,
    );
    let mut y = corner.y + 7.0;
    for (galley, line) in galleys.into_iter().zip(lines) {
        let height = galley.size().y + 2.0;
        painter.galley(pos2(corner.x + 10.0, y), galley, line.color);
        y += height;
    }
}
