//! What a chart looks like: computes what is visible and has it drawn.

use egui::{Align2, Color32, Painter, Pos2, Rect, Ui, pos2};

use super::{
    chart_axes,
    chart_pane::{ChartPane, ChartStyle},
    chart_pointer::{self, Ruler},
};
use crate::{
    chart::{
        candles::{self, Candle},
        draw,
        plot::Plot,
        reduce::{BandPiece, Line, Reduction, Window},
    },
    format,
    scene::Scene,
    store::{GapCause, LANE_MAIN, Series, SeriesKind, TimeNs, TopicState},
    theme::{self, Theme},
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

/// Draws a chart. Returns what its area stands for.
pub(super) fn draw(
    ui: &Ui,
    scene: &Scene<'_>,
    pane: &mut ChartPane,
    areas: &Areas,
    pointer: Pointer<'_>,
) -> Plot {
    let theme = scene.theme;
    let now_ns = scene.now_ns;
    let view = pane.view.clone();
    let (start_ns, end_ns) = view.window(now_ns);
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
    if let Some(at) = pane.live.scale.shrinks_at() {
        let wait = u64::try_from(at - now_ns).unwrap_or(0);
        ui.ctx()
            .request_repaint_after(std::time::Duration::from_nanos(wait));
    }

    let volume = volume(&entries, &window, areas, now_ns);
    let mut rect = areas.plot;
    if volume.is_some() {
        rect.max.y -= rect.height() * VOLUME_PART;
    }
    let plot = Plot {
        rect,
        start_ns,
        end_ns,
        scale: pane.live.scale,
    };
    let painter = ui.painter().with_clip_rect(areas.plot);
    let axis_painter = ui.painter();
    let unit = entries
        .first()
        .and_then(|entry| entry.topic.unit.as_deref())
        .filter(|_| {
            entries
                .iter()
                .all(|e| e.series.kind() == SeriesKind::Reading)
        });

    let decimals = entries.iter().map(|entry| entry.topic.decimals).max();
    let decimals = decimals.unwrap_or(0);
    let labelled: Vec<f32> = entries
        .iter()
        .filter_map(|entry| Some(plot.y(entry.series.last_value(LANE_MAIN)?)))
        .chain(pointer.hovered.map(|place| place.y))
        .collect();
    let widest = chart_axes::value_axis(
        (axis_painter, &painter),
        &plot,
        areas,
        (unit, decimals),
        &labelled,
        theme,
    );
    chart_axes::time_axis(axis_painter, &painter, scene, &plot, areas);
    for entry in &entries {
        gaps(&painter, entry, &plot, areas, theme);
    }
    if let (Some(since_ns), None) = (scene.health.disconnected_ns, scene.player) {
        let whole = Plot {
            rect: areas.plot,
            ..plot
        };
        let (from, to) = (since_ns, now_ns.min(end_ns));
        if from < to {
            draw::gap(&painter, &whole, from, to, "no connection", theme);
        }
    }
    if let Some((candles, interval_ns)) = &volume {
        let whole = Plot {
            rect: areas.plot,
            ..plot
        };
        draw::volume(&painter, &whole, candles, *interval_ns, theme);
    }
    for entry in &entries {
        match &entry.shown {
            Shown::Line(line) => draw::line(&painter, &plot, line, entry.color),
            Shown::Band(pieces) => draw::band(&painter, &plot, pieces, entry.color),
            Shown::Candles(candles, interval) => {
                draw::candles(&painter, &plot, candles, *interval, theme);
            }
        }
    }
    if let Some(entry) = entries.first() {
        alerts(&painter, scene, entry, &plot, areas);
    }
    let mut label_width = widest;
    for entry in entries.iter().rev() {
        let width = chart_axes::last_value(axis_painter, &painter, entry, &plot, areas, theme);
        label_width = label_width.max(width);
    }
    // In steps, so that one digit more does not move everything.
    let wanted = ((label_width + 18.0) / 8.0).ceil() * 8.0;
    if wanted > pane.live.axis_width {
        pane.live.axis_width = wanted;
        ui.ctx().request_repaint();
    }
    if entries.is_empty() || range.is_none() {
        nothing(&painter, scene, pane, areas);
    }
    match (pointer.ruler, pointer.hovered) {
        (Some(ruler), _) => {
            chart_pointer::draw_ruler(&painter, scene, &entries, &plot, areas, ruler)
        }
        (None, Some(place)) => {
            pointer.crosshair.next_ns = Some(plot.time(place.x));
            chart_pointer::crosshair(axis_painter, &painter, scene, &entries, &plot, areas, place);
        }
        (None, None) => {
            if let Some(time_ns) = pointer.crosshair.time_ns {
                chart_pointer::distant_crosshair(&painter, &entries, &plot, areas, time_ns, theme);
            }
        }
    }
    if view.is_following() && matches!(scene.link, crate::inbox::Link::Connected { .. }) {
        // Time moves by the clock: the next repaint is due when the chart has moved by a pixel.
        let pixel_ns = plot.ns_per_point() / f64::from(ui.pixels_per_point());
        let wait = std::time::Duration::from_nanos(pixel_ns.clamp(16e6, 5e8) as u64);
        ui.ctx().request_repaint_after(wait);
    }
    plot
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

fn gaps(painter: &Painter, entry: &Entry<'_>, plot: &Plot, areas: &Areas, theme: &Theme) {
    let whole = Plot {
        rect: areas.plot,
        ..*plot
    };
    for gap in entry.series.gaps_between(plot.start_ns, plot.end_ns) {
        let label = match (gap.cause, gap.lost) {
            (GapCause::Lost, Some(lost)) => format!("gap · {} lost", format::count(lost)),
            (GapCause::Lost, None) => "gap".to_owned(),
            (GapCause::Restart, _) => "server restarted".to_owned(),
            (GapCause::NotANumber, _) => "not a number".to_owned(),
        };
        draw::gap(painter, &whole, gap.from_ns, gap.to_ns, &label, theme);
    }
}

/// The thresholds that are watched over, and where they were crossed.
fn alerts(painter: &Painter, scene: &Scene<'_>, entry: &Entry<'_>, plot: &Plot, areas: &Areas) {
    let theme = scene.theme;
    for rule in scene.alerts.rules_of(&entry.topic.name) {
        let Some(value) = rule.condition.threshold() else {
            continue;
        };
        let y = plot.y(value);
        if !plot.rect.y_range().contains(y) {
            continue;
        }
        let (left, right) = (areas.plot.left(), areas.plot.right());
        draw::dashed(painter, pos2(left, y), pos2(right, y), theme.bad, 5.0);
        painter.text(
            pos2(left + 6.0, y - 2.0),
            Align2::LEFT_BOTTOM,
            format!("alert {}", rule.condition.words(entry.topic.decimals)),
            theme::axis_text(),
            theme.bad,
        );
    }
    for event in scene.alerts.events() {
        if event.topic == entry.topic.name && (plot.start_ns..=plot.end_ns).contains(&event.time_ns)
        {
            let y = event
                .value
                .map_or(areas.plot.bottom(), |value| plot.y(value));
            draw::marker(painter, pos2(plot.x(event.time_ns), y), theme.bad);
        }
    }
}

fn nothing(painter: &Painter, scene: &Scene<'_>, pane: &ChartPane, areas: &Areas) {
    let topic = pane.main(scene);
    let text = match topic.map(|topic| (&topic.latest, &topic.series)) {
        None | Some((None, _)) => "Waiting for the first value",
        Some((Some(_), None)) => "This topic has no numbers to chart",
        Some((Some(_), Some(_))) => "Nothing came in this time",
    };
    painter.text(
        areas.plot.center(),
        Align2::CENTER_CENTER,
        text,
        theme::text(),
        scene.theme.muted,
    );
}
