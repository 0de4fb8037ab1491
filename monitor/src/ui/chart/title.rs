//! The title of a chart: its topics with their newest values.

use egui::{Color32, FontId, Ui};
use tickcast_protocol::message::{Quality, Status};

use super::pane::ChartPane;
use crate::{
    data::{format, history::SeriesKind, time::SECOND, topics::MonitoredTopic},
    ui::{connection_words::missing_connection, names::Name, scene::Scene, theme, widgets::styled},
};

/// Further topics are only counted where less space than this is left for a name.
const NAME_MIN_WIDTH: f32 = 56.0;

/// Width of the count of further topics.
const COUNT_WIDTH: f32 = 28.0;

/// Draws the title.
pub(super) fn show(
    pane: &ChartPane,
    ui: &mut Ui,
    scene: &Scene<'_>,
    is_active: bool,
    has_legend: bool,
) {
    let theme = scene.theme;
    ui.spacing_mut().item_spacing.x = 10.0;
    // Each part is drawn completely or not at all, except the name. `kept` is space for the parts
    // after it.
    let label = |ui: &mut Ui, kept: f32, text: String, font: FontId, color| {
        let width = ui
            .painter()
            .layout_no_wrap(text.clone(), font.clone(), color)
            .size()
            .x;
        let fits = width <= ui.available_width() - kept;
        if fits {
            ui.add(egui::Label::new(styled(text, font, color)).extend());
        }
        fits
    };
    for (number, name) in pane.topics.iter().enumerate() {
        let is_main = number == 0;
        let left = pane.topics.len() - number;
        let kept = if left > 1 { COUNT_WIDTH } else { 0.0 };
        let room = ui.available_width() - kept;
        if !is_main && (has_legend || room < NAME_MIN_WIDTH) {
            label(ui, 0.0, format!("+{left}"), theme::small(), theme.muted);
            return;
        }
        let color = match (is_main, is_active) {
            (true, true) => theme.text,
            (true, false) => theme.text.gamma_multiply(0.85),
            (false, _) => pane.color(scene, number),
        };
        let font = if is_main {
            theme::strong()
        } else {
            theme::text()
        };
        let title = Name {
            text: name.as_str(),
            font,
            color,
        };
        title.show(ui, room);
        let topic = scene.store.topic_named(name.as_str());
        let Some(topic) = topic.filter(|topic| topic.latest.is_some()) else {
            let why = missing_connection(scene);
            let waiting = why.map_or("waiting for a value".to_owned(), str::to_lowercase);
            label(ui, kept, waiting, theme::small(), theme.dim);
            continue;
        };
        let change = scene.change_percent(topic).filter(|_| is_main);
        let tint = match change {
            Some(change) if change > 0.0 => theme.up,
            Some(change) if change < 0.0 => theme.down,
            _ => theme.text,
        };
        // One side of a quote if both do not fit.
        let shown = [true, false].into_iter().any(|both_sides| {
            let mut value = format::latest(topic, both_sides);
            if let Some(unit) = &topic.unit
                && topic.number.is_some()
            {
                value.push(' ');
                value.push_str(unit);
            }
            label(ui, kept, value, theme::figures(), tint)
        });
        if let (true, Some(change)) = (shown, change) {
            let change = format!("{} %", format::percent(change));
            label(ui, kept, change, theme::figures(), tint);
        }
        if is_main && pane.topics.len() == 1 {
            if let Some(friendly) = &topic.friendly_name {
                label(ui, kept, friendly.to_string(), theme::small(), theme.muted);
            }
            label(ui, kept, about(topic, scene), theme::small(), theme.muted);
        }
        if let Some((words, color)) = status_words(scene, topic) {
            label(ui, kept, words, theme::small(), color);
        }
    }
}

/// Why a topic's value is not fresh, in words and a colour; `None` if it is.
fn status_words(scene: &Scene<'_>, topic: &MonitoredTopic) -> Option<(String, Color32)> {
    let theme = scene.theme;
    if scene.player.is_none()
        && let Some(denial) = scene.access.denial(&topic.name)
    {
        let since_ns = (scene.now_ns - denial.since_ns).max(0);
        let words = format!("not allowed for {}", format::age(since_ns));
        return Some((words, theme.bad));
    }
    let since = match topic.status {
        Status::Live => String::new(),
        Status::Stale | Status::Dead => {
            let since_ns = (scene.now_ns - topic.status_since_ns).max(0);
            format!(" for {}", format::age(since_ns))
        }
    };
    match (topic.effective_status(), topic.quality) {
        (Status::Dead, _) => Some((format!("dead{since}"), theme.bad)),
        (Status::Stale, _) => Some((format!("stale{since}"), theme.warning)),
        (Status::Live, Quality::Retained) => {
            let words = "retained: an old value".to_owned();
            Some((words, theme.warning))
        }
        (Status::Live, _) => None,
    }
}

/// A topic's rate and kind, in a few words.
fn about(topic: &MonitoredTopic, scene: &Scene<'_>) -> String {
    let kind = topic.series.as_ref().map(|series| series.kind());
    let (what, details) = match kind {
        Some(SeriesKind::Trade) => ("trades/s", " · price, size"),
        Some(SeriesKind::Quote) => ("quotes/s", " · bid, ask"),
        Some(SeriesKind::Reading) | None => ("/s", ""),
    };
    let rate = match topic.rate.per_second(scene.now_ns) {
        Some(rate) if rate >= 0.5 => format!("{} {what}", format::rate(rate)),
        // A fast topic that fell silent has a short interval, which would mislead.
        Some(_) => match topic.rate.interval_ns() {
            Some(interval_ns) if interval_ns >= SECOND => {
                format!("every {}", format::age(interval_ns))
            }
            _ => String::new(),
        },
        None => String::new(),
    };
    let conflated = if topic.is_lossless() {
        ""
    } else {
        " · newest values only"
    };
    let about = format!("{rate}{details}{conflated}");
    about.trim_start_matches(" · ").to_owned()
}
