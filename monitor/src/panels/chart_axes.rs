//! What stands on the axes of a chart.

use egui::{Pos2, Stroke, pos2};

use super::chart_view::{Canvas, Entry, Shown};
use crate::{
    chart::ticks,
    format,
    store::{LANE_MAIN, SeriesKind},
    theme,
};

/// Labels of the value axis have so much room at least.
const VALUE_GAP: f32 = 48.0;
/// Labels of the time axis have so much room at least.
const TIME_GAP: f32 = 90.0;
/// Half the height of a label: nearer ones would cover each other.
const LABEL_HALF: f32 = 16.0;

/// Draws grid lines, and labels where neither a newest value nor the pointer has its own. Returns
/// the width of the widest label.
pub(super) fn value_axis(canvas: &Canvas<'_>, entries: &[Entry<'_>], hovered: Option<Pos2>) -> f32 {
    let (plot, areas, theme) = (&canvas.plot, &canvas.areas, canvas.theme());
    let Some((min, max)) = plot.scale.range() else {
        return 0.0;
    };
    let decimals_max = entries.iter().map(|entry| entry.topic.decimals).max();
    let decimals_max = decimals_max.unwrap_or(0);
    let height = plot.rect.height();
    let (ticks, decimals) = if plot.scale.is_log() {
        ticks::log_values(min, max, height, VALUE_GAP, decimals_max)
    } else {
        ticks::values(min, max, height, VALUE_GAP, decimals_max)
    };
    let taken: Vec<f32> = entries
        .iter()
        .filter_map(|entry| Some(plot.y(entry.series.last_value(LANE_MAIN)?)))
        .chain(hovered.map(|place| place.y))
        .collect();
    let unit = unit(entries);
    let mut widest = 0.0f32;
    for tick in ticks {
        let y = plot.y(tick);
        canvas.inside.hline(
            areas.plot.x_range(),
            canvas.inside.round_to_pixel_center(y),
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
        let font = theme::axis_figures();
        let galley = canvas.outside.layout_no_wrap(text, font, theme.muted);
        widest = widest.max(galley.size().x);
        if taken.iter().any(|other| (other - y).abs() < LABEL_HALF) {
            continue;
        }
        let left = areas.axis.left() + 2.0 * theme::STEP;
        let place = pos2(left, y - galley.size().y / 2.0);
        canvas.outside.galley(place, galley, theme.muted);
    }
    widest
}

/// The unit of all series, if they are readings.
fn unit<'a>(entries: &[Entry<'a>]) -> Option<&'a str> {
    let all_readings = entries
        .iter()
        .all(|entry| entry.series.kind() == SeriesKind::Reading);
    let unit = entries.first()?.topic.unit.as_deref();
    unit.filter(|_| all_readings)
}

/// Draws grid lines and labels.
pub(super) fn time_axis(canvas: &Canvas<'_>) {
    let (plot, areas, theme) = (&canvas.plot, &canvas.areas, canvas.theme());
    let zone = canvas.scene.zone;
    let width = areas.plot.width();
    let (ticks, step) = ticks::times(plot.start_ns, plot.end_ns, width, TIME_GAP, zone);
    for tick in ticks {
        let x = plot.x(tick);
        canvas.inside.vline(
            canvas.inside.round_to_pixel_center(x),
            areas.plot.y_range(),
            Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
        );
        let (text, font) = (zone.tick(tick, step), theme::axis_figures());
        let galley = canvas.outside.layout_no_wrap(text, font, theme.muted);
        let left = x - galley.size().x / 2.0;
        if left < areas.times.left() || left + galley.size().x > areas.axis.right() {
            continue;
        }
        let top = areas.times.center().y - galley.size().y / 2.0;
        canvas.outside.galley(pos2(left, top), galley, theme.muted);
    }
}

/// The newest value: a dotted line, a dot at its end, a label on the axis. Returns the label's
/// width.
pub(super) fn last_value(canvas: &Canvas<'_>, entry: &Entry<'_>) -> f32 {
    let (plot, series) = (&canvas.plot, entry.series);
    let (Some(value), Some(time_ns)) = (series.last_value(LANE_MAIN), series.last_time()) else {
        return 0.0;
    };
    let text = format::number(value, entry.topic.decimals);
    let y = plot.y(value);
    if plot.rect.y_range().expand(1.0).contains(y) {
        canvas.across(y, entry.color.gamma_multiply(0.7), 2.0);
        if (plot.start_ns..=plot.end_ns).contains(&time_ns)
            && !matches!(entry.shown, Shown::Candles(..))
        {
            let end = pos2(plot.x(time_ns), y);
            canvas.inside.circle_filled(end, 3.0, entry.color);
        }
        canvas.axis_label(y, &text, entry.color, canvas.theme().on_accent);
    }
    let (font, color) = (theme::axis_figures(), canvas.theme().text);
    let galley = canvas.outside.layout_no_wrap(text, font, color);
    galley.size().x
}
