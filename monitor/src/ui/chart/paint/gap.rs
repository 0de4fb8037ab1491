//! Gaps are hatched, so that they are not taken for data.

use egui::{Color32, CornerRadius, Painter, Rect, Stroke, pos2};

use crate::ui::{chart::plot::Plot, theme::Theme};

/// Distance of the hatching lines.
const HATCH_STEP: f32 = 7.0;

/// The least width of a gap, so that it is visible at any zoom.
const GAP_MIN_WIDTH: f32 = 3.0;

/// The most hatching lines of one gap: enough for a screen.
const HATCH_LINES_MAX: usize = 2_000;

/// Draws a gap. Returns its area if it is visible.
pub(crate) fn gap(
    painter: &Painter,
    plot: &Plot,
    (from_ns, to_ns): (i64, i64),
    theme: &Theme,
) -> Option<Rect> {
    let (mut left, mut right) = (plot.x(from_ns), plot.x(to_ns));
    if right - left < GAP_MIN_WIDTH {
        let middle = (left + right) / 2.0;
        left = middle - GAP_MIN_WIDTH / 2.0;
        right = middle + GAP_MIN_WIDTH / 2.0;
    }
    let area = Rect::from_x_y_ranges(left..=right, plot.rect.y_range()).intersect(plot.rect);
    if !area.is_positive() {
        return None;
    }
    hatch(painter, area, theme.bad.gamma_multiply(0.45));
    painter.rect_filled(area, CornerRadius::ZERO, theme.bad.gamma_multiply(0.05));
    Some(area)
}

/// Hatches intervals in which updates are missing. Returns their area if it is visible.
pub(crate) fn incomplete(
    painter: &Painter,
    plot: &Plot,
    (from_ns, to_ns): (i64, i64),
    theme: &Theme,
) -> Option<Rect> {
    let range = plot.x(from_ns)..=plot.x(to_ns);
    let area = Rect::from_x_y_ranges(range, plot.rect.y_range()).intersect(plot.rect);
    if !area.is_positive() {
        return None;
    }
    hatch(painter, area, theme.bad.gamma_multiply(0.3));
    painter.rect_filled(area, CornerRadius::ZERO, theme.bad.gamma_multiply(0.04));
    Some(area)
}

/// Covers what was drawn within a stretch of time.
pub(crate) fn covered(painter: &Painter, plot: &Plot, from_ns: i64, to_ns: i64, theme: &Theme) {
    let range = plot.x(from_ns)..=plot.x(to_ns);
    let area = Rect::from_x_y_ranges(range, plot.rect.y_range()).intersect(plot.rect);
    if area.is_positive() {
        painter.rect_filled(area, CornerRadius::ZERO, theme.background);
    }
}

fn hatch(painter: &Painter, area: Rect, color: Color32) {
    let painter = painter.with_clip_rect(area.intersect(painter.clip_rect()));
    let stroke = Stroke::new(1.0, color);
    // The lines lie on a fixed grid of the screen, so that those of neighbouring gaps meet.
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
