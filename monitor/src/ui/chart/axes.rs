//! The axes of a chart: grid lines and labels.

use egui::{Pos2, Stroke, pos2};

use super::canvas::{Canvas, ChartedTopic, Drawing};
use crate::{
    data::{
        chart::ticks,
        format,
        history::{LANE_MAIN, SeriesKind},
    },
    ui::theme,
};

/// Least distance of labels on the value axis.
const VALUE_GAP: f32 = 48.0;
/// Least distance of labels on the time axis.
const TIME_GAP: f32 = 90.0;
/// Half the height of a label: closer labels would overlap.
const LABEL_HALF: f32 = 16.0;

/// Draws grid lines, and labels except where a newest value or the pointer has its own. Returns the
/// width of the widest label.
pub(super) fn value_axis(
    canvas: &Canvas<'_>,
    topics: &[ChartedTopic<'_>],
    hovered: Option<Pos2>,
) -> f32 {
    let (plot, areas, theme) = (&canvas.plot, &canvas.areas, canvas.theme());
    let Some((min, max)) = plot.scale.range() else {
        return 0.0;
    };
    let decimals_max = topics.iter().map(|charted| charted.topic.decimals).max();
    let decimals_max = decimals_max.unwrap_or(0);
    let height = plot.rect.height();
    let (ticks, decimals) = if plot.scale.is_log() {
        ticks::log_values(min, max, height, VALUE_GAP, decimals_max)
    } else {
        ticks::values(min, max, height, VALUE_GAP, decimals_max)
    };
    let taken: Vec<f32> = topics
        .iter()
        .filter_map(|charted| Some(plot.y(charted.series.last_value(LANE_MAIN)?)))
        .chain(hovered.map(|place| place.y))
        .collect();
    let unit = unit(topics);
    let mut widest = 0.0f32;
    for tick in ticks {
        let y = plot.y(tick);
        canvas.inside.hline(
            areas.plot.x_range(),
            canvas.inside.round_to_pixel_center(y),
            Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
        );
        // A label that would be cut is left out.
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
fn unit<'a>(topics: &[ChartedTopic<'a>]) -> Option<&'a str> {
    let all_readings = topics
        .iter()
        .all(|charted| charted.series.kind() == SeriesKind::Reading);
    let unit = topics.first()?.topic.unit.as_deref();
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

/// Draws the newest value: a dotted line, a dot at its end, a label on the axis. Returns the width
/// of the label.
pub(super) fn last_value(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>) -> f32 {
    let (plot, series) = (&canvas.plot, charted.series);
    let (Some(value), Some(time_ns)) = (series.last_value(LANE_MAIN), series.last_time()) else {
        return 0.0;
    };
    let text = format::value(value, charted.topic.decimals);
    // A number after which something else came is not the newest value.
    let color = match series.open_gap() {
        Some(_) => canvas.theme().dim,
        None => charted.color,
    };
    let y = plot.y(value);
    if plot.rect.y_range().expand(1.0).contains(y) {
        canvas.across(y, color.gamma_multiply(0.7), 2.0);
        if (plot.start_ns..=plot.end_ns).contains(&time_ns)
            && !matches!(charted.drawing, Drawing::Candles(..))
        {
            let end = pos2(plot.x(time_ns), y);
            canvas.inside.circle_filled(end, 3.0, color);
        }
        canvas.axis_label(y, &text, color, canvas.theme().on_accent);
    }
    let (font, color) = (theme::axis_figures(), canvas.theme().text);
    let galley = canvas.outside.layout_no_wrap(text, font, color);
    galley.size().x
}
