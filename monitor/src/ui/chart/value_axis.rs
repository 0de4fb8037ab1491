//! The two value axes of a chart: their labels, their units, their newest values.

use egui::{Align2, Color32, Rect, Stroke, pos2};

use super::{
    canvas::{Canvas, ChartedTopic, Drawing},
    label_places::beside,
    paint,
};
use crate::{
    data::{
        chart::{AxisSide, ValueBasis, ticks},
        format,
        history::{LANE_MAIN, SeriesKind},
    },
    ui::theme,
};

/// Least distance of labels.
const VALUE_GAP: f32 = 48.0;
/// Half the height of a label: closer labels would overlap.
const LABEL_HALF: f32 = 16.0;

/// The decimals of percentages and of normalised values.
const PERCENT_DECIMALS: u8 = 3;
const PART_DECIMALS: u8 = 3;

/// One value axis.
pub(super) struct ValueAxis<'c, 's> {
    pub(super) canvas: &'c Canvas<'s>,
    pub(super) side: AxisSide,
    pub(super) basis: ValueBasis,
}

impl<'c, 's> ValueAxis<'c, 's> {
    fn area(&self) -> Rect {
        match self.side {
            AxisSide::Right => self.canvas.areas.axis,
            AxisSide::Left => self.canvas.areas.second,
        }
    }

    fn own<'t>(
        &self,
        topics: &'t [ChartedTopic<'s>],
    ) -> impl DoubleEndedIterator<Item = &'t ChartedTopic<'s>> + use<'t, 'c, 's> {
        let side = self.side;
        topics.iter().filter(move |charted| charted.side == side)
    }

    /// A value as this axis shows it.
    fn text(&self, shown: f64, decimals: u8, unit: Option<&str>) -> String {
        match (self.basis, unit) {
            (ValueBasis::Plain, Some(unit)) => {
                format!("{} {unit}", format::number(shown, decimals))
            }
            (ValueBasis::Plain, None) => format::number(shown, decimals),
            (ValueBasis::Percent, _) => format!("{} %", format::signed(shown, decimals)),
            (ValueBasis::Normalised, _) => format::number(shown, decimals),
        }
    }

    fn decimals_max(&self, topics: &[ChartedTopic<'s>]) -> u8 {
        match self.basis {
            ValueBasis::Plain => {
                let decimals = self.own(topics).map(|charted| charted.topic.decimals);
                decimals.max().unwrap_or(0)
            }
            ValueBasis::Percent => PERCENT_DECIMALS,
            ValueBasis::Normalised => PART_DECIMALS,
        }
    }

    /// Draws grid lines, and labels except where a newest value or the pointer has its own. Returns
    /// the width of the widest label.
    pub(super) fn draw(
        &self,
        topics: &[ChartedTopic<'s>],
        pointed: Option<f32>,
        has_grid: bool,
    ) -> f32 {
        let (canvas, theme) = (self.canvas, self.canvas.theme());
        let (plot, area) = (canvas.plot_of(self.side), self.area());
        let Some((min, max)) = plot.scale.range() else {
            return 0.0;
        };
        let decimals_max = self.decimals_max(topics);
        let height = plot.rect.height();
        let (ticks, decimals) = if plot.scale.is_log() {
            ticks::log_values(min, max, height, VALUE_GAP, decimals_max)
        } else {
            ticks::values(min, max, height, VALUE_GAP, decimals_max)
        };
        let taken: Vec<f32> = self
            .label_places(topics, pointed)
            .into_iter()
            .flatten()
            .chain(pointed)
            .collect();
        let unit = self.unit(topics);
        let mut widest = 0.0f32;
        for tick in ticks {
            let y = plot.y(tick);
            if has_grid {
                canvas.inside.hline(
                    canvas.areas.plot.x_range(),
                    canvas.inside.round_to_pixel_center(y),
                    Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
                );
            }
            // A label that would be cut is left out.
            if y < area.top() + 6.0 || y > area.bottom() - 6.0 {
                continue;
            }
            let text = self.text(tick, decimals, unit);
            let font = theme::axis_figures();
            let galley = canvas.outside.layout_no_wrap(text, font, theme.muted);
            widest = widest.max(galley.size().x);
            if taken.iter().any(|other| (other - y).abs() < LABEL_HALF) {
                continue;
            }
            let left = match self.side {
                AxisSide::Right => area.left() + 2.0 * theme::STEP,
                AxisSide::Left => area.right() - 2.0 * theme::STEP - galley.size().x,
            };
            let place = pos2(left, y - galley.size().y / 2.0);
            canvas.outside.galley(place, galley, theme.muted);
        }
        widest
    }

    /// The heights of the labels of the newest values of all topics that are visible on this axis,
    /// beside the label at the pointer.
    pub(super) fn label_places(
        &self,
        topics: &[ChartedTopic<'s>],
        pointed: Option<f32>,
    ) -> Vec<Option<f32>> {
        let visible = self.canvas.plot_of(self.side).rect.y_range().expand(1.0);
        let wanted = topics.iter().map(|charted| {
            let last = charted.series.last_value(LANE_MAIN)?;
            let y = self.canvas.y(charted, last);
            (charted.side == self.side && visible.contains(y)).then_some(y)
        });
        let wanted: Vec<Option<f32>> = wanted.collect();
        let all: Vec<f32> = wanted.iter().copied().flatten().collect();
        let mut places = beside(&all, pointed, self.area().y_range().into()).into_iter();
        let places = wanted.into_iter().map(|y| y.and_then(|_| places.next()));
        places.collect()
    }

    /// The unit of all series of the axis, if they are readings in one unit.
    fn unit<'t>(&self, topics: &'t [ChartedTopic<'s>]) -> Option<&'t str> {
        let mut own = self.own(topics);
        let unit = own.next()?.topic.unit.as_deref();
        let is_shared = |charted: &ChartedTopic<'s>| {
            charted.series.kind() == SeriesKind::Reading && charted.topic.unit.as_deref() == unit
        };
        self.own(topics).all(is_shared).then_some(unit)?
    }

    /// Draws the label of a value on a background of its own.
    fn label(&self, y: f32, text: &str, ground: Color32, ink: Color32) {
        let (area, outside) = (self.area(), &self.canvas.outside);
        match self.side {
            AxisSide::Right => {
                let (left, width) = (area.left(), area.width());
                paint::axis_label(outside, left, y, width, text, (ground, ink));
            }
            AxisSide::Left => {
                let rect = Rect::from_x_y_ranges(area.x_range(), y - 9.0..=y + 9.0);
                let rect = rect.shrink2(egui::vec2(2.5, 0.0));
                outside.rect_filled(rect, egui::CornerRadius::same(3), ground);
                let place = pos2(area.right() - 2.0 * theme::STEP, y);
                let font = theme::axis_figures();
                outside.text(place, Align2::RIGHT_CENTER, text, font, ink);
            }
        }
    }

    /// Draws the value at a height.
    pub(super) fn value_at(&self, topics: &[ChartedTopic<'s>], y: f32) {
        let theme = self.canvas.theme();
        let Some(first) = self.own(topics).next() else {
            return;
        };
        let decimals = match self.basis {
            ValueBasis::Plain => first.topic.decimals,
            _ => self.decimals_max(topics),
        };
        let shown = self.canvas.plot_of(self.side).value(y);
        let text = self.text(shown, decimals, None);
        self.label(y, &text, theme.raised, theme.text);
    }

    /// Draws the newest value: a dotted line, a dot at its end, a label at `place` on the axis.
    /// Returns the width of the label.
    pub(super) fn last_value(&self, charted: &ChartedTopic<'s>, place: Option<f32>) -> f32 {
        let (canvas, series) = (self.canvas, charted.series);
        let plot = canvas.plot_of(self.side);
        let (Some(value), Some(time_ns)) = (series.last_value(LANE_MAIN), series.last_time())
        else {
            return 0.0;
        };
        let text = match self.basis {
            ValueBasis::Plain => format::value(value, charted.topic.decimals),
            ValueBasis::Percent => self.text(charted.map.shown(value), PERCENT_DECIMALS, None),
            ValueBasis::Normalised => self.text(charted.map.shown(value), PART_DECIMALS, None),
        };
        // A number after which something else came is not the newest value.
        let color = match series.open_gap() {
            Some(_) => canvas.theme().dim,
            None => charted.color,
        };
        let y = canvas.y(charted, value);
        if plot.rect.y_range().expand(1.0).contains(y) {
            canvas.across(y, color.gamma_multiply(0.7), 2.0);
            if (plot.start_ns..=plot.end_ns).contains(&time_ns)
                && !matches!(charted.drawing, Drawing::Candles(..))
            {
                let end = pos2(plot.x(time_ns), y);
                canvas.inside.circle_filled(end, 3.0, color);
            }
            self.label(place.unwrap_or(y), &text, color, canvas.theme().on_accent);
        }
        let (font, color) = (theme::axis_figures(), canvas.theme().text);
        let galley = canvas.outside.layout_no_wrap(text, font, color);
        galley.size().x
    }
}
