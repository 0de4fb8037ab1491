//! Timelines of topics without numbers: each state is a stretch in its colour, with its name.

use egui::{Color32, CornerRadius, Pos2, Rect, pos2, vec2};
use tickcast_protocol::message::Status;

use super::{canvas::Canvas, paint, pane::ChartPane};
use crate::{
    data::{
        format,
        topics::{MonitoredTopic, StateNumber, Watched},
    },
    ui::{
        names::Name,
        scene::Scene,
        theme::{self, Theme},
    },
};

/// Height of a lane where there is room for it, the least one, and that of the line with its
/// topic's name.
const LANE_HEIGHT: f32 = 30.0;
const LANE_MIN_HEIGHT: f32 = 12.0;
const NAME_HEIGHT: f32 = 18.0;

/// Space between two lanes.
const LANE_GAP: f32 = 8.0;

/// The least height that a lane takes with its name, and its part of the time axis.
pub(super) const STEP_MIN: f32 = NAME_HEIGHT + LANE_MIN_HEIGHT + LANE_GAP + 12.0;

/// Height of the strip that shows when a topic was stale or dead.
const STATUS_HEIGHT: f32 = 4.0;

/// The part of a chart's height that the lanes below its lines take, where that is enough for them,
/// and the greatest part: higher ones lie over the lines.
const LANES_PART: f32 = 0.4;
const LANES_PART_MAX: f32 = 0.5;

/// Space before the name of a stretch, and after it.
const NAME_INDENT: f32 = 8.0;
const NAME_END: f32 = 4.0;

/// The most characters of a name: more do not fit into any stretch.
const NAME_CHARS: usize = 60;

/// The most characters of a name in the legend of a lane: several stand in one line.
const LEGEND_CHARS: usize = 16;

/// Edge of a mark in the legend of a lane, and the space after it and before it.
const MARK: f32 = 8.0;
const MARK_END: f32 = 5.0;
const LEGEND_GAP: f32 = 12.0;

/// The states of a topic, if it has any and no numbers.
fn states(topic: &MonitoredTopic) -> Option<&Watched> {
    let watched = topic.watched.as_deref()?;
    let states = &watched.states;
    let is_lane = topic.series.is_none() && !states.is_empty() && !states.has_too_many();
    is_lane.then_some(watched)
}

/// Whether a topic of the chart has a lane.
pub(super) fn has_any(scene: &Scene<'_>, pane: &ChartPane) -> bool {
    pane.topics.iter().any(|name| {
        let topic = scene.store.topic_named(name.as_str());
        topic.is_some_and(|topic| states(topic).is_some())
    })
}

/// The lanes of a chart.
struct Lanes<'a> {
    topics: Vec<(&'a MonitoredTopic, &'a Watched)>,
    /// Whether the chart has lines as well.
    has_lines: bool,
    /// The height of each lane, and of it with its name and the space below it.
    height: f32,
    step: f32,
}

impl<'a> Lanes<'a> {
    /// The lanes of a chart with this height for lines and lanes.
    fn of(scene: &Scene<'a>, pane: &ChartPane, room: f32) -> Self {
        let topics = pane.topics.iter();
        let topics = topics.filter(|name| !pane.options.is_hidden(name));
        let topics = topics.filter_map(|name| scene.store.topic_named(name.as_str()));
        let has_lines = topics.clone().any(|topic| topic.series.is_some());
        let mut lanes = Vec::new();
        // By source time they would be at wrong places.
        if scene.source_shift_ns.is_none() {
            lanes.extend(topics.filter_map(|topic| Some((topic, states(topic)?))));
        }
        let all = match has_lines {
            true => room * LANES_PART,
            false => room - LANE_GAP,
        };
        let share = all / lanes.len().max(1) as f32;
        let height = (share - NAME_HEIGHT - LANE_GAP).clamp(LANE_MIN_HEIGHT, LANE_HEIGHT);
        Self {
            topics: lanes,
            has_lines,
            height,
            step: NAME_HEIGHT + height + LANE_GAP,
        }
    }

    fn all_height(&self) -> f32 {
        self.step * self.topics.len() as f32
    }
}

/// The height at the bottom of a chart with this room that its lines leave to the lanes.
pub(super) fn height_below_lines(scene: &Scene<'_>, pane: &ChartPane, room: f32) -> f32 {
    let lanes = Lanes::of(scene, pane, room);
    let height = lanes.all_height();
    match lanes.has_lines && height <= room * LANES_PART_MAX {
        true => height,
        false => 0.0,
    }
}

/// Draws a lane for each topic without numbers: at the top of an empty chart, below its legend, and
/// at the bottom of one with lines. Returns whether there is any.
pub(super) fn draw(canvas: &Canvas<'_>, pane: &ChartPane, hovered: Option<Pos2>) -> bool {
    let area = canvas.free();
    let lanes = Lanes::of(canvas.scene, pane, area.height());
    let (height, step) = (lanes.height, lanes.step);
    let mut top = match lanes.has_lines {
        true => area.bottom() - lanes.all_height(),
        false => area.top() + LANE_GAP,
    };
    for (topic, watched) in &lanes.topics {
        let lane = Rect::from_min_max(
            pos2(area.left(), top + NAME_HEIGHT),
            pos2(area.right(), top + NAME_HEIGHT + height),
        );
        lane_of(canvas, topic, watched, lane);
        if let Some(place) = hovered.filter(|place| lane.contains(*place)) {
            readout(canvas, watched, place);
        }
        top += step;
    }
    !lanes.topics.is_empty()
}

fn lane_of(canvas: &Canvas<'_>, topic: &MonitoredTopic, watched: &Watched, lane: Rect) {
    let (plot, theme, scene) = (&canvas.whole, canvas.theme(), canvas.scene);
    let painter = &canvas.inside;
    let until_ns = scene.health.disconnected_ns.unwrap_or(scene.now_ns);
    let name = Name {
        text: topic.name.as_str(),
        font: theme::axis_text(),
        color: theme.muted,
    };
    let place = pos2(lane.left() + 6.0, lane.top() - NAME_HEIGHT / 2.0);
    let name_end = name.paint(painter, place, lane.width() - 12.0).right();
    // The states in sight, and whether the name of one was written in a stretch of it.
    let mut seen: Vec<(StateNumber, &str, bool)> = Vec::new();
    let stretches = watched.states.between(plot.start_ns, plot.end_ns, until_ns);
    for (from_ns, to_ns, number, state) in stretches {
        let left = plot.x(from_ns).max(lane.left());
        let right = plot.x(to_ns).min(lane.right());
        if right <= left {
            continue;
        }
        let rect = Rect::from_x_y_ranges(left..=right, lane.y_range());
        let color = state_color(theme, state, number);
        painter.rect_filled(rect, CornerRadius::ZERO, color.gamma_multiply(0.28));
        let edge = rect.with_max_x((left + 2.0).min(right));
        painter.rect_filled(edge, CornerRadius::ZERO, color);
        let word = Name {
            text: &format::cut(state, NAME_CHARS),
            font: theme::small_figures(),
            color: theme.text,
        };
        let place = pos2(left + NAME_INDENT, rect.center().y);
        let room = rect.width() - NAME_INDENT - NAME_END;
        let is_told = word.paint_cut_at_end(painter, place, room).is_some();
        match seen.iter_mut().find(|(known, ..)| *known == number) {
            Some((.., told)) => *told |= is_told,
            None => seen.push((number, state, is_told)),
        }
    }
    let untold = seen.iter().filter(|(.., is_told)| !is_told);
    legend(canvas, untold, pos2(name_end, place.y), lane.right());
    for (from_ns, to_ns, status) in watched.statuses.not_live(scene.now_ns) {
        let range = plot.x(from_ns)..=plot.x(to_ns);
        let strip = Rect::from_x_y_ranges(range, lane.bottom() - STATUS_HEIGHT..=lane.bottom());
        let color = match status {
            Status::Dead => theme.bad,
            Status::Live | Status::Stale => theme.warning,
        };
        painter.rect_filled(strip.intersect(lane), CornerRadius::ZERO, color);
    }
}

/// Tells the colours of states whose stretches are too narrow for their names, as far as there is
/// room between a place and the right edge.
fn legend<'a>(
    canvas: &Canvas<'_>,
    states: impl Iterator<Item = &'a (StateNumber, &'a str, bool)>,
    begin: Pos2,
    right: f32,
) {
    let (painter, theme) = (&canvas.inside, canvas.theme());
    let mut x = begin.x;
    for &(number, state, _) in states {
        let center = pos2(x + LEGEND_GAP + MARK / 2.0, begin.y);
        let word = Name {
            text: &format::cut(state, LEGEND_CHARS),
            font: theme::axis_text(),
            color: theme.muted,
        };
        let left = center.x + MARK / 2.0 + MARK_END;
        let Some(end) = word.paint_cut_at_end(painter, pos2(left, begin.y), right - left) else {
            return;
        };
        let mark = Rect::from_center_size(center, vec2(MARK, MARK));
        painter.rect_filled(
            mark,
            CornerRadius::same(2),
            state_color(theme, state, number),
        );
        x = end;
    }
}

/// Draws the state under the pointer, since when and how long it held.
fn readout(canvas: &Canvas<'_>, watched: &Watched, place: Pos2) {
    let (scene, theme) = (canvas.scene, canvas.theme());
    let time_ns = canvas.whole.time(place.x);
    let Some((from_ns, to_ns, state)) = watched.states.at(time_ns, scene.now_ns) else {
        return;
    };
    let line = |text: String, font, color| paint::BoxLine { text, font, color };
    let since = scene.zone.date_time(from_ns);
    let held = format::duration(to_ns - from_ns);
    let lines = [
        line(state.to_owned(), theme::small_figures(), theme.text),
        line(since, theme::axis_figures(), theme.muted),
        line(format!("for {held}"), theme::axis_figures(), theme.muted),
    ];
    paint::text_box(&canvas.inside, place, canvas.free(), &lines, theme);
}

/// The colour of a state: the usual words have their own, others one of a few.
pub(crate) fn state_color(theme: &Theme, state: &str, number: StateNumber) -> Color32 {
    match state.to_lowercase().as_str() {
        "on" | "true" | "open" | "online" | "running" | "1" | "yes" => theme.up,
        "off" | "false" | "closed" | "stopped" | "0" | "no" | "idle" => theme.muted,
        "offline" | "error" | "fault" | "alarm" | "failed" => theme.bad,
        "no value" | "unavailable" | "unknown" => theme.dim,
        _ => theme.series(usize::from(number)),
    }
}
