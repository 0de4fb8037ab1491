//! What is written into a chart beside the data: what is missing, what is watched over.

use egui::{Align2, pos2};

use super::{
    chart_pane::ChartPane,
    chart_view::{Canvas, Entry},
};
use crate::{
    chart::draw,
    format,
    inbox::Link,
    store::{GapCause, Series, TimeNs},
    theme,
};

/// Times of which something is missing.
pub(super) fn gaps(canvas: &Canvas<'_>, entry: &Entry<'_>) {
    let plot = &canvas.whole;
    for gap in entry.series.gaps_between(plot.start_ns, plot.end_ns) {
        let label = match (gap.cause, gap.lost) {
            (GapCause::Lost, Some(lost)) => format!("gap · {} lost", format::count(lost)),
            (GapCause::Lost, None) => "gap".to_owned(),
            (GapCause::Restart, _) => "server restarted".to_owned(),
            (GapCause::NotANumber, _) => "not a number".to_owned(),
        };
        let (from_ns, to_ns) = (gap.from_ns, gap.to_ns);
        draw::gap(&canvas.inside, plot, from_ns, to_ns, &label, canvas.theme());
    }
}

/// The time since which nothing comes.
pub(super) fn no_connection(canvas: &Canvas<'_>) {
    let scene = canvas.scene;
    if let (Some(since_ns), None) = (scene.health.disconnected_ns, scene.player) {
        let plot = &canvas.whole;
        let until_ns = scene.now_ns.min(plot.end_ns);
        if since_ns < until_ns {
            let label = match scene.link {
                Link::Silent { .. } => "server silent",
                _ => "no connection",
            };
            draw::gap(
                &canvas.inside,
                plot,
                since_ns,
                until_ns,
                label,
                canvas.theme(),
            );
        }
    }
}

/// The thresholds that are watched over, and where they were crossed.
pub(super) fn alerts(canvas: &Canvas<'_>, entry: &Entry<'_>) {
    let (theme, plot, alerts) = (canvas.theme(), &canvas.plot, canvas.scene.alerts);
    for rule in alerts.rules_of(&entry.topic.name) {
        let Some(value) = rule.condition.threshold() else {
            continue;
        };
        let y = plot.y(value);
        if !plot.rect.y_range().contains(y) {
            continue;
        }
        canvas.across(y, theme.bad, 5.0);
        canvas.inside.text(
            pos2(canvas.areas.plot.left() + 6.0, y - 2.0),
            Align2::LEFT_BOTTOM,
            format!("alert {}", rule.condition.words(entry.topic.decimals)),
            theme::axis_text(),
            theme.bad,
        );
    }
    for event in alerts.events() {
        if event.topic == entry.topic.name && (plot.start_ns..=plot.end_ns).contains(&event.time_ns)
        {
            let bottom = canvas.areas.plot.bottom();
            let y = event.value.map_or(bottom, |value| plot.y(value));
            draw::marker(&canvas.inside, pos2(plot.x(event.time_ns), y), theme.bad);
        }
    }
}

/// When the newest sample came, if that was before all that is shown.
fn last_before(canvas: &Canvas<'_>, pane: &ChartPane) -> Option<TimeNs> {
    let topics = pane.topics.iter();
    let topics = topics.filter_map(|name| canvas.scene.store.topic_named(name.as_str()));
    let last_times = topics.filter_map(|topic| topic.series.as_ref()?.last_time());
    last_times
        .max()
        .filter(|&last_ns| last_ns < canvas.plot.start_ns)
}

/// Why nothing is drawn, if nothing is.
pub(super) fn nothing(canvas: &Canvas<'_>, pane: &ChartPane) {
    let topic = pane.main(canvas.scene);
    let series = topic.and_then(|topic| topic.series.as_ref());
    let text = match (topic, series.and_then(Series::first_time)) {
        (Some(topic), None) if topic.latest.is_some() => {
            "This topic has no numbers to chart".to_owned()
        }
        (_, None) => "Waiting for the first value".to_owned(),
        (_, Some(first_ns)) if canvas.plot.end_ns < first_ns => {
            let first = canvas.scene.zone.date_time(first_ns);
            match series.map_or(0, Series::evicted) {
                0 => format!("The history begins at {first}"),
                _ => format!("The history before {first} is forgotten: memory is limited"),
            }
        }
        (_, Some(_)) => match last_before(canvas, pane) {
            Some(last_ns) => {
                let last = canvas.scene.zone.date_time(last_ns);
                format!("Nothing came since {last}")
            }
            None => return,
        },
    };
    canvas.inside.text(
        canvas.areas.plot.center(),
        Align2::CENTER_CENTER,
        text,
        theme::text(),
        canvas.theme().muted,
    );
}
