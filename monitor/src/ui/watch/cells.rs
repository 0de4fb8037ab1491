//! The cells of a topic's row.

use egui::{Color32, Painter, Pos2, Rect, pos2, vec2};
use tickcast_protocol::message::{Quality, Status, TimeNs};

use crate::{
    data::{
        format,
        time::MINUTE,
        topics::{Direction, MonitoredTopic},
    },
    ui::{names::Name, scene::Scene, sparkline::Sparkline, theme, widgets::paint_right},
};

/// The time that a sparkline shows.
const SPARK_SPAN_NS: i64 = 2 * MINUTE;

/// The newest value, with its unit and without.
fn last_texts(topic: &MonitoredTopic) -> (String, String) {
    let plain = format::latest(topic, false);
    match &topic.unit {
        Some(unit) if topic.number.is_some() => (format!("{plain} {unit}"), plain),
        _ => (plain.clone(), plain),
    }
}

fn text_width(painter: &Painter, text: String) -> f32 {
    let galley = painter.layout_no_wrap(text, theme::small_figures(), Color32::PLACEHOLDER);
    galley.size().x
}

/// The width of the newest value with its unit.
pub(super) fn last_width(painter: &Painter, topic: &MonitoredTopic) -> f32 {
    text_width(painter, last_texts(topic).0)
}

/// Draws the newest value within `width`: with its unit, or without it, or cut at its end.
pub(super) fn last(
    painter: &Painter,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    right_center: Pos2,
    width: f32,
    ink: Color32,
) {
    let color = match topic.effective_status() {
        Status::Live if topic.is_outside() => scene.theme.bad,
        Status::Live => flash(scene, topic).unwrap_or(ink),
        Status::Stale | Status::Dead => ink,
    };
    let (with_unit, plain) = last_texts(topic);
    let text = match text_width(painter, with_unit.clone()) {
        needed if needed <= width => with_unit,
        _ => plain,
    };
    let value = Name {
        text: &text,
        font: theme::small_figures(),
        color,
    };
    value.paint_right(painter, right_center, width);
}

/// Draws a line of the last two minutes.
pub(super) fn sparkline(painter: &Painter, scene: &Scene<'_>, topic: &MonitoredTopic, cell: Rect) {
    let area = cell.shrink2(vec2(2.0, 7.0));
    let Some(sparkline) = Sparkline::of(scene, topic, area, SPARK_SPAN_NS) else {
        return;
    };
    let color = match topic.effective_status() {
        Status::Live => scene.theme.muted,
        Status::Stale | Status::Dead => scene.theme.dim,
    };
    let painter = painter.with_clip_rect(cell.intersect(painter.clip_rect()));
    sparkline.paint(&painter, color);
}

/// The colour of a value that has just changed; it fades.
fn flash(scene: &Scene<'_>, topic: &MonitoredTopic) -> Option<Color32> {
    let age_ns = flash_age(topic, scene.now_ns)?;
    let stands_still = scene
        .player
        .is_some_and(|player| player.is_paused() || player.is_at_end());
    if !scene.preferences.flash || stands_still {
        return None;
    }
    let theme = scene.theme;
    let color = match topic.moved.1 {
        Direction::None => return None,
        Direction::Up => theme.up,
        Direction::Down => theme.down,
    };
    let faded = age_ns as f32 / theme::FLASH_NS as f32;
    Some(color.lerp_to_gamma(theme.text, faded * faded))
}

fn flash_age(topic: &MonitoredTopic, now_ns: TimeNs) -> Option<i64> {
    let age_ns = now_ns - topic.moved.0;
    (0..theme::FLASH_NS).contains(&age_ns).then_some(age_ns)
}

pub(super) fn change(painter: &Painter, scene: &Scene<'_>, topic: &MonitoredTopic, place: Pos2) {
    let theme = scene.theme;
    let Some(change) = scene.change_percent(topic) else {
        if scene.small_base(topic).is_some() {
            paint_right(painter, place, "–", theme::small_figures(), theme.dim);
        }
        return;
    };
    let text = format::percent(change);
    let color = match text.as_bytes().first() {
        Some(b'+') => theme.up,
        Some(b'-') => theme.down,
        _ => theme.muted,
    };
    paint_right(painter, place, &text, theme::small_figures(), color);
}

/// Draws lost updates, where every update is subscribed, and the latency.
pub(super) fn quality(
    painter: &Painter,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    middle: f32,
    (lost, p99): (f32, f32),
) {
    let theme = scene.theme;
    let missing = topic.missing;
    if missing.gaps > 0 || topic.is_lossless() {
        let color = if missing.gaps > 0 {
            theme.bad
        } else {
            theme.dim
        };
        let text = format::count(missing.lost);
        let place = pos2(lost, middle);
        paint_right(painter, place, &text, theme::small_figures(), color);
    }
    if let Some(summary) = scene.health.topic_summary(&topic.name) {
        let text = format::latency(summary.p99_ns);
        let place = pos2(p99, middle);
        paint_right(painter, place, &text, theme::small_figures(), theme.muted);
    }
}

/// Draws the age, or the status with the age if both fit into `room`.
pub(super) fn age(
    painter: &Painter,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    place: Pos2,
    room: f32,
) {
    let theme = scene.theme;
    let age = topic.age_ns(scene.now_ns).map(format::age);
    let age = age.unwrap_or_default();
    let denial = scene
        .access
        .denial(&topic.name)
        .filter(|_| scene.player.is_none());
    let age = match denial {
        Some(denial) => format::age((scene.now_ns - denial.since_ns).max(0)),
        None => age,
    };
    let (word, color) = match topic.effective_status() {
        _ if denial.is_some() => ("denied", theme.bad),
        Status::Live if topic.quality == Quality::Retained => ("retained", theme.muted),
        Status::Live => ("", theme.dim),
        Status::Stale => ("stale", theme.warning),
        Status::Dead => ("dead", theme.bad),
    };
    let both = format!("{word} {age}");
    let text = match word {
        "" => &age,
        "retained" => word,
        _ if text_width(painter, both.clone()) <= room => both.as_str(),
        _ => word,
    };
    paint_right(painter, place, text, theme::small_figures(), color);
}
