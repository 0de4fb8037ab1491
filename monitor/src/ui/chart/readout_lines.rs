//! The texts that the pointer shows.

use tickcast_protocol::message::TimeNs;

use super::{
    canvas::{Canvas, ChartedTopic},
    cursor_table,
    paint::BoxLine,
    pointer::Ruler,
};
use crate::{
    data::{
        chart::{Cursors, Known, candles::Candle, rows::ChartRow},
        format,
        history::{LANE_MAIN, LANE_SECOND, SampleSeries, SeriesKind},
        percentage::NO_PERCENTAGE,
    },
    ui::{
        scene::Scene,
        theme::{self, Theme},
    },
};

/// The sample that holds at a time: of a quote the last one before it, else the nearest.
pub(super) fn sample_at(series: &SampleSeries, time_ns: TimeNs) -> Option<u64> {
    match series.kind() {
        SeriesKind::Quote => series
            .index_at(time_ns.saturating_add(1))
            .checked_sub(1)
            .filter(|&index| index >= series.start()),
        SeriesKind::Reading | SeriesKind::Trade => series.nearest(time_ns),
    }
}

fn text_line(text: String, theme: &Theme) -> BoxLine {
    BoxLine {
        text,
        font: theme::axis_figures(),
        color: theme.muted,
    }
}

pub(super) fn head_line(text: String, theme: &Theme) -> BoxLine {
    BoxLine {
        text,
        font: theme::small_figures(),
        color: theme.text,
    }
}

/// The most characters of a name beside its value.
const NAME_CHARS: usize = 30;

/// The name of a topic beside its value: its end tells it apart.
fn short_name(charted: &ChartedTopic<'_>) -> String {
    format::cut_front(charted.topic.name.as_str(), NAME_CHARS)
}

pub(super) fn sample_lines(
    scene: &Scene<'_>,
    topics: &[ChartedTopic<'_>],
    main: &ChartedTopic<'_>,
    index: u64,
) -> Vec<BoxLine> {
    let theme = scene.theme;
    let series = main.series;
    let decimals = main.topic.decimals;
    let value = series.value(LANE_MAIN, index);
    let time_ns = series.time(index);
    let mut head = format::value(value, decimals);
    if series.kind() == SeriesKind::Quote {
        let ask = series.value(LANE_SECOND, index);
        head = format!("{head} / {}", format::value(ask, decimals));
    }
    if let Some(unit) = &main.topic.unit {
        head = format!("{head} {unit}");
    }
    if topics.len() > 1 {
        head = format!("{head}  {}", short_name(main));
    }
    let mut lines = vec![head_line(head, theme)];
    if series.kind() == SeriesKind::Trade {
        let size = series.value(LANE_SECOND, index);
        lines.push(text_line(format!("size {size}"), theme));
    }
    for other in &topics[1..] {
        if let Some(index) = sample_at(other.series, time_ns) {
            let value = other.series.value(LANE_MAIN, index);
            lines.push(BoxLine {
                text: format!(
                    "{}  {}",
                    format::value(value, other.topic.decimals),
                    short_name(other)
                ),
                font: theme::small_figures(),
                color: other.color,
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

pub(super) fn candle_lines(
    scene: &Scene<'_>,
    charted: &ChartedTopic<'_>,
    candle: &Candle,
    interval_ns: i64,
) -> Vec<BoxLine> {
    let theme = scene.theme;
    // Candles are drawn as what they are shown as.
    let number = |shown: f64| format::value(charted.map.value(shown), charted.topic.decimals);
    let state = state(candle.known);
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
        let volume = match candle.exact_volume {
            Some(volume) => volume.to_string(),
            None => format::number(candle.volume, 4),
        };
        lines.push(text_line(format!("volume {volume}"), theme));
    }
    lines.push(text_line(updates(candle.count), theme));
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

/// The texts of a row.
pub(super) fn row_lines(
    scene: &Scene<'_>,
    charted: &ChartedTopic<'_>,
    row: &ChartRow,
) -> Vec<BoxLine> {
    let theme = scene.theme;
    let number = |shown: f64| format::value(charted.map.value(shown), charted.topic.decimals);
    let what = match charted.series.kind() {
        SeriesKind::Trade => "last",
        SeriesKind::Reading | SeriesKind::Quote => "mean",
    };
    let state = state(row.known);
    let (low, high) = (number(row.low), number(row.high));
    let at = scene.zone.date_time(row.start_ns);
    let length = format::age(row.length_ns);
    vec![
        head_line(format!("{what} {}", number(row.middle)), theme),
        head_line(format!("min {low}  max {high}"), theme),
        text_line(updates(row.count), theme),
        text_line(format!("{at} · {length}{state}"), theme),
    ]
}

/// What is said about an interval of which not all is counted.
fn state(known: Known) -> &'static str {
    match known {
        Known::Complete => "",
        Known::Open => " · open",
        Known::Incomplete => " · incomplete",
        Known::Begins => " · history begins in it",
    }
}

fn updates(count: u64) -> String {
    match count {
        1 => "1 update".to_owned(),
        _ => format!("{} updates", format::count(count)),
    }
}

/// The texts of a measurement.
pub(super) fn ruler_lines(
    canvas: &Canvas<'_>,
    charted: &ChartedTopic<'_>,
    ruler: Ruler,
) -> Vec<BoxLine> {
    let (theme, plot) = (canvas.theme(), canvas.plot_of(charted.side));
    let number = |value| format::value(value, charted.topic.decimals);
    let value = |y| charted.map.value(plot.value(y));
    let (from, to) = (value(ruler.from.y), value(ruler.to.y));
    let times = (plot.time(ruler.from.x), plot.time(ruler.to.x));
    let (start, end) = (times.0.min(times.1), times.0.max(times.1));
    let between = Cursors {
        times_ns: [start, end],
    };
    let scene = canvas.scene;
    let measured = cursor_table::measured(scene, charted.topic, between, &canvas.window());
    let measured = measured.unwrap_or_default();
    let change = format::signed(to - from, charted.topic.decimals);
    let percent = match measured.percent_of(from, to) {
        Some(percent) => format!("{} %", format::signed(percent, 3)),
        None => NO_PERCENTAGE.to_owned(),
    };
    let mut lines = vec![
        head_line(format!("{change}  {percent}"), theme),
        text_line(format::duration(end - start), theme),
    ];
    let Some(all) = measured.range else {
        return lines;
    };
    let extremes = format!("min {}  max {}", number(all.min), number(all.max));
    lines.push(text_line(updates(measured.count), theme));
    lines.push(text_line(extremes, theme));
    if let Some(mean) = all.mean {
        lines.push(text_line(format!("mean {}", number(mean)), theme));
    }
    if let Some(coarse) = measured.coarse {
        lines.push(text_line(cursor_table::coarse_words(scene, coarse), theme));
    }
    lines
}
