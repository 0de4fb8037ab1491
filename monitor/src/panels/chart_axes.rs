//! What stands on the axes of a chart.

use egui::{Painter, Stroke, pos2};

use super::chart_view::{Areas, Entry, Shown};
use crate::{
    chart::{draw, plot::Plot, ticks},
    format,
    scene::Scene,
    store::LANE_MAIN,
    theme::{self, Theme},
};

/// Labels of the value axis have so much room at least.
const VALUE_GAP: f32 = 48.0;
/// Labels of the time axis have so much room at least.
const TIME_GAP: f32 = 90.0;

/// Draws grid lines, and labels where nothing else (`labelled`) has one. Returns
/// the width of the widest label.
pub(super) fn value_axis(
    (labels, painter): (&Painter, &Painter),
    plot: &Plot,
    areas: &Areas,
    (unit, decimals_max): (Option<&str>, u8),
    labelled: &[f32],
    theme: &Theme,
) -> f32 {
    let Some((min, max)) = plot.scale.range() else {
        return 0.0;
    };
    let height = plot.rect.height();
    let (ticks, decimals) = if plot.scale.is_log() {
        ticks::log_values(min, max, height, VALUE_GAP, decimals_max)
    } else {
        ticks::values(min, max, height, VALUE_GAP, decimals_max)
    };
    let mut widest = 0.0f32;
    for tick in ticks {
        let y = plot.y(tick);
        painter.hline(
            areas.plot.x_range(),
            painter.round_to_pixel_center(y),
            Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
        );
        // A label that would be cut says nothing.
        if y < areas.plot.top() + 6.0 || y > areas.plot.bottom() - 6.0 {
            continue;
        }
        let mut text = format::number(tick, decimals);
        if let Some(unit) = unit {
            text.push(' ');
            text.push_str(unit);
        }
        let galley = labels.layout_no_wrap(text, theme::axis_figures(), theme.muted);
        widest = widest.max(galley.size().x);
        if labelled.iter().any(|other| (other - y).abs() < 16.0) {
            continue;
        }
        let place = pos2(
            areas.axis.left() + 2.0 * theme::STEP,
            y - galley.size().y / 2.0,
        );
        labels.galley(place, galley, theme.muted);
    }
    widest
}

/// Draws grid lines and labels.
pub(super) fn time_axis(
    labels: &Painter,
    painter: &Painter,
    scene: &Scene<'_>,
    plot: &Plot,
    areas: &Areas,
) {
    let theme = scene.theme;
    let width = areas.plot.width();
    let (ticks, step) = ticks::times(plot.start_ns, plot.end_ns, width, TIME_GAP, scene.zone);
    for tick in ticks {
        let x = plot.x(tick);
        painter.vline(
            painter.round_to_pixel_center(x),
            areas.plot.y_range(),
            Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
        );
        let text = scene.zone.tick(tick, step);
        let galley = labels.layout_no_wrap(text, theme::axis_figures(), theme.muted);
        let left = x - galley.size().x / 2.0;
        if left < areas.times.left() || left + galley.size().x > areas.axis.right() {
            continue;
        }
        let top = areas.times.center().y - galley.size().y / 2.0;
        labels.galley(pos2(left, top), galley, theme.muted);
    }
}

/// The newest value: a dotted line, a dot at its end, a label on the axis. Returns the label's
/// width.
pub(super) fn last_value(
    labels: &Painter,
    painter: &Painter,
    entry: &Entry<'_>,
    plot: &Plot,
    areas: &Areas,
    theme: &Theme,
) -> f32 {
    let series = entry.series;
    let (Some(value), Some(time_ns)) = (series.last_value(LANE_MAIN), series.last_time()) else {
        return 0.0;
    };
    let text = format::number(value, entry.topic.decimals);
    let y = plot.y(value);
    if plot.rect.y_range().expand(1.0).contains(y) {
        let (left, right) = (areas.plot.left(), areas.plot.right());
        let faint = entry.color.gamma_multiply(0.7);
        draw::dashed(painter, pos2(left, y), pos2(right, y), faint, 2.0);
        if (plot.start_ns..=plot.end_ns).contains(&time_ns)
            && !matches!(entry.shown, Shown::Candles(..))
        {
            painter.circle_filled(pos2(plot.x(time_ns), y), 3.0, entry.color);
        }
        let width = areas.axis.width();
        let colors = (entry.color, theme.on_accent);
        draw::axis_label(labels, areas.axis.left(), y, width, &text, colors);
    }
    // Monospaced: the width follows from the number of characters.
    let galley = labels.layout_no_wrap(text, theme::axis_figures(), theme.text);
    galley.size().x
}
