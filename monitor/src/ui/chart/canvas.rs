//! The canvas of a chart, and the drawings of its topics.

use egui::{Color32, CornerRadius, Painter, Rect, Vec2, pos2, vec2};

use tickcast_protocol::message::TimeNs;

use super::{paint, placed_words::PlacedWords, plot::Plot};
use crate::{
    data::{
        chart::{
            AxisSide, BandPiece, ChartLine, ChartWindow, ShownAs,
            candles::Candle,
            rows::{ChartRows, WantedRows},
            union_of,
        },
        history::SampleSeries,
        topics::MonitoredTopic,
    },
    ui::{
        scene::Scene,
        theme::{self, Theme},
    },
};

/// Height of the time axis.
const TIME_AXIS_HEIGHT: f32 = 24.0;
/// The least width of the value axis.
const VALUE_AXIS_MIN_WIDTH: f32 = 56.0;

/// Space at the right of a chart without a value axis.
const EDGE: f32 = 12.0;

/// Space around the word of a hatched area, within its ground.
const WORD_MARGIN: Vec2 = vec2(4.0, 1.0);

/// The areas of a chart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Areas {
    pub(super) plot: Rect,
    pub(super) axis: Rect,
    /// The second value axis; without width if no series is on it.
    pub(super) second: Rect,
    pub(super) times: Rect,
}

impl Areas {
    /// The areas of a chart with value axes of these widths. Without values it has none.
    pub(super) fn of(body: Rect, axis_width: Option<f32>, second_width: f32) -> Self {
        let second = second_width.min(body.width() / 3.0);
        let (second, body) = body.split_left_right_at_x(body.left() + second);
        let axis_width = axis_width.map_or(EDGE, |width| width.max(VALUE_AXIS_MIN_WIDTH));
        let right = body.right() - axis_width;
        let bottom = (body.bottom() - TIME_AXIS_HEIGHT).max(body.top() + 1.0);
        Self {
            plot: Rect::from_min_max(body.min, pos2(right.max(body.left() + 1.0), bottom)),
            second: second.with_max_y(bottom),
            axis: Rect::from_min_max(pos2(right, body.top()), pos2(body.right(), bottom)),
            times: Rect::from_min_max(pos2(body.left(), bottom), pos2(right, body.bottom())),
        }
    }
}

/// The drawing of one topic.
pub(super) enum Drawing {
    Line(ChartLine),
    Band(Vec<BandPiece>),
    Candles(Vec<Candle>, i64),
}

impl Drawing {
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        match self {
            Self::Line(line) => line.range(),
            Self::Band(pieces) => union_of(pieces.iter().map(|piece| (piece.low, piece.high))),
            Self::Candles(candles, _) => {
                union_of(candles.iter().map(|candle| (candle.low, candle.high)))
            }
        }
    }
}

/// One topic of a chart, ready to be drawn.
pub(super) struct ChartedTopic<'a> {
    pub(super) topic: &'a MonitoredTopic,
    pub(super) series: &'a SampleSeries,
    pub(super) drawing: Drawing,
    pub(super) color: Color32,
    /// Its axis, and what its values are shown as.
    pub(super) side: AxisSide,
    pub(super) map: ShownAs,
    /// Rows of the server, before the samples that are held here.
    pub(super) rows: Option<ChartRows>,
    /// What it needs of the server.
    pub(super) wanted: Vec<WantedRows>,
    /// What it needs to know when its source was away.
    pub(super) outages_wanted: Option<WantedRows>,
    /// When its source was away, as far as that is known.
    pub(super) away: Vec<(TimeNs, TimeNs)>,
}

impl ChartedTopic<'_> {
    /// Least and greatest value.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let of_rows = self.rows.as_ref().and_then(ChartRows::range);
        let ranges = self.drawing.range().into_iter().chain(of_rows);
        union_of(ranges)
    }

    /// Whether the server's long history is drawn.
    pub(super) fn has_long(&self) -> bool {
        let has_candles = matches!(&self.drawing, Drawing::Candles(all, _) if !all.is_empty());
        has_candles || self.rows.as_ref().is_some_and(|rows| !rows.rows.is_empty())
    }
}

/// The canvas of a chart.
pub(super) struct Canvas<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) areas: Areas,
    /// The area of prices.
    pub(super) plot: Plot,
    /// The same area with the values of the second axis.
    pub(super) second: Plot,
    /// The area of prices and volume.
    pub(super) whole: Plot,
    /// The height of the legend at the top; 0 without one.
    pub(super) legend: f32,
    /// The height at the bottom that lines leave to the lanes of states; 0 without both.
    pub(super) lanes: f32,
    /// The words at the top of the chart.
    pub(super) words: PlacedWords,
    /// Paints within the chart.
    pub(super) inside: Painter,
    /// Paints the chart and its axes.
    pub(super) outside: Painter,
}

impl Canvas<'_> {
    pub(super) fn theme(&self) -> &Theme {
        self.scene.theme
    }

    /// The stretch of time that is drawn, with a column per point.
    pub(super) fn window(&self) -> ChartWindow {
        ChartWindow {
            start_ns: self.plot.start_ns,
            end_ns: self.plot.end_ns,
            columns: self.plot.rect.width().max(1.0) as u32,
        }
    }

    /// The area of the chart that the legend does not cover.
    pub(super) fn free(&self) -> Rect {
        let area = self.areas.plot;
        area.with_min_y((area.top() + self.legend).min(area.bottom()))
    }

    /// The area of prices and volume without the lanes of states.
    pub(super) fn above_lanes(&self) -> Plot {
        let mut plot = self.whole;
        plot.rect.max.y -= self.lanes;
        plot
    }

    /// The plot with the values of an axis.
    pub(super) fn plot_of(&self, side: AxisSide) -> &Plot {
        match side {
            AxisSide::Right => &self.plot,
            AxisSide::Left => &self.second,
        }
    }

    /// The height of a value of a topic.
    pub(super) fn y(&self, charted: &ChartedTopic<'_>, value: f64) -> f32 {
        self.plot_of(charted.side).y(charted.map.shown(value))
    }

    /// Hatches a gap, and says what it is.
    pub(super) fn gap(&self, times: (i64, i64), label: &str) {
        if let Some(area) = paint::gap(&self.inside, &self.whole, times, self.theme()) {
            self.say(area, label, f32::INFINITY);
        }
    }

    /// Hatches intervals in which updates are missing, with a word where there is room for it.
    pub(super) fn incomplete(&self, times: (i64, i64)) {
        let area = paint::incomplete(&self.inside, &self.whole, times, self.theme());
        if let Some(area) = area {
            self.say(area, "incomplete", area.width() - 2.0 * theme::STEP);
        }
    }

    /// Has a word written at the top of a hatched area, if it is no wider than `width_max`.
    fn say(&self, area: Rect, word: &str, width_max: f32) {
        let ink = self.theme().bad;
        let painter = &self.inside;
        let galley = painter.layout_no_wrap(word.to_owned(), theme::axis_text(), ink);
        if galley.size().x > width_max {
            return;
        }
        let free = self.free();
        let half = galley.size().x / 2.0 + theme::STEP;
        let (left, right) = (free.left() + half, free.right() - half);
        let x = area.center().x.min(right).max(left);
        let top = free.top() + 2.0 * theme::STEP;
        let wanted = Rect::from_min_size(pos2(x - galley.size().x / 2.0, top), galley.size());
        if let Some(place) = self.words.place(wanted.expand2(WORD_MARGIN), word) {
            self.words.write_later(place, galley);
        }
    }

    /// Writes the words of hatched areas, over everything that was drawn before.
    pub(super) fn write_words(&self) {
        for (place, galley) in self.words.take() {
            let ground = self.theme().background;
            let painter = &self.inside;
            painter.rect_filled(place, CornerRadius::same(3), ground);
            painter.galley(place.min + WORD_MARGIN, galley, self.theme().bad);
        }
    }

    /// Draws a dashed line from the left edge to the right one.
    pub(super) fn across(&self, y: f32, color: Color32, dash: f32) {
        let (left, right) = (self.areas.plot.left(), self.areas.plot.right());
        paint::dashed(&self.inside, pos2(left, y), pos2(right, y), color, dash);
    }

    /// Draws a dashed line from the upper edge to the lower one.
    pub(super) fn down(&self, x: f32, color: Color32, dash: f32) {
        let (top, bottom) = (self.areas.plot.top(), self.areas.plot.bottom());
        paint::dashed(&self.inside, pos2(x, top), pos2(x, bottom), color, dash);
    }
}
