//! Charts by the times of the sources: what a chart's time is then, and the words about it.

use egui::{Align2, Color32, Rect, pos2};
use tickcast_protocol::message::TimeNs;

use super::{canvas::Canvas, lanes, pane::ChartPane};
use crate::{
    data::{history::SampleSeries, topics::PastHistory},
    ui::{scene::Scene, theme},
};

/// A time axis narrower than this has the short words.
const WORDS_FROM_WIDTH: f32 = 420.0;

/// What the chart draws: the same scene by the source's time, if that is asked for and known. The
/// newest source time of its topics is the present, and it goes on by the clock.
pub(super) fn scene_of<'s>(pane: &mut ChartPane, scene: &Scene<'s>) -> Scene<'s> {
    let shift_ns = shift_ns(pane, scene);
    pane.set_source_shift(shift_ns);
    Scene {
        now_ns: pane.now_ns(scene.now_ns),
        source_shift_ns: shift_ns,
        ..*scene
    }
}

fn shift_ns(pane: &ChartPane, scene: &Scene<'_>) -> Option<i64> {
    if !scene.preferences.source_times {
        return None;
    }
    let topics = pane.topics.iter();
    let newest_ns = topics.filter_map(|name| {
        let topic = scene.store.topic_named(name.as_str())?;
        topic.by_source()?.now_ns(scene.now_ns)
    });
    Some(newest_ns.max()?.saturating_sub(scene.now_ns))
}

/// Writes at the left of the time axis which times these are, unless they are those of arrival and
/// were not asked for. Returns the place that it takes.
pub(super) fn words(canvas: &Canvas<'_>) -> Option<Rect> {
    let scene = canvas.scene;
    if !scene.preferences.source_times {
        return None;
    }
    let is_wide = canvas.areas.times.width() >= WORDS_FROM_WIDTH;
    let zone = scene.zone.name(scene.now_ns);
    let (text, color) = match (scene.source_shift_ns, is_wide) {
        (Some(_), true) => (format!("source time · {zone}"), scene.theme.accent),
        (Some(_), false) => ("source time".to_owned(), scene.theme.accent),
        (None, true) => ("arrival: no source times".to_owned(), scene.theme.warning),
        (None, false) => ("arrival".to_owned(), scene.theme.warning),
    };
    let painter = &canvas.outside;
    let galley = painter.layout_no_wrap(text, theme::axis_text(), color);
    let area = canvas.areas.times;
    let place = pos2(area.left() + 6.0, area.center().y);
    let rect = Align2::LEFT_CENTER.anchor_size(place, galley.size());
    painter.galley(rect.min, galley, Color32::PLACEHOLDER);
    Some(rect)
}

/// What is not drawn by source time, because only its time of arrival is known.
pub(super) fn missing(canvas: &Canvas<'_>, pane: &ChartPane) -> Option<String> {
    let scene = canvas.scene;
    scene.source_shift_ns?;
    if lanes::has_any(scene, pane) {
        return Some("States have only times of arrival: not drawn by source time".to_owned());
    }
    let start_ns = canvas.plot.start_ns;
    let begins_ns = pane.topics.iter().filter_map(|name| {
        let topic = scene.store.topic_named(name.as_str())?;
        topic.by_source()?;
        let may_come = matches!(topic.past(), PastHistory::Before(_));
        let first_ns = scene.drawn(topic).and_then(SampleSeries::first_time);
        first_ns.filter(|_| !may_come)
    });
    // Older history of the server has only times of arrival.
    let begins_ns = begins_ns.max().filter(|&at| at > start_ns)?;
    let at = scene.zone.date_time(begins_ns);
    Some(format!("The updates held here begin at {at}"))
}

/// The start of the time of which older history is to be asked for, as an arrival: all of it while
/// the samples by source time do not reach back to `start_ns`.
pub(super) fn wanted_past(
    scene: &Scene<'_>,
    first_ns: Option<TimeNs>,
    start_ns: TimeNs,
) -> Option<TimeNs> {
    match scene.source_shift_ns {
        None => Some(start_ns),
        Some(_) => (first_ns? > start_ns).then_some(TimeNs::MIN),
    }
}
