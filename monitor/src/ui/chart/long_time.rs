//! Long time on a chart: what it needs of the server, its rows, and the words about them.

use egui::{Align2, pos2};
use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{
    canvas::{Canvas, ChartedTopic, Drawing},
    marks::SOURCE_AWAY,
    paint,
    pane::ChartPane,
    source_time,
};
use crate::{
    data::{
        chart::{
            ChartStyle, ChartWindow, Known, incomplete_times,
            joined_candles::candle_track,
            rows::{self, ChartRows, WantedRows},
        },
        format,
        history::SampleSeries,
        long_history::{LongAvailability, LongTrack, TopicLongHistory, source_of},
        time::SECOND,
        topics::MonitoredTopic,
    },
    ui::{command::UiCommand, scene::Scene, theme},
};

/// So much more of the visible time is asked for, that panning finds it there (one part in this
/// many).
const AHEAD_DIVISOR: i64 = 2;

/// A text that would take a greater part of the chart's width is shortened: the lines below it
/// matter more.
const NOTE_PART_MAX: f32 = 0.6;

/// What candles of this length need of the server.
pub(super) fn wanted_candles(window: &ChartWindow, interval_ns: i64) -> Vec<WantedRows> {
    let ahead_ns = (window.end_ns - window.start_ns) / AHEAD_DIVISOR;
    let wanted = (window.start_ns.saturating_sub(ahead_ns), window.end_ns);
    let source = source_of(interval_ns);
    source.map(|source| (source, wanted)).into_iter().collect()
}

/// The rows of a topic that is drawn as a line, what they need of the server, and the first sample
/// that is drawn. `None` if all samples of the window are held here, or soon will be.
pub(super) fn rows_of(
    topic: &MonitoredTopic,
    long: &TopicLongHistory,
    series: &SampleSeries,
    window: &ChartWindow,
    now_ns: TimeNs,
) -> Option<(ChartRows, Vec<WantedRows>, u64)> {
    let complete_ns = topic.complete_from_ns().unwrap_or(TimeNs::MAX);
    let is_held = complete_ns <= window.start_ns;
    let may_come = topic.wants_past(window.start_ns) && !rows::are_fine(window);
    if is_held || may_come {
        return None;
    }
    let before = rows::rows_before(long, series, window, complete_ns, now_ns);
    Some(before)
}

/// The commands that ask for what a chart needs.
pub(super) fn requests(
    scene: &Scene<'_>,
    pane: &ChartPane,
    window: &ChartWindow,
    topics: &[ChartedTopic<'_>],
) -> Vec<UiCommand> {
    let request = |name: &Topic, (interval, wanted): WantedRows| UiCommand::LongHistory {
        topic: name.clone(),
        interval,
        wanted,
    };
    let mut requests = Vec::new();
    for charted in topics {
        let wanted = charted.wanted.iter().chain(&charted.outages_wanted);
        requests.extend(wanted.map(|&wanted| request(&charted.topic.name, wanted)));
    }
    let topics_by_arrival = match scene.source_shift_ns {
        None => &pane.topics[..],
        Some(_) => &[],
    };
    for name in topics_by_arrival {
        let topic = scene.store.topic_named(name.as_str());
        // A topic without a number so far may have had some.
        if topic.is_some_and(|topic| topic.series.is_none()) && !scene.derived.has(name) {
            let wanted = match pane.style {
                ChartStyle::Candles(interval_ns) => wanted_candles(window, interval_ns),
                ChartStyle::Line => {
                    let whole = (window.start_ns, window.end_ns);
                    vec![(rows::interval_of(window), whole)]
                }
            };
            requests.extend(wanted.into_iter().map(|wanted| request(name, wanted)));
        }
    }
    requests
}

/// What is needed to know when the source of a topic was away, if the intervals that are drawn do
/// not tell it.
pub(super) fn outages_wanted(
    drawing: &Drawing,
    rows: Option<&ChartRows>,
    series: &SampleSeries,
    window: &ChartWindow,
) -> Option<WantedRows> {
    let of_intervals = |interval_ns: i64, counts: Vec<u64>| {
        let distance_ns = rows::distance_ns(interval_ns, &counts)?;
        Some((interval_ns, distance_ns))
    };
    let (drawn_ns, distance_ns) = match drawing {
        Drawing::Candles(candles, interval_ns) => {
            let counts = candles.iter().map(|candle| candle.count);
            of_intervals(*interval_ns, counts.collect())?
        }
        // Rows are known only up to the first of these samples.
        Drawing::Line(_) | Drawing::Band(_) => match (window.distance_ns(series), rows) {
            (Some(distance_ns), _) => (0, distance_ns),
            (None, rows) => {
                let rows = rows?;
                let counts = rows.rows.iter().map(|row| row.count);
                of_intervals(rows.interval_ns, counts.collect())?
            }
        },
    };
    let wanted = rows::outages_wanted(distance_ns, window);
    (wanted.0.nanos() > drawn_ns).then_some(wanted)
}

/// Hatches the intervals in which updates are missing, and the times in which the source was away.
/// Where all begins nothing was lost: a line stands there.
pub(super) fn missing(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>) {
    let of_candles = match &charted.drawing {
        Drawing::Candles(candles, interval_ns) => {
            let states = candles.iter().map(|candle| {
                let end_ns = candle.start_ns.saturating_add(*interval_ns);
                (candle.start_ns, end_ns, candle.known)
            });
            incomplete_times(states)
        }
        Drawing::Line(_) | Drawing::Band(_) => Vec::new(),
    };
    if let Some(begins_ns) = begins_ns(charted) {
        canvas.down(canvas.plot.x(begins_ns), canvas.theme().dim, 2.0);
    }
    let of_rows = charted.rows.iter().flat_map(|rows| &rows.incomplete);
    for &times in of_candles.iter().chain(of_rows) {
        canvas.incomplete(times);
    }
    for &(from_ns, to_ns) in &charted.away {
        // A gap between samples that are held here is hatched for them.
        let mut held = charted.series.gaps_between(from_ns, to_ns);
        if !held.any(|gap| gap.from_ns < to_ns && gap.to_ns > from_ns) {
            canvas.gap((from_ns, to_ns), SOURCE_AWAY);
        }
    }
}

/// The start of the interval in which all that is known begins, if it is among those drawn.
fn begins_ns(charted: &ChartedTopic<'_>) -> Option<TimeNs> {
    let first = match &charted.drawing {
        Drawing::Candles(candles, _) => candles.first().map(|first| (first.start_ns, first.known)),
        Drawing::Line(_) | Drawing::Band(_) => {
            let first = charted.rows.as_ref()?.rows.first();
            first.map(|first| (first.start_ns, first.known))
        }
    };
    first.and_then(|(start_ns, known)| (known == Known::Begins).then_some(start_ns))
}

/// Draws the rows of a topic, and where every update begins.
pub(super) fn rows(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>) {
    let Some(rows) = &charted.rows else { return };
    let (painter, plot) = (&canvas.inside, canvas.plot_of(charted.side));
    paint::rows(painter, plot, rows, charted.color);
    let (Some(last), Some(first_ns)) = (rows.rows.last(), charted.topic.complete_from_ns()) else {
        return;
    };
    // Fine and coarse meet here.
    let x = plot.x(first_ns);
    if last.end_ns <= first_ns && plot.rect.x_range().contains(x) {
        canvas.down(x, canvas.theme().dim, 2.0);
    }
}

/// Writes what a chart waits for, or what the server does not have.
pub(super) fn note(canvas: &Canvas<'_>, pane: &ChartPane, topics: &[ChartedTopic<'_>]) {
    let notes = topics.iter().find_map(|charted| {
        let note = words(canvas.scene, charted, canvas.plot.start_ns)?;
        Some(match pane.topics.len() {
            1 => note,
            _ => Note {
                text: format!("{}: {}", charted.topic.name, note.text),
                ..note
            },
        })
    });
    let is_loading = || {
        let topics = pane.topics.iter();
        let mut topics = topics.filter_map(|name| canvas.scene.store.topic_named(name.as_str()));
        topics.any(|topic| {
            let tracks = topic.long().map_or(&[][..], TopicLongHistory::tracks);
            topic.series.is_none() && tracks.iter().any(LongTrack::is_asking)
        })
    };
    let Some(note) = notes
        .or_else(|| is_loading().then(|| Note::from("Loading".to_owned())))
        .or_else(|| source_time::missing(canvas, pane).map(Note::from))
    else {
        return;
    };
    let area = canvas.free();
    let place = pos2(area.left() + 8.0, area.top() + 6.0);
    let (font, color) = (theme::axis_text(), canvas.theme().muted);
    let room = (area.width() - 16.0).max(1.0);
    // A narrow chart has the short form. What has none is in several lines there.
    let whole = canvas
        .inside
        .layout_no_wrap(note.text.clone(), font.clone(), color);
    let galley = match note.short {
        Some(_) if whole.size().x <= room * NOTE_PART_MAX => whole,
        Some(short) => canvas.inside.layout_no_wrap(short, font, color),
        None => canvas.inside.layout(note.text, font, color, room),
    };
    if galley.size().x > room {
        return;
    }
    let rect = Align2::LEFT_TOP.anchor_size(place, galley.size());
    let Some(rect) = canvas.words.place(rect, galley.text()) else {
        return;
    };
    let ground = canvas.theme().background;
    canvas.inside.rect_filled(rect.expand(2.0), 3, ground);
    canvas.inside.galley(rect.min, galley, color);
}

/// What is written on a chart.
struct Note {
    text: String,
    /// The same for a narrow chart, in which a long text would cover the lines. It is left out
    /// where there is no room for it either.
    short: Option<String>,
}

impl From<String> for Note {
    fn from(text: String) -> Self {
        Self { text, short: None }
    }
}

fn words(scene: &Scene<'_>, charted: &ChartedTopic<'_>, start_ns: TimeNs) -> Option<Note> {
    if scene.player.is_some() || charted.wanted.is_empty() {
        return None;
    }
    let long = charted.topic.long()?;
    let (what, label) = match &charted.drawing {
        Drawing::Candles(_, interval_ns) => {
            let track = candle_track(Some(long), *interval_ns);
            let label = format::age(*interval_ns);
            (track, format!("Candles of {label} begin"))
        }
        Drawing::Line(_) | Drawing::Band(_) => {
            let (interval, _) = charted.wanted.last()?;
            (
                long.track(*interval),
                "The server's history begins".to_owned(),
            )
        }
    };
    if long.availability() == LongAvailability::NotKept {
        let held_ns = charted.series.first_time();
        let reaches_back = held_ns.is_some_and(|first_ns| first_ns <= start_ns);
        return (!reaches_back).then(|| "The server keeps no candles".to_owned().into());
    }
    let track = what?;
    let now_ns = scene.now_ns;
    let visible = charted.wanted.last().map(|&(_, (_, to_ns))| to_ns)?;
    if track.is_asking() && !track.covers(start_ns, visible.min(now_ns)) {
        return Some("Loading".to_owned().into());
    }
    let begins_ns = track.begins_ns()?;
    // The first of longer rows may begin before the first update.
    let rows = charted.rows.as_ref();
    let row_ns = rows.and_then(|rows| Some(rows.rows.first()?.start_ns));
    let begins_ns = row_ns.unwrap_or(begins_ns);
    let at = scene.zone.date_time(begins_ns);
    (begins_ns > start_ns).then(|| Note {
        text: format!("{label} at {at}"),
        short: Some(format!("Begins at {}", scene.zone.clock(begins_ns, SECOND))),
    })
}
