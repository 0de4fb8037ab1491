//! Marks beside the data: gaps, alerts, and why a chart is empty.

use egui::{Align2, Color32, CornerRadius, pos2, vec2};
use tickcast_protocol::message::TimeNs;

use super::{
    canvas::{Canvas, ChartedTopic},
    paint,
    pane::ChartPane,
};
use crate::{
    data::{
        connection_state::ConnectionState,
        format,
        history::{GapCause, SampleSeries},
        time::SECOND,
    },
    ui::{connection_words::waiting_words, theme, widgets::words_in_the_middle},
};

/// A shorter silence is no more than the time between two updates.
const SILENCE_SEEN_NS: i64 = SECOND;

/// The label of a silence.
const SILENT: &str = "server silent";

/// The labels of restarts.
const RESTARTED: &str = "server restarted";
const TRUNCATED: &str = "server restarted · lost updates before this";

/// The label of a time of which the server says that updates may be missing.
pub(super) const SOURCE_AWAY: &str = "source away";

/// Draws the gaps of a series.
pub(super) fn gaps(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>) {
    let plot = &canvas.whole;
    for gap in charted.series.gaps_between(plot.start_ns, plot.end_ns) {
        let label = match (gap.cause, gap.lost) {
            (GapCause::Lost, Some(lost)) => format!("gap · {} lost", format::count(lost)),
            (GapCause::Lost, None) => "gap".to_owned(),
            (GapCause::Restart, _) => RESTARTED.to_owned(),
            (GapCause::Truncated, _) => TRUNCATED.to_owned(),
            (GapCause::SourceAway, _) => SOURCE_AWAY.to_owned(),
            (GapCause::NotANumber, _) => "not a number".to_owned(),
        };
        canvas.gap((gap.from_ns, gap.to_ns), &label);
    }
    // What came after the newest sample is no number: the line must not seem to go on.
    if let Some((from_ns, _, cause)) = charted.series.open_gap() {
        let label = match cause {
            GapCause::Lost => "gap",
            GapCause::Restart => RESTARTED,
            GapCause::Truncated => TRUNCATED,
            GapCause::SourceAway => SOURCE_AWAY,
            GapCause::NotANumber => "not a number",
        };
        let to_ns = canvas.scene.now_ns.min(plot.end_ns);
        if from_ns < to_ns {
            canvas.gap((from_ns, to_ns), label);
        }
    }
}

/// Hatches the times in which the server was silent, over the lines that were drawn across them.
/// Where updates of such a time came later, it was only the network.
pub(super) fn silences(canvas: &Canvas<'_>, topics: &[ChartedTopic<'_>]) {
    if canvas.scene.source_shift_ns.is_some() {
        // They are times of arrival, and so are those at which alerts fired.
        return;
    }
    let plot = &canvas.whole;
    let silences = &canvas.scene.health.silences;
    for (from_ns, to_ns) in silences.between(plot.start_ns, plot.end_ns) {
        let series = || topics.iter().map(|charted| charted.series);
        // The update that ended the silence was made a little before it came.
        let begun_ns = to_ns.saturating_sub(SILENCE_SEEN_NS);
        let last_before = series().filter_map(|series| {
            let index = series.index_at(begun_ns).checked_sub(1)?;
            (index >= series.start()).then(|| series.time(index))
        });
        let from_ns = last_before.max().map_or(from_ns, |last| last.max(from_ns));
        let first_after = series().filter_map(|series| {
            let index = series.index_at(from_ns.saturating_add(1));
            (index < series.end()).then(|| series.time(index))
        });
        let to_ns = first_after.min().map_or(to_ns, |first| first.min(to_ns));
        if to_ns - from_ns >= SILENCE_SEEN_NS {
            paint::covered(&canvas.inside, plot, from_ns, to_ns, canvas.theme());
            canvas.gap((from_ns, to_ns), SILENT);
        }
    }
}

/// Draws the time since which no update comes.
pub(super) fn no_connection(canvas: &Canvas<'_>) {
    let scene = canvas.scene;
    if let (Some(since_ns), None) = (scene.disconnected_ns(), scene.player) {
        let plot = &canvas.whole;
        let until_ns = scene.now_ns.min(plot.end_ns);
        if since_ns < until_ns {
            let label = match scene.connection {
                ConnectionState::Silent { .. } => SILENT,
                _ => "no connection",
            };
            canvas.gap((since_ns, until_ns), label);
        }
    }
}

/// Writes words above a line across the chart. Other lines do not cross them out.
fn words_on_a_line(canvas: &Canvas<'_>, y: f32, words: &str, color: Color32) {
    let place = pos2(canvas.areas.plot.left() + 6.0, y - 2.0);
    let galley = canvas
        .inside
        .layout_no_wrap(words.to_owned(), theme::axis_text(), color);
    let rect = Align2::LEFT_BOTTOM.anchor_size(place, galley.size());
    let ground = canvas.theme().background;
    canvas
        .inside
        .rect_filled(rect.expand2(vec2(3.0, 0.0)), CornerRadius::ZERO, ground);
    canvas.inside.galley(rect.min, galley, color);
}

/// Draws the thresholds of alerts, and where they fired.
pub(super) fn alerts(canvas: &Canvas<'_>, charted: &ChartedTopic<'_>) {
    let (theme, plot, alerts) = (canvas.theme(), &canvas.plot, canvas.scene.alerts);
    for rule in alerts.rules_of(&charted.topic.name) {
        let Some(value) = rule.condition.threshold() else {
            continue;
        };
        let y = canvas.y(charted, value);
        if !plot.rect.y_range().contains(y) {
            continue;
        }
        canvas.across(y, theme.bad, 5.0);
        let words = rule.condition.words(charted.topic.decimals);
        words_on_a_line(canvas, y, &format!("alert {words}"), theme.bad);
    }
    if let Some(settings) = &charted.topic.settings {
        for (value, label) in [(settings.low, "too low"), (settings.high, "too high")] {
            let y = value.map(|value| canvas.y(charted, value));
            if let Some(y) = y.filter(|y| plot.rect.y_range().contains(*y)) {
                canvas.across(y, theme.warning, 5.0);
                words_on_a_line(canvas, y, label, theme.warning);
            }
        }
    }
    let has_arrivals = canvas.scene.source_shift_ns.is_none();
    for event in alerts.events().filter(|_| has_arrivals) {
        if event.topic == charted.topic.name
            && (plot.start_ns..=plot.end_ns).contains(&event.time_ns)
        {
            let bottom = canvas.areas.plot.bottom();
            let y = event
                .number
                .map_or(bottom, |value| canvas.y(charted, value));
            paint::marker(&canvas.inside, pos2(plot.x(event.time_ns), y), theme.bad);
        }
    }
}

/// When the newest sample came, if that is before the visible time.
fn last_before(canvas: &Canvas<'_>, pane: &ChartPane) -> Option<TimeNs> {
    let topics = pane.topics.iter();
    let topics = topics.filter_map(|name| canvas.scene.store.topic_named(name.as_str()));
    let last_times = topics.filter_map(|topic| canvas.scene.drawn(topic)?.last_time());
    last_times
        .max()
        .filter(|&last_ns| last_ns < canvas.plot.start_ns)
}

/// Writes why a chart is empty, if it is.
pub(super) fn empty_reason(canvas: &Canvas<'_>, pane: &ChartPane) {
    let topic = pane.main(canvas.scene);
    if pane.topics.iter().all(|name| pane.options.is_hidden(name)) {
        let text = "All series are hidden: click a mark in the legend to show one";
        return in_the_middle(canvas, text);
    }
    let series = topic.and_then(|topic| canvas.scene.drawn(topic));
    let text = match (topic, series.and_then(SampleSeries::first_time)) {
        (Some(topic), None) if topic.latest.is_some() => {
            "This topic has texts and no numbers: Ctrl+I inspects them".to_owned()
        }
        (_, None) => waiting_words(canvas.scene, "the first value"),
        (_, Some(first_ns)) if canvas.plot.end_ns < first_ns => {
            let first = canvas.scene.zone.date_time(first_ns);
            match series.map_or(0, SampleSeries::evicted) {
                0 => format!("The history begins at {first}"),
                _ => format!("History before {first} was dropped to limit memory"),
            }
        }
        (_, Some(_)) => match last_before(canvas, pane) {
            Some(last_ns) => {
                let last = canvas.scene.zone.date_time(last_ns);
                format!("No update since {last}")
            }
            None => return,
        },
    };
    in_the_middle(canvas, text);
}

/// Writes a sentence over the grid.
fn in_the_middle(canvas: &Canvas<'_>, text: impl ToString) {
    words_in_the_middle(&canvas.inside, canvas.areas.plot, text, canvas.theme());
}
