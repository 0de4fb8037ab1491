//! What a chart looks like: computes what is visible and has it drawn.

use egui::{Align2, Color32, CornerRadius, Painter, Pos2, Rect, Stroke, Ui, pos2};

use super::chart_pane::{ChartPane, ChartStyle};
use crate::{
    chart::{
        candles::{self, Candle},
        draw::{self, BoxLine},
        plot::Plot,
        reduce::{self, BandPiece, Line, Window},
        ticks,
    },
    format,
    scene::Scene,
    store::{GapCause, LANE_MAIN, LANE_SECOND, Series, SeriesKind, TimeNs, TopicState},
    theme::{self, Theme},
};

/// Height of the time axis.
const TIME_AXIS_HEIGHT: f32 = 24.0;
/// Least width of the value axis.
const VALUE_AXIS_MIN_WIDTH: f32 = 56.0;
/// Labels of the value axis have so much room at least.
const VALUE_GAP: f32 = 48.0;
/// Labels of the time axis have so much room at least.
const TIME_GAP: f32 = 90.0;
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

/// Two places between which is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    pub(super) from: Pos2,
    pub(super) to: Pos2,
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
enum Shown {
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

struct Entry<'a> {
    topic: &'a TopicState,
    series: &'a Series,
    shown: Shown,
    color: Color32,
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
    let view = pane.view();
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

    let labelled: Vec<f32> = entries
        .iter()
        .filter_map(|entry| Some(plot.y(entry.series.last_value(LANE_MAIN)?)))
        .collect();
    let widest = value_axis(
        (axis_painter, &painter),
        &plot,
        areas,
        unit,
        &labelled,
        theme,
    );
    time_axis(axis_painter, &painter, scene, &plot, areas);
    for entry in &entries {
        gaps(&painter, entry, &plot, areas, theme);
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
    let mut label_width = widest;
    for entry in entries.iter().rev() {
        let width = last_value(axis_painter, &painter, entry, &plot, areas, theme);
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
        (Some(ruler), _) => draw_ruler(&painter, scene, &entries, &plot, areas, ruler),
        (None, Some(place)) => {
            pointer.crosshair.next_ns = Some(plot.time(place.x));
            crosshair(axis_painter, &painter, scene, &entries, &plot, areas, place);
        }
        (None, None) => {
            if let Some(time_ns) = pointer.crosshair.time_ns {
                distant_crosshair(&painter, &entries, &plot, areas, time_ns, theme);
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
    let (start_ns, end_ns) = pane.view().window(scene.now_ns);
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

fn entries<'a>(scene: &Scene<'a>, pane: &ChartPane, window: &Window) -> Vec<Entry<'a>> {
    pane.topics
        .iter()
        .enumerate()
        .filter_map(|(number, name)| {
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
                    Shown::Band(reduce::band(series, window, scene.now_ns))
                }
                (ChartStyle::Line, SeriesKind::Reading | SeriesKind::Trade) => {
                    Shown::Line(reduce::line(series, LANE_MAIN, window))
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

/// Draws grid lines, and labels where none of the newest values (`labelled`) has its own. Returns
/// the width of the widest label.
fn value_axis(
    (labels, painter): (&Painter, &Painter),
    plot: &Plot,
    areas: &Areas,
    unit: Option<&str>,
    labelled: &[f32],
    theme: &Theme,
) -> f32 {
    let Some((min, max)) = plot.scale.range() else {
        return 0.0;
    };
    let height = plot.rect.height();
    let (ticks, decimals) = if plot.scale.is_log() {
        ticks::log_values(min, max, height, VALUE_GAP)
    } else {
        ticks::values(min, max, height, VALUE_GAP)
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

fn time_axis(labels: &Painter, painter: &Painter, scene: &Scene<'_>, plot: &Plot, areas: &Areas) {
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

/// The newest value: a dotted line, a dot at its end, a label on the axis. Returns the label's
/// width.
fn last_value(
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

/// The sample that holds at a time: for quotes the last one before it, else the nearest.
fn sample_at(series: &Series, time_ns: TimeNs) -> Option<u64> {
    match series.kind() {
        SeriesKind::Quote => series
            .index_at(time_ns.saturating_add(1))
            .checked_sub(1)
            .filter(|&index| index >= series.start()),
        SeriesKind::Reading | SeriesKind::Trade => series.nearest(time_ns),
    }
}

fn crosshair(
    labels: &Painter,
    painter: &Painter,
    scene: &Scene<'_>,
    entries: &[Entry<'_>],
    plot: &Plot,
    areas: &Areas,
    place: Pos2,
) {
    let theme = scene.theme;
    let line = theme.muted.gamma_multiply(0.8);
    let (top, bottom) = (areas.plot.top(), areas.plot.bottom());
    let time_ns = plot.time(place.x);
    let hit = entries.first().and_then(|entry| {
        let index = sample_at(entry.series, time_ns)?;
        let x = plot.x(entry.series.time(index));
        areas.plot.x_range().contains(x).then_some((entry, index))
    });
    let x = match hit {
        Some((entry, index)) if !matches!(entry.shown, Shown::Candles(..) | Shown::Band(_)) => {
            plot.x(entry.series.time(index))
        }
        _ => place.x,
    };
    draw::dashed(painter, pos2(x, top), pos2(x, bottom), line, 3.0);
    let (left, right) = (areas.plot.left(), areas.plot.right());
    draw::dashed(
        painter,
        pos2(left, place.y),
        pos2(right, place.y),
        line,
        3.0,
    );
    if plot.rect.contains(place)
        && let Some(entry) = entries.first()
    {
        let text = format::number(plot.value(place.y), entry.topic.decimals);
        let colors = (theme.raised, theme.text);
        let width = areas.axis.width();
        draw::axis_label(labels, areas.axis.left(), place.y, width, &text, colors);
    }
    let Some((entry, index)) = hit else { return };
    let lines = match &entry.shown {
        Shown::Candles(candles, interval_ns) => {
            let start_ns = time_ns.div_euclid(*interval_ns) * interval_ns;
            match candles.iter().find(|candle| candle.start_ns == start_ns) {
                Some(candle) => candle_lines(scene, entry, candle, *interval_ns),
                None => return,
            }
        }
        Shown::Line(_) | Shown::Band(_) => {
            mark(painter, plot, entry, index, theme);
            sample_lines(scene, entries, entry, index)
        }
    };
    draw::text_box(painter, pos2(x, place.y), areas.plot, &lines, theme);
}

/// A ring around a sample.
fn mark(painter: &Painter, plot: &Plot, entry: &Entry<'_>, index: u64, theme: &Theme) {
    let series = entry.series;
    let x = plot.x(series.time(index));
    let value = series.value(LANE_MAIN, index);
    painter.circle(
        pos2(x, plot.y(value)),
        3.5,
        theme.background,
        Stroke::new(1.4, theme.text),
    );
}

fn text_line(text: String, theme: &Theme) -> BoxLine {
    BoxLine {
        text,
        font: theme::axis_figures(),
        color: theme.muted,
    }
}

fn head_line(text: String, theme: &Theme) -> BoxLine {
    BoxLine {
        text,
        font: theme::small_figures(),
        color: theme.text,
    }
}

fn sample_lines(
    scene: &Scene<'_>,
    entries: &[Entry<'_>],
    main: &Entry<'_>,
    index: u64,
) -> Vec<BoxLine> {
    let theme = scene.theme;
    let series = main.series;
    let decimals = main.topic.decimals;
    let value = series.value(LANE_MAIN, index);
    let time_ns = series.time(index);
    let mut head = format::number(value, decimals);
    if series.kind() == SeriesKind::Quote {
        let ask = series.value(LANE_SECOND, index);
        head = format!("{head} / {}", format::number(ask, decimals));
    }
    if let Some(unit) = &main.topic.unit {
        head = format!("{head} {unit}");
    }
    let mut lines = vec![head_line(head, theme)];
    if series.kind() == SeriesKind::Trade {
        let size = series.value(LANE_SECOND, index);
        lines.push(text_line(format!("size {size}"), theme));
    }
    for (number, other) in entries.iter().enumerate().skip(1) {
        if let Some(index) = sample_at(other.series, time_ns) {
            let value = other.series.value(LANE_MAIN, index);
            lines.push(BoxLine {
                text: format::number(value, other.topic.decimals),
                font: theme::small_figures(),
                color: theme.series(number),
            });
        }
    }
    lines.push(text_line(scene.zone.time_us(time_ns), theme));
    let live = series.last_value(LANE_MAIN).unwrap_or(value);
    lines.push(text_line(
        format!(
            "Δ live {} · {} ago",
            format::signed(live - value, decimals),
            format::duration(scene.now_ns - time_ns)
        ),
        theme,
    ));
    lines
}

fn candle_lines(
    scene: &Scene<'_>,
    entry: &Entry<'_>,
    candle: &Candle,
    interval_ns: i64,
) -> Vec<BoxLine> {
    let theme = scene.theme;
    let number = |value: f64| format::number(value, entry.topic.decimals);
    let state = if candle.is_complete {
        ""
    } else {
        " · incomplete"
    };
    let mut lines = vec![
        head_line(
            format!("O {}  C {}", number(candle.open), number(candle.close)),
            theme,
        ),
        head_line(
            format!("H {}  L {}", number(candle.high), number(candle.low)),
            theme,
        ),
    ];
    if candle.volume > 0.0 {
        let volume = format::number(candle.volume, 4);
        lines.push(text_line(format!("volume {volume}"), theme));
    }
    lines.push(text_line(
        format!(
            "{} · {}{state}",
            scene.zone.date_time(candle.start_ns),
            format::age(interval_ns)
        ),
        theme,
    ));
    lines
}

/// The time that the pointer is at in another pane.
fn distant_crosshair(
    painter: &Painter,
    entries: &[Entry<'_>],
    plot: &Plot,
    areas: &Areas,
    time_ns: TimeNs,
    theme: &Theme,
) {
    let x = plot.x(time_ns);
    if !areas.plot.x_range().contains(x) {
        return;
    }
    let (top, bottom) = (areas.plot.top(), areas.plot.bottom());
    let line = theme.muted.gamma_multiply(0.6);
    draw::dashed(painter, pos2(x, top), pos2(x, bottom), line, 3.0);
    let Some(entry) = entries.first() else { return };
    let Some(index) = sample_at(entry.series, time_ns) else {
        return;
    };
    if !matches!(entry.shown, Shown::Candles(..)) {
        mark(painter, plot, entry, index, theme);
    }
    let value = entry.series.value(LANE_MAIN, index);
    let lines = [head_line(
        format::number(value, entry.topic.decimals),
        theme,
    )];
    draw::text_box(painter, pos2(x, plot.y(value)), areas.plot, &lines, theme);
}

fn draw_ruler(
    painter: &Painter,
    scene: &Scene<'_>,
    entries: &[Entry<'_>],
    plot: &Plot,
    areas: &Areas,
    ruler: Ruler,
) {
    let theme = scene.theme;
    let area = Rect::from_two_pos(ruler.from, ruler.to).intersect(areas.plot);
    painter.rect(
        area,
        CornerRadius::ZERO,
        theme.accent.gamma_multiply(0.12),
        Stroke::new(1.0, theme.accent.gamma_multiply(0.6)),
        egui::StrokeKind::Inside,
    );
    let Some(entry) = entries.first() else { return };
    let decimals = entry.topic.decimals;
    let (from, to) = (plot.value(ruler.from.y), plot.value(ruler.to.y));
    let times = (plot.time(ruler.from.x), plot.time(ruler.to.x));
    let (start, end) = (times.0.min(times.1), times.0.max(times.1));
    let percent = (to - from) / from.abs() * 100.0;
    let mut lines = vec![head_line(
        format!(
            "{}  {} %",
            format::signed(to - from, decimals),
            format::signed(percent, 3)
        ),
        theme,
    )];
    lines.push(text_line(format::duration(end - start), theme));
    let series = entry.series;
    let range = (series.index_at(start), series.index_at(end + 1));
    if let Some(summary) = series.summary(LANE_MAIN, range.0, range.1) {
        let number = |value| format::number(value, decimals);
        lines.push(text_line(
            format!("{} updates", format::count(summary.count)),
            theme,
        ));
        lines.push(text_line(
            format!("min {}  max {}", number(summary.min), number(summary.max)),
            theme,
        ));
        lines.push(text_line(format!("mean {}", number(summary.mean())), theme));
    }
    draw::text_box(painter, ruler.to, areas.plot, &lines, theme);
}

/// The box that a drag with the right button would zoom to.
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
