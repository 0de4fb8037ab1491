//! What the pointer tells: values under it, distances, boxes.

use egui::{CornerRadius, Painter, Pos2, Rect, Stroke, pos2};

use super::chart_view::{Areas, Canvas, Entry, Pointer, Shown};
use crate::{
    chart::{
        candles::Candle,
        draw::{self, BoxLine},
    },
    format,
    scene::Scene,
    store::{LANE_MAIN, LANE_SECOND, Series, SeriesKind, TimeNs},
    theme::{self, Theme},
};

/// Two places between which is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    pub(super) from: Pos2,
    pub(super) to: Pos2,
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

/// Draws what the pointer asks for: a ruler, the crosshair, or the place that it points at in
/// another pane.
pub(super) fn draw(canvas: &Canvas<'_>, entries: &[Entry<'_>], pointer: Pointer<'_>) {
    match (pointer.ruler, pointer.hovered, pointer.crosshair.time_ns) {
        (Some(ruler), ..) => measure(canvas, entries, ruler),
        (None, Some(place), _) => {
            pointer.crosshair.next_ns = Some(canvas.plot.time(place.x));
            crosshair(canvas, entries, place);
        }
        (None, None, Some(time_ns)) => distant_crosshair(canvas, entries, time_ns),
        (None, None, None) => {}
    }
}

/// Lines through the pointer, and what is there.
fn crosshair(canvas: &Canvas<'_>, entries: &[Entry<'_>], place: Pos2) {
    let (plot, theme) = (&canvas.plot, canvas.theme());
    let line = theme.muted.gamma_multiply(0.8);
    let time_ns = plot.time(place.x);
    let hit = entries.first().and_then(|entry| {
        let index = sample_at(entry.series, time_ns)?;
        let x = plot.x(entry.series.time(index));
        let is_visible = canvas.areas.plot.x_range().contains(x);
        is_visible.then_some((entry, index))
    });
    // On a line the pointer is drawn to the nearest sample.
    let x = match hit {
        Some((entry, index)) if matches!(entry.shown, Shown::Line(_)) => {
            plot.x(entry.series.time(index))
        }
        _ => place.x,
    };
    canvas.down(x, line, 3.0);
    canvas.across(place.y, line, 3.0);
    if plot.rect.contains(place)
        && let Some(entry) = entries.first()
    {
        let text = format::number(plot.value(place.y), entry.topic.decimals);
        canvas.axis_label(place.y, &text, theme.raised, theme.text);
    }
    let Some((entry, index)) = hit else { return };
    let lines = match &entry.shown {
        Shown::Candles(candles, interval_ns) => {
            let start_ns = time_ns.div_euclid(*interval_ns) * interval_ns;
            match candles.iter().find(|candle| candle.start_ns == start_ns) {
                Some(candle) => candle_lines(canvas.scene, entry, candle, *interval_ns),
                None => return,
            }
        }
        Shown::Line(_) | Shown::Band(_) => {
            mark(canvas, entry, index);
            sample_lines(canvas.scene, entries, entry, index)
        }
    };
    let place = pos2(x, place.y);
    draw::text_box(&canvas.inside, place, canvas.areas.plot, &lines, theme);
}

/// A ring around a sample.
fn mark(canvas: &Canvas<'_>, entry: &Entry<'_>, index: u64) {
    let (series, theme) = (entry.series, canvas.theme());
    let x = canvas.plot.x(series.time(index));
    let y = canvas.plot.y(series.value(LANE_MAIN, index));
    let line = Stroke::new(1.4, theme.text);
    canvas
        .inside
        .circle(pos2(x, y), 3.5, theme.background, line);
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
fn distant_crosshair(canvas: &Canvas<'_>, entries: &[Entry<'_>], time_ns: TimeNs) {
    let (plot, theme) = (&canvas.plot, canvas.theme());
    let x = plot.x(time_ns);
    if !canvas.areas.plot.x_range().contains(x) {
        return;
    }
    canvas.down(x, theme.muted.gamma_multiply(0.6), 3.0);
    let Some(entry) = entries.first() else { return };
    let Some(index) = sample_at(entry.series, time_ns) else {
        return;
    };
    if !matches!(entry.shown, Shown::Candles(..)) {
        mark(canvas, entry, index);
    }
    let value = entry.series.value(LANE_MAIN, index);
    let lines = [head_line(
        format::number(value, entry.topic.decimals),
        theme,
    )];
    let place = pos2(x, plot.y(value));
    draw::text_box(&canvas.inside, place, canvas.areas.plot, &lines, theme);
}

/// What lies between two places.
fn measure(canvas: &Canvas<'_>, entries: &[Entry<'_>], ruler: Ruler) {
    let (plot, theme) = (&canvas.plot, canvas.theme());
    let area = Rect::from_two_pos(ruler.from, ruler.to).intersect(canvas.areas.plot);
    canvas.inside.rect(
        area,
        CornerRadius::ZERO,
        theme.accent.gamma_multiply(0.12),
        Stroke::new(1.0, theme.accent.gamma_multiply(0.6)),
        egui::StrokeKind::Inside,
    );
    let Some(entry) = entries.first() else { return };
    let number = |value| format::number(value, entry.topic.decimals);
    let (from, to) = (plot.value(ruler.from.y), plot.value(ruler.to.y));
    let times = (plot.time(ruler.from.x), plot.time(ruler.to.x));
    let (start, end) = (times.0.min(times.1), times.0.max(times.1));
    let percent = (to - from) / from.abs() * 100.0;
    let change = format::signed(to - from, entry.topic.decimals);
    let mut lines = vec![
        head_line(format!("{change}  {} %", format::signed(percent, 3)), theme),
        text_line(format::duration(end - start), theme),
    ];
    let series = entry.series;
    let range = (series.index_at(start), series.index_at(end + 1));
    if let Some(all) = series.summary(LANE_MAIN, range.0, range.1) {
        let extremes = format!("min {}  max {}", number(all.min), number(all.max));
        lines.push(text_line(
            format!("{} updates", format::count(all.count)),
            theme,
        ));
        lines.push(text_line(extremes, theme));
        lines.push(text_line(format!("mean {}", number(all.mean())), theme));
    }
    draw::text_box(&canvas.inside, ruler.to, canvas.areas.plot, &lines, theme);
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
