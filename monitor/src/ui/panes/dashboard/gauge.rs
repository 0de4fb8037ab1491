//! A gauge: where a value lies between its limits.

use std::f32::consts::PI;

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

use crate::{
    data::{history::LANE_MAIN, topics::MonitoredTopic},
    ui::theme::Theme,
};

/// Space beyond the limits, as a part of the range between them.
const BEYOND: f64 = 0.25;

/// Width of the arc.
const WIDTH: f32 = 7.0;

/// The part of the inner radius that the value may take: its upper corners are as far from the arc
/// as its sides then.
const VALUE_PART: f32 = 0.85;

/// Points of a whole arc: smooth at any size of a tile.
const POINTS: usize = 48;

/// The range of a gauge, and the limits within it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GaugeRange {
    pub(super) min: f64,
    pub(super) max: f64,
    low: Option<f64>,
    high: Option<f64>,
}

impl GaugeRange {
    /// From the limits that are set for the topic; a limit that is not set is replaced by the
    /// smallest or the largest value in its history.
    pub(super) fn of(topic: &MonitoredTopic) -> Option<Self> {
        let settings = topic.settings.as_deref();
        let low = settings.and_then(|settings| settings.low);
        let high = settings.and_then(|settings| settings.high);
        let series = topic.series.as_ref();
        let all = series.and_then(|series| series.summary(LANE_MAIN, series.start(), series.end()));
        let number = topic.number?;
        let smallest = all.map_or(number, |all| all.min.min(number));
        let largest = all.map_or(number, |all| all.max.max(number));
        let from = low.unwrap_or(smallest);
        let to = high.unwrap_or(largest);
        let span = (to - from).abs();
        let span = if span > 0.0 {
            span
        } else {
            from.abs().max(1.0)
        };
        let range = Self {
            min: low.map_or(smallest.min(from), |low| low - span * BEYOND),
            max: high.map_or(largest.max(to), |high| high + span * BEYOND),
            low,
            high,
        };
        let is_usable = range.max > range.min && (range.max - range.min).is_finite();
        // A number of any size has space on both sides.
        let space = (number.abs() / 2.0).max(1.0);
        is_usable.then_some(range).or(Some(Self {
            min: number - space,
            max: number + space,
            low: None,
            high: None,
        }))
    }

    /// Where a value lies: 0 at the left end, 1 at the right one.
    pub(super) fn part(&self, value: f64) -> f32 {
        ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0) as f32
    }

    /// The parts below the low limit and above the high one.
    fn beyond_limits(&self) -> impl Iterator<Item = (f32, f32)> {
        let below = self.low.map(|low| (0.0, self.part(low)));
        let above = self.high.map(|high| (self.part(high), 1.0));
        below.into_iter().chain(above)
    }
}

/// Draws the gauge. Returns the area for the value below the arc.
pub(super) fn paint(
    painter: &Painter,
    area: Rect,
    range: &GaugeRange,
    value: f64,
    color: Color32,
    theme: &Theme,
) -> Rect {
    let radius = (area.width() / 2.0).min(area.height() - 4.0) - WIDTH / 2.0;
    let radius = radius.max(8.0);
    let middle = pos2(area.center().x, area.top() + radius + WIDTH / 2.0);
    arc(painter, middle, radius, (0.0, 1.0), theme.hairline);
    let faint = theme.bad.gamma_multiply(0.45);
    for beyond in range.beyond_limits() {
        arc(painter, middle, radius, beyond, faint);
    }
    let part = range.part(value);
    let inner = radius - WIDTH - 1.0;
    arc(painter, middle, inner, (0.0, part), color);
    let tip = at(middle, radius + WIDTH / 2.0, part);
    let root = at(middle, inner - WIDTH, part);
    painter.line_segment([root, tip], Stroke::new(2.0, theme.text));
    // The value lies within the arc, and below the end of the hand.
    let half = (inner - WIDTH / 2.0) * VALUE_PART;
    let corner = pos2(middle.x - half, middle.y - inner * 0.55);
    Rect::from_min_max(corner, pos2(middle.x + half, area.bottom()))
}

/// Draws the gauge as a bar at the lower edge. Returns the area for the value above it.
pub(super) fn paint_bar(
    painter: &Painter,
    area: Rect,
    range: &GaugeRange,
    value: f64,
    color: Color32,
    theme: &Theme,
) -> Rect {
    let (above, bar) = area.split_top_bottom_at_y(area.bottom() - WIDTH - 4.0);
    let bar = bar.with_max_y(bar.top() + WIDTH);
    let part = |(from, to): (f32, f32), color: Color32| {
        let x = |part: f32| bar.left() + bar.width() * part;
        let rect = Rect::from_x_y_ranges(x(from)..=x(to), bar.y_range());
        painter.rect_filled(rect, egui::CornerRadius::same(2), color);
    };
    part((0.0, 1.0), theme.hairline);
    part((0.0, range.part(value)), color);
    let faint = theme.bad.gamma_multiply(0.45);
    for beyond in range.beyond_limits() {
        part(beyond, faint);
    }
    let x = bar.left() + bar.width() * range.part(value);
    painter.vline(x, bar.y_range().expand(2.0), Stroke::new(2.0, theme.text));
    above
}

fn at(middle: Pos2, radius: f32, part: f32) -> Pos2 {
    let angle = PI * (1.0 - part);
    middle + vec2(angle.cos(), -angle.sin()) * radius
}

fn arc(painter: &Painter, middle: Pos2, radius: f32, (from, to): (f32, f32), color: Color32) {
    if to <= from {
        return;
    }
    let points: Vec<Pos2> = (0..=POINTS)
        .map(|number| {
            let part = from + (to - from) * number as f32 / POINTS as f32;
            at(middle, radius, part)
        })
        .collect();
    painter.add(Shape::line(points, Stroke::new(WIDTH, color)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::topics::TopicSettings;

    fn topic(number: f64, low: Option<f64>, high: Option<f64>) -> MonitoredTopic {
        let mut store = crate::data::topics::Store::default();
        let name = tickcast_protocol::topic::Topic::new("t").unwrap();
        store.add_derived(&name, "", None);
        store.show_derived(&name, tickcast_protocol::value::Value::Reading(number), 0);
        let mut topic = store.topic_named("t").unwrap().clone();
        topic.settings = Some(Box::new(TopicSettings {
            low,
            high,
            ..TopicSettings::default()
        }));
        topic
    }

    #[test]
    fn the_limits_are_within_the_gauge_and_every_value_is_on_it() {
        let range = GaugeRange::of(&topic(5.0, Some(0.0), Some(10.0))).unwrap();
        assert_eq!((range.min, range.max), (-2.5, 12.5));
        assert_eq!(range.part(5.0), 0.5);
        assert_eq!((range.part(-1e9), range.part(1e300)), (0.0, 1.0));
        let range = GaugeRange::of(&topic(5.0, None, Some(8.0))).unwrap();
        assert!(range.min <= 5.0 && range.max > 8.0);
        for number in [0.0, 7.0, -3.0, 1e300] {
            let range = GaugeRange::of(&topic(number, None, None)).unwrap();
            assert!(range.min < range.max, "{range:?}");
            assert!((0.0..=1.0).contains(&range.part(number)));
        }
    }
}
