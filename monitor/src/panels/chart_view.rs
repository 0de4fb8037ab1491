//! What a chart looks like: computes what is visible and has it drawn.

use std::time::Duration;

use egui::{Color32, Painter, Pos2, Rect, Ui, pos2};

use super::{
    chart_axes, chart_marks,
    chart_pane::ChartPane,
    chart_pointer::{self, Ruler},
};
use crate::{
    chart::{
        ChartStyle,
        candles::{self, Candle},
        draw,
        plot::Plot,
        reduce::{BandPiece, Line, Reduction, Window},
    },
    format::SECOND,
    inbox::Link,
    scene::{Quiet, Scene},
    store::{Series, SeriesKind, TimeNs, TopicState},
    theme::Theme,
};

/// Height of the time axis.
const TIME_AXIS_HEIGHT: f32 = 24.0;
/// Least width of the value axis.
const VALUE_AXIS_MIN_WIDTH: f32 = 56.0;
/// A lower chart has no room for volume.
const VOLUME_FROM_HEIGHT: f32 = 180.0;
/// The part of the height that prices leave to volume.
const VOLUME_PART: f32 = 0.16;
/// A volume bar is at least so wide, with its space.
const VOLUME_BAR_WIDTH: f64 = 5.0;
/// A chart that follows moves at the display's rate at most ...
const SCROLL_MIN_NS: i64 = 16_000_000;
/// ... and twice a second at least, as long as anything comes from the server.
const SCROLL_MAX_NS: i64 = 500_000_000;
/// When nothing came for a minute it moves so seldom, as everything else on the screen does.
const SCROLL_STILL_NS: i64 = 10 * SECOND;
/// A chart whose newest sample is older than this moves twice a second only: nobody watches it glide.
const SCROLL_LIVELY_NS: i64 = 3_000_000_000;
/// A candle is at least so wide, with its space; shorter intervals are joined.
const CANDLE_MIN_WIDTH: f64 = 3.0;

/// Where the parts of a chart are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Areas {
    pub(super) plot: Rect,
    pub(super) axis: Rect,
    pub(super) times: Rect,
}

impl Areas {
    pub(super) fn of(body: Rect, axis_width: f32) -> Self {
        let right = body.right() - axis_width.max(VALUE_AXIS_MIN_WIDTH);
        let bottom = (body.bottom() - TIME_AXIS_HEIGHT).max(body.top() + 1.0);
        Self {
            plot: Rect::from_min_max(body.min, pos2(right.max(body.left() + 1.0), bottom)),
            axis: Rect::from_min_max(pos2(right, body.top()), pos2(body.right(), bottom)),
            times: Rect::from_min_max(pos2(body.left(), bottom), pos2(right, body.bottom())),
        }
    }
}

/// The time that all panes point at, because the pointer is over one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Crosshair {
    /// As found by the repaint before.
    pub(super) time_ns: Option<TimeNs>,
    /// As found by this one.
    pub(super) next_ns: Option<TimeNs>,
}

/// What the pointer does on a chart.
pub(super) struct Pointer<'a> {
    pub(super) hovered: Option<Pos2>,
    pub(super) ruler: Option<Ruler>,
    pub(super) crosshair: &'a mut Crosshair,
}

/// What there is to draw of one topic.
pub(super) enum Shown {
    Line(Line),
    Band(Vec<BandPiece>),
    Candles(Vec<Candle>, i64),
}

impl Shown {
    fn range(&self) -> Option<(f64, f64)> {
        let merge = |range: Option<(f64, f64)>, low: f64, high: f64| match range {
            Some((min, max)) => Some((min.min(low), max.max(high))),
            None => Some((low, high)),
        };
        match self {
            Self::Line(line) => line.range(),
            Self::Band(pieces) => pieces
                .iter()
                .fold(None, |range, piece| merge(range, piece.low, piece.high)),
            Self::Candles(candles, _) => candles
                .iter()
                .fold(None, |range, candle| merge(range, candle.low, candle.high)),
        }
    }
}

/// One topic of a chart, ready to be drawn.
pub(super) struct Entry<'a> {
    pub(super) topic: &'a TopicState,
    pub(super) series: &'a Series,
    pub(super) shown: Shown,
    pub(super) color: Color32,
}

/// What a chart is drawn on.
pub(super) struct Canvas<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) areas: Areas,
    /// The area of prices.
    pub(super) plot: Plot,
    /// The same with that of volume.
    pub(super) whole: Plot,
    /// Paints the chart only.
    pub(super) inside: Painter,
    /// Paints its axes as well.
    pub(super) outside: Painter,
}

impl Canvas<'_> {
    pub(super) fn theme(&self) -> &Theme {
        self.scene.theme
    }

    /// A dashed line from the left edge to the right one.
    pub(super) fn across(&self, y: f32, color: Color32, dash: f32) {
        let (left, right) = (self.areas.plot.left(), self.areas.plot.right());
        draw::dashed(&self.inside, pos2(left, y), pos2(right, y), color, dash);
    }

    /// A dashed line from the upper edge to the lower one.
    pub(super) fn down(&self, x: f32, color: Color32, dash: f32) {
        let (top, bottom) = (self.areas.plot.top(), self.areas.plot.bottom());
        draw::dashed(&self.inside, pos2(x, top), pos2(x, bottom), color, dash);
    }

    /// A value on the axis, on a ground of its own.
    pub(super) fn axis_label(&self, y: f32, text: &str, ground: Color32, ink: Color32) {
        let (left, width) = (self.areas.axis.left(), self.areas.axis.width());
        draw::axis_label(&self.outside, left, y, width, text, (ground, ink));
    }
}

/// Draws a chart. Returns what its area stands for.
pub(super) fn draw(
    ui: &Ui,
    scene: &Scene<'_>,
    pane: &mut ChartPane,
    areas: &Areas,
    pointer: Pointer<'_>,
) -> Plot {
    let now_ns = scene.now_ns;
    let (start_ns, end_ns) = pane.view.window(now_ns);
    let window = Window {
        start_ns,
        end_ns,
        columns: (areas.plot.width() * ui.pixels_per_point()).max(1.0) as u32,
    };
    let entries = entries(scene, pane, &window);
    let range = entries
        .iter()
        .filter_map(|entry| entry.shown.range())
        .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    pane.live.scale.update(range, now_ns);
    let volume = volume(&entries, &window, areas, now_ns);
    let whole = Plot {
        rect: areas.plot,
        start_ns,
        end_ns,
        scale: pane.live.scale,
    };
    let mut plot = whole;
    if volume.is_some() {
        plot.rect.max.y -= plot.rect.height() * VOLUME_PART;
    }
    let canvas = Canvas {
        scene,
        areas: *areas,
        plot,
        whole,
        inside: ui.painter().with_clip_rect(areas.plot),
        outside: ui.painter().clone(),
    };
    let label_width = paint(&canvas, &entries, volume.as_ref(), pointer.hovered);
    chart_marks::nothing(&canvas, pane);
    chart_pointer::draw(&canvas, &entries, pointer);
    // In steps, so that one digit more does not move everything.
    let wanted = ((label_width + 18.0) / 8.0).ceil() * 8.0;
    if wanted > pane.live.axis_width {
        pane.live.axis_width = wanted;
        ui.ctx().request_repaint();
    }
    schedule(ui, scene, pane, &plot);
    plot
}

/// Paints everything but the pointer's part. Returns the width of the widest label of the value
/// axis.
fn paint(
    canvas: &Canvas<'_>,
    entries: &[Entry<'_>],
    volume: Option<&(Vec<Candle>, i64)>,
    hovered: Option<Pos2>,
) -> f32 {
    let (inside, plot, theme) = (&canvas.inside, &canvas.plot, canvas.theme());
    let widest = chart_axes::value_axis(canvas, entries, hovered);
    chart_axes::time_axis(canvas);
    for entry in entries {
        chart_marks::gaps(canvas, entry);
    }
    chart_marks::no_connection(canvas);
    if let Some((candles, interval_ns)) = volume {
        draw::volume(inside, &canvas.whole, candles, *interval_ns, theme);
    }
    for entry in entries {
        match &entry.shown {
            Shown::Line(line) => draw::line(inside, plot, line, entry.color),
            Shown::Band(pieces) => draw::band(inside, plot, pieces, entry.color),
            Shown::Candles(candles, interval_ns) => {
                draw::candles(inside, plot, candles, *interval_ns, theme);
            }
        }
    }
    if let Some(entry) = entries.first() {
        chart_marks::alerts(canvas, entry);
    }
    // The main series last: its label lies on top.
    let widths = entries.iter().rev();
    let widths = widths.map(|entry| chart_axes::last_value(canvas, entry));
    widths.fold(widest, f32::max)
}

/// Asks to be repainted when something moves that does not depend on what comes in.
fn schedule(ui: &Ui, scene: &Scene<'_>, pane: &ChartPane, plot: &Plot) {
    let repaint_after = |ns: i64| {
        let wait = Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
        ui.ctx().request_repaint_after(wait);
    };
    if let Some(at_ns) = pane.live.scale.shrinks_at() {
        repaint_after(at_ns - scene.now_ns);
    }
    if pane.view.is_following() && matches!(scene.link, Link::Connected { .. }) {
        // Time moves by the clock: the chart has moved when it has moved by a pixel.
        let pixel_ns = plot.ns_per_point() / f64::from(ui.pixels_per_point());
        let newest_ns = pane.topics.iter().filter_map(|name| {
            let topic = scene.store.topic_named(name.as_str())?;
            topic.series.as_ref()?.last_time()
        });
        let is_quiet = newest_ns
            .max()
            .is_none_or(|newest_ns| scene.now_ns - newest_ns > SCROLL_LIVELY_NS);
        let (least_ns, most_ns) = match scene.quiet() {
            Quiet::No if is_quiet => (SCROLL_MAX_NS, SCROLL_MAX_NS),
            Quiet::No => (SCROLL_MIN_NS, SCROLL_MAX_NS),
            Quiet::Seconds => (SECOND, SECOND),
            Quiet::Minutes => (SCROLL_STILL_NS, SCROLL_STILL_NS),
        };
        repaint_after((pixel_ns as i64).clamp(least_ns, most_ns));
    }
}

/// How many samples of the main topic a pixel stands for.
pub(super) fn samples_per_pixel(scene: &Scene<'_>, pane: &ChartPane, width: f32) -> Option<f64> {
    let series = pane.main(scene)?.series.as_ref()?;
    let (start_ns, end_ns) = pane.view.window(scene.now_ns);
    let columns = width.max(1.0) as u32;
    let window = Window {
        start_ns,
        end_ns,
        columns,
    };
    let from = series.first_time()?.max(start_ns);
    let to = series.last_time()?.min(end_ns);
    let part = (to - from) as f64 / (end_ns - start_ns) as f64;
    let used = f64::from(columns) * part.max(1.0 / f64::from(columns));
    Some(window.samples(series) as f64 / used)
}

fn entries<'a>(scene: &Scene<'a>, pane: &mut ChartPane, window: &Window) -> Vec<Entry<'a>> {
    let reductions = &mut pane.live.reductions;
    reductions.resize_with(pane.topics.len(), Reduction::default);
    let topics = pane.topics.iter().zip(reductions).enumerate();
    topics
        .filter_map(|(number, (name, reduction))| {
            let topic = scene.store.topic_named(name.as_str())?;
            let series = topic.series.as_ref()?;
            let shown = match (pane.style, series.kind()) {
                (ChartStyle::Candles(interval_ns), _) => {
                    let ns_per_column = window.column_ns() as f64;
                    let least = (ns_per_column * CANDLE_MIN_WIDTH) as i64;
                    let interval_ns = if interval_ns >= least {
                        interval_ns
                    } else {
                        candles::round_interval(least)
                    };
                    let candles = candles::candles(
                        series,
                        window.start_ns,
                        window.end_ns,
                        interval_ns,
                        scene.now_ns,
                    );
                    Shown::Candles(candles, interval_ns)
                }
                (ChartStyle::Line, SeriesKind::Quote) => {
                    // Nobody knows what holds while there is no connection.
                    let until_ns = scene.health.disconnected_ns.unwrap_or(scene.now_ns);
                    Shown::Band(reduction.band(series, window, until_ns))
                }
                (ChartStyle::Line, SeriesKind::Reading | SeriesKind::Trade) => {
                    Shown::Line(reduction.line(series, window))
                }
            };
            Some(Entry {
                topic,
                series,
                shown,
                color: scene.theme.series(number),
            })
        })
        .collect()
}

fn volume(
    entries: &[Entry<'_>],
    window: &Window,
    areas: &Areas,
    now_ns: TimeNs,
) -> Option<(Vec<Candle>, i64)> {
    let entry = entries.first()?;
    if entry.series.kind() != SeriesKind::Trade || areas.plot.height() < VOLUME_FROM_HEIGHT {
        return None;
    }
    if let Shown::Candles(candles, interval_ns) = &entry.shown {
        return Some((candles.clone(), *interval_ns));
    }
    let span = (window.end_ns - window.start_ns) as f64;
    let bar_ns = span / f64::from(areas.plot.width().max(1.0)) * VOLUME_BAR_WIDTH;
    let interval_ns = candles::round_interval(bar_ns as i64);
    let (start_ns, end_ns) = (window.start_ns, window.end_ns);
    let bars = candles::candles(entry.series, start_ns, end_ns, interval_ns, now_ns);
    Some((bars, interval_ns))
}
