//! Computes the drawings of a chart's topics.

use std::collections::HashMap;

use tickcast_protocol::message::TimeNs;

use super::{
    canvas::{Areas, ChartedTopic, Drawing},
    long_time,
    pane::ChartPane,
};
use crate::{
    data::{
        chart::{
            ChartStyle, ChartWindow, Reduction,
            candles::{self, Candle},
            joined_candles::joined_candles,
            round_interval,
        },
        history::SeriesKind,
    },
    ui::scene::Scene,
};

/// A chart below this height has no space for volume.
const VOLUME_FROM_HEIGHT: f32 = 180.0;

/// The least width of a volume bar with its space.
const VOLUME_BAR_WIDTH: f64 = 5.0;

/// The least width of a candle with its space; shorter intervals are joined.
const CANDLE_MIN_WIDTH: f64 = 3.0;

pub(super) fn charted_topics<'a>(
    scene: &Scene<'a>,
    pane: &mut ChartPane,
    window: &ChartWindow,
) -> Vec<ChartedTopic<'a>> {
    let reductions = &mut pane.state.reductions;
    reductions.resize_with(pane.topics.len(), Reduction::default);
    let colors: Vec<_> = (0..pane.topics.len())
        .map(|number| pane.color(scene, number))
        .collect();
    let reductions = &mut pane.state.reductions;
    let topics = pane.topics.iter().zip(reductions).enumerate();
    let (options, style) = (&pane.options, pane.style);
    let mut shown_as = HashMap::new();
    let charted = topics
        .filter(|(_, (name, _))| !options.is_hidden(name))
        .filter_map(|(number, (name, reduction))| {
            let topic = scene.store.topic_named(name.as_str())?;
            let series = scene.drawn(topic)?;
            // What is computed here is not known to the server, which has only times of arrival.
            let is_only_here = scene.derived.has(name) || scene.source_shift_ns.is_some();
            let long = topic.long().filter(|_| !is_only_here);
            let mut wanted = Vec::new();
            let mut rows = None;
            let mut first = series.start();
            if style == ChartStyle::Line
                && let Some(long) = long
                && let Some(of_line) = long_time::rows_of(topic, long, series, window, scene.now_ns)
            {
                (wanted, first) = (of_line.1, of_line.2);
                rows = Some(of_line.0);
            }
            let mut drawing = match (style, series.kind()) {
                (ChartStyle::Candles(interval_ns), _) => {
                    let ns_per_column = window.column_ns() as f64;
                    let least = (ns_per_column * CANDLE_MIN_WIDTH) as i64;
                    let interval_ns = if interval_ns >= least {
                        interval_ns
                    } else {
                        round_interval(least)
                    };
                    if !is_only_here {
                        wanted = long_time::wanted_candles(window, interval_ns);
                    }
                    let candles = joined_candles(
                        series,
                        long,
                        (window.start_ns, window.end_ns),
                        interval_ns,
                        scene.now_ns,
                    );
                    Drawing::Candles(candles, interval_ns)
                }
                (ChartStyle::Line, SeriesKind::Quote) => {
                    // Without a connection it is unknown which quote holds.
                    let until_ns = scene.disconnected_ns().unwrap_or(scene.now_ns);
                    Drawing::Band(reduction.band_from(series, window, until_ns, first))
                }
                (ChartStyle::Line, SeriesKind::Reading | SeriesKind::Trade) => {
                    Drawing::Line(reduction.line_from(series, window, first))
                }
            };
            let times = (window.start_ns, window.end_ns);
            let outages_wanted = long
                .and_then(|_| long_time::outages_wanted(&drawing, rows.as_ref(), series, window));
            let away = match (style, long) {
                (_, None) => Vec::new(),
                (ChartStyle::Line, Some(_)) => topic.away_between(times.0, times.1, scene.now_ns),
                // Candles say themselves whether they lack updates.
                (ChartStyle::Candles(_), Some(long)) => long.outages_between(times.0, times.1),
            };
            let map = drawing.shown_as(options.basis, series, times, rows.as_ref());
            shown_as.insert(name.clone(), map);
            let map = map?;
            drawing.show_as(map);
            if let Some(rows) = &mut rows {
                rows.show_as(map);
            }
            Some(ChartedTopic {
                topic,
                series,
                drawing,
                color: colors[number],
                side: options.side(name),
                map,
                rows,
                wanted,
                outages_wanted,
                away,
            })
        })
        .collect();
    pane.state.shown_as = shown_as;
    charted
}

pub(super) fn volume(
    topics: &[ChartedTopic<'_>],
    window: &ChartWindow,
    areas: &Areas,
    now_ns: TimeNs,
) -> Option<(Vec<Candle>, i64)> {
    let charted = topics.first()?;
    if charted.series.kind() != SeriesKind::Trade || areas.plot.height() < VOLUME_FROM_HEIGHT {
        return None;
    }
    if let Drawing::Candles(candles, interval_ns) = &charted.drawing {
        return Some((candles.clone(), *interval_ns));
    }
    let span = (window.end_ns - window.start_ns) as f64;
    let bar_ns = span / f64::from(areas.plot.width().max(1.0)) * VOLUME_BAR_WIDTH;
    let interval_ns = round_interval(bar_ns as i64);
    let (start_ns, end_ns) = (window.start_ns, window.end_ns);
    let bars = candles::candles(charted.series, start_ns, end_ns, interval_ns, now_ns);
    Some((bars, interval_ns))
}
