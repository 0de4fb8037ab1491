//! Draws what was computed, and decides nothing.

use egui::{
    Align2, Color32, CornerRadius, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2,
};

use super::{
    candles::Candle,
    plot::Plot,
    reduce::{BandPiece, Extent, Line, Point},
};
use crate::theme::{self, Theme};

/// Distance between the lines of a hatching.
const HATCH_STEP: f32 = 7.0;

/// A gap is at least so wide, so that it is seen however far out the view is zoomed.
const GAP_MIN_WIDTH: f32 = 3.0;

/// Most hatching lines of one gap: enough for a screen.
const HATCH_LINES_MAX: usize = 2_000;

/// Candles stand apart by this part of their interval.
const CANDLE_SPACE: f32 = 0.3;

/// Height of the volume bars, as a part of the chart's.
const VOLUME_HEIGHT: f32 = 0.14;

/// A line with holes.
pub fn line(painter: &Painter, plot: &Plot, line: &Line, color: Color32) {
    match line {
        Line::Points(pieces) => {
            for piece in pieces {
                points(painter, plot, piece, color);
            }
        }
        Line::Strips(pieces) => {
            let feather = 1.0 / painter.pixels_per_point();
            let mut mesh = Mesh::default();
            for piece in pieces {
                strip(&mut mesh, plot, piece, color, feather);
            }
            painter.add(Shape::mesh(mesh));
        }
    }
}

fn points(painter: &Painter, plot: &Plot, piece: &[Point], color: Color32) {
    let points: Vec<Pos2> = piece
        .iter()
        .map(|point| plot.place(point.at, point.value))
        .collect();
    match points[..] {
        // A sample between two gaps.
        [alone] => {
            painter.circle_filled(alone, theme::LINE_WIDTH, color);
        }
        _ => {
            painter.line(points, Stroke::new(theme::LINE_WIDTH, color));
        }
    }
}

/// Fills what a dense line covers, with soft edges: some vertices per column instead of a path
/// with joins, which would cost several times as much.
fn strip(mesh: &mut Mesh, plot: &Plot, piece: &[Extent], color: Color32, feather: f32) {
    let half = theme::LINE_WIDTH / 2.0 - feather / 2.0;
    let first = mesh.vertices.len() as u32;
    for extent in piece {
        let x = plot.x_of_offset(extent.at);
        let (top, bottom) = (plot.y(extent.high) - half, plot.y(extent.low) + half);
        mesh.colored_vertex(pos2(x, top - feather), Color32::TRANSPARENT);
        mesh.colored_vertex(pos2(x, top), color);
        mesh.colored_vertex(pos2(x, bottom), color);
        mesh.colored_vertex(pos2(x, bottom + feather), Color32::TRANSPARENT);
    }
    for column in 1..piece.len() as u32 {
        let right = first + column * 4;
        let left = right - 4;
        for edge in 0..3 {
            mesh.add_triangle(left + edge, right + edge, left + edge + 1);
            mesh.add_triangle(right + edge, right + edge + 1, left + edge + 1);
        }
    }
    if let [alone] = piece {
        let place = plot.place(alone.at, alone.high);
        let dot = Rect::from_center_size(place, vec2(2.0, 2.0) * theme::LINE_WIDTH);
        mesh.add_colored_rect(dot, color);
    }
}

/// The band of a quote: filled between the lowest bid and the highest ask, with lines on the last
/// bid and ask.
pub fn band(painter: &Painter, plot: &Plot, pieces: &[BandPiece], color: Color32) {
    let mut fill = Mesh::default();
    let fill_color = color.gamma_multiply(0.22);
    let mut bid = Vec::new();
    let mut ask = Vec::new();
    let edge = Stroke::new(1.0, color);
    for piece in pieces {
        let (from, to) = (plot.x_of_offset(piece.from), plot.x_of_offset(piece.to));
        let rect = Rect::from_min_max(pos2(from, plot.y(piece.high)), pos2(to, plot.y(piece.low)));
        fill.add_colored_rect(rect, fill_color);
        if piece.behind_gap {
            painter.line(std::mem::take(&mut bid), edge);
            painter.line(std::mem::take(&mut ask), edge);
        }
        for (line, value) in [(&mut bid, piece.bid), (&mut ask, piece.ask)] {
            let y = plot.y(value);
            line.push(pos2(from, y));
            line.push(pos2(to, y));
        }
    }
    painter.add(Shape::mesh(fill));
    painter.line(bid, edge);
    painter.line(ask, edge);
}

/// Candles of `interval_ns`: one that is not final is hollow, with a dashed outline.
pub fn candles(
    painter: &Painter,
    plot: &Plot,
    candles: &[Candle],
    interval_ns: i64,
    theme: &Theme,
) {
    let width = (interval_ns as f64 / plot.ns_per_point()) as f32;
    let half = (width * (1.0 - CANDLE_SPACE) / 2.0).clamp(0.5, 12.0);
    for candle in candles {
        let color = if candle.is_up() { theme.up } else { theme.down };
        let x = plot.x(candle.start_ns + interval_ns / 2);
        let (open, close) = (plot.y(candle.open), plot.y(candle.close));
        let (top, bottom) = (open.min(close), open.max(close).max(open.min(close) + 1.0));
        let body = Rect::from_min_max(pos2(x - half, top), pos2(x + half, bottom));
        let stroke = Stroke::new(1.0, color);
        painter.vline(x, plot.y(candle.high)..=top, stroke);
        painter.vline(x, bottom..=plot.y(candle.low), stroke);
        if candle.is_complete || half < 2.0 {
            painter.rect_filled(body, CornerRadius::ZERO, color);
        } else {
            let outline = [
                body.left_top(),
                body.right_top(),
                body.right_bottom(),
                body.left_bottom(),
                body.left_top(),
            ];
            painter.extend(Shape::dashed_line(&outline, stroke, 2.5, 2.0));
        }
    }
}

/// Volume bars at the lower edge, coloured by whether the price rose.
pub fn volume(painter: &Painter, plot: &Plot, candles: &[Candle], interval_ns: i64, theme: &Theme) {
    let largest = candles.iter().map(|c| c.volume).fold(0.0, f64::max);
    if largest <= 0.0 {
        return;
    }
    let bottom = plot.rect.bottom();
    let height = plot.rect.height() * VOLUME_HEIGHT;
    let width = ((interval_ns as f64 / plot.ns_per_point()) as f32 * 0.6).clamp(1.0, 24.0);
    let mut bars = Mesh::default();
    for candle in candles {
        let x = plot.x(candle.start_ns + interval_ns / 2);
        let color = if candle.is_up() { theme.up } else { theme.down };
        let top = bottom - (candle.volume / largest) as f32 * height;
        bars.add_colored_rect(
            Rect::from_min_max(pos2(x - width / 2.0, top), pos2(x + width / 2.0, bottom)),
            color.gamma_multiply(0.55),
        );
    }
    painter.add(Shape::mesh(bars));
}

/// A stretch of time of which something is missing.
pub fn gap(painter: &Painter, plot: &Plot, from_ns: i64, to_ns: i64, label: &str, theme: &Theme) {
    let (mut left, mut right) = (plot.x(from_ns), plot.x(to_ns));
    if right - left < GAP_MIN_WIDTH {
        let middle = (left + right) / 2.0;
        left = middle - GAP_MIN_WIDTH / 2.0;
        right = middle + GAP_MIN_WIDTH / 2.0;
    }
    let area = Rect::from_x_y_ranges(left..=right, plot.rect.y_range()).intersect(plot.rect);
    if !area.is_positive() {
        return;
    }
    hatch(painter, area, theme.bad.gamma_multiply(0.45));
    painter.rect_filled(area, CornerRadius::ZERO, theme.bad.gamma_multiply(0.05));
    let galley = painter.layout_no_wrap(label.to_owned(), theme::axis_text(), theme.bad);
    let half = galley.size().x / 2.0 + theme::STEP;
    let range = plot.rect.left() + half..=(plot.rect.right() - half).max(plot.rect.left() + half);
    let x = area.center().x.clamp(*range.start(), *range.end());
    let place = pos2(
        x - galley.size().x / 2.0,
        plot.rect.top() + 2.0 * theme::STEP,
    );
    let ground = Rect::from_min_size(place, galley.size()).expand2(vec2(4.0, 1.0));
    painter.rect_filled(
        ground,
        CornerRadius::same(3),
        theme.background.gamma_multiply(0.85),
    );
    painter.galley(place, galley, theme.bad);
}

fn hatch(painter: &Painter, area: Rect, color: Color32) {
    let painter = painter.with_clip_rect(area.intersect(painter.clip_rect()));
    let stroke = Stroke::new(1.0, color);
    // On a fixed grid of the screen, so that the lines of neighbours meet.
    let mut at = ((area.left() + area.top()) / HATCH_STEP).floor() * HATCH_STEP;
    for _ in 0..HATCH_LINES_MAX {
        if at > area.right() + area.bottom() {
            break;
        }
        painter.line_segment(
            [
                pos2(at - area.top(), area.top()),
                pos2(at - area.bottom(), area.bottom()),
            ],
            stroke,
        );
        at += HATCH_STEP;
    }
}

/// A dashed line across the chart.
pub fn dashed(painter: &Painter, from: Pos2, to: Pos2, color: Color32, dash: f32) {
    painter.extend(Shape::dashed_line(
        &[from, to],
        Stroke::new(1.0, color),
        dash,
        dash,
    ));
}

/// A triangle that points at a place from above.
pub fn marker(painter: &Painter, tip: Pos2, color: Color32) {
    let points = vec![tip, tip + vec2(-5.0, -9.0), tip + vec2(5.0, -9.0)];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
}

/// A value on its axis, on a ground of its own. `x` is the axis' left edge.
pub fn axis_label(
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
pub struct BoxLine {
    /// What it says.
    pub text: String,
    /// In which type.
    pub font: FontId,
    /// In which colour.
    pub color: Color32,
}

/// A box with lines of text beside a place, within `within`.
pub fn text_box(painter: &Painter, place: Pos2, within: Rect, lines: &[BoxLine], theme: &Theme) {
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
        corner.y = (place.y + 14.0).min(within.bottom() - size.y - 2.0);
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
