//! Draws what the pointer shows: the values under it, or a measurement.

use egui::{CornerRadius, Painter, Pos2, Rect, Stroke, pos2};
use tickcast_protocol::message::TimeNs;

use super::{
    canvas::{Areas, Canvas, ChartedTopic, Drawing},
    paint,
    pointer::{PointerInput, Ruler},
    readout_lines::{candle_lines, head_line, row_lines, ruler_lines, sample_at, sample_lines},
    value_axis::ValueAxis,
};
use crate::{
    data::{
        chart::{AxisSide, ValueBasis, candles::Candle},
        format,
        history::LANE_MAIN,
    },
    ui::theme::Theme,
};

/// Draws the ruler, the crosshair, or the time of the crosshair in another pane.
pub(super) fn draw<'s>(
    canvas: &Canvas<'s>,
    basis: ValueBasis,
    topics: &[ChartedTopic<'s>],
    pointer: PointerInput<'_>,
) {
    let labelled = pointer.labelled(&canvas.plot);
    match (pointer.ruler, pointer.hovered, pointer.crosshair.time_ns) {
        (Some(ruler), ..) => measure(canvas, topics, ruler),
        (None, Some(place), _) => {
            pointer.crosshair.next_ns = Some(canvas.plot.time(place.x));
            if let Some(y) = labelled {
                axis_labels(canvas, basis, topics, y);
            }
            crosshair(canvas, topics, place);
        }
        (None, None, Some(time_ns)) => distant_crosshair(canvas, topics, time_ns),
        (None, None, None) => {}
    }
}

/// Draws the values at a height on both value axes.
fn axis_labels<'s>(canvas: &Canvas<'s>, basis: ValueBasis, topics: &[ChartedTopic<'s>], y: f32) {
    for side in [AxisSide::Right, AxisSide::Left] {
        let axis = ValueAxis {
            canvas,
            side,
            basis,
        };
        axis.value_at(topics, y);
    }
}

/// Draws lines through the pointer, and what is there.
fn crosshair<'s>(canvas: &Canvas<'s>, topics: &[ChartedTopic<'s>], place: Pos2) {
    let (plot, theme) = (&canvas.plot, canvas.theme());
    let line = theme.muted.gamma_multiply(0.8);
    let time_ns = plot.time(place.x);
    let row = topics.first().and_then(|charted| {
        let row = charted.rows.as_ref()?.at(time_ns)?;
        Some((charted, row))
    });
    let hit = topics.first().filter(|_| row.is_none());
    let hit = hit.and_then(|charted| {
        let index = sample_at(charted.series, time_ns)?;
        let x = plot.x(charted.series.time(index));
        let is_visible = canvas.areas.plot.x_range().contains(x);
        is_visible.then_some((charted, index))
    });
    // On a line the crosshair snaps to the nearest sample.
    let x = match hit {
        Some((charted, index)) if matches!(charted.drawing, Drawing::Line(_)) => {
            plot.x(charted.series.time(index))
        }
        _ => place.x,
    };
    canvas.down(x, line, 3.0);
    canvas.across(place.y, line, 3.0);
    if let Some((charted, row)) = row {
        let lines = row_lines(canvas.scene, charted, row);
        paint::text_box(&canvas.inside, place, canvas.free(), &lines, theme);
        return;
    }
    if let Some((charted, candle, interval_ns)) = candle_at(topics, time_ns) {
        let lines = candle_lines(canvas.scene, charted, candle, interval_ns);
        paint::text_box(&canvas.inside, place, canvas.free(), &lines, theme);
        return;
    }
    let Some((charted, index)) = hit else { return };
    let lines = match &charted.drawing {
        // Between two candles.
        Drawing::Candles(..) => return,
        Drawing::Line(_) | Drawing::Band(_) => {
            mark(canvas, charted, index);
            sample_lines(canvas.scene, topics, charted, index)
        }
    };
    let place = pos2(x, place.y);
    paint::text_box(&canvas.inside, place, canvas.free(), &lines, theme);
}

/// The candle of the main topic at a time, and its length.
fn candle_at<'t, 's>(
    topics: &'t [ChartedTopic<'s>],
    time_ns: TimeNs,
) -> Option<(&'t ChartedTopic<'s>, &'t Candle, i64)> {
    let charted = topics.first()?;
    let Drawing::Candles(candles, interval_ns) = &charted.drawing else {
        return None;
    };
    let start_ns = time_ns.div_euclid(*interval_ns) * interval_ns;
    let at = candles.binary_search_by_key(&start_ns, |candle| candle.start_ns);
    Some((charted, candles.get(at.ok()?)?, *interval_ns))
}

/// Draws a ring around a sample.
fn mark(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>, index: u64) {
    let (series, theme) = (charted.series, canvas.theme());
    let x = canvas.plot.x(series.time(index));
    let y = canvas.y(charted, series.value(LANE_MAIN, index));
    let line = Stroke::new(1.4, theme.text);
    canvas
        .inside
        .circle(pos2(x, y), 3.5, theme.background, line);
}

/// Draws the time of the crosshair in another pane.
fn distant_crosshair(canvas: &Canvas<'_>, topics: &[ChartedTopic<'_>], time_ns: TimeNs) {
    let (plot, theme) = (&canvas.plot, canvas.theme());
    let x = plot.x(time_ns);
    if !canvas.areas.plot.x_range().contains(x) {
        return;
    }
    canvas.down(x, theme.muted.gamma_multiply(0.6), 3.0);
    let Some(charted) = topics.first() else {
        return;
    };
    let Some(index) = sample_at(charted.series, time_ns) else {
        return;
    };
    if !matches!(charted.drawing, Drawing::Candles(..)) {
        mark(canvas, charted, index);
    }
    let value = charted.series.value(LANE_MAIN, index);
    let lines = [head_line(
        format::value(value, charted.topic.decimals),
        theme,
    )];
    let place = pos2(x, canvas.y(charted, value));
    paint::text_box(&canvas.inside, place, canvas.free(), &lines, theme);
}

/// Draws a measurement.
fn measure(canvas: &Canvas<'_>, topics: &[ChartedTopic<'_>], ruler: Ruler) {
    let theme = canvas.theme();
    let area = Rect::from_two_pos(ruler.from, ruler.to).intersect(canvas.areas.plot);
    canvas.inside.rect(
        area,
        CornerRadius::ZERO,
        theme.accent.gamma_multiply(0.12),
        Stroke::new(1.0, theme.accent.gamma_multiply(0.6)),
        egui::StrokeKind::Inside,
    );
    let Some(charted) = topics.first() else {
        return;
    };
    let lines = ruler_lines(canvas, charted, ruler);
    paint::text_box(&canvas.inside, ruler.to, canvas.free(), &lines, theme);
}

/// Draws the box that a right drag zooms to.
pub(super) fn draw_box(painter: &Painter, areas: &Areas, from: Pos2, to: Pos2, theme: &Theme) {
    let area = Rect::from_two_pos(from, to).intersect(areas.plot);
    painter.rect(
        area,
        CornerRadius::ZERO,
        theme.text.gamma_multiply(0.06),
        Stroke::new(1.0, theme.muted),
        egui::StrokeKind::Inside,
    );
}
