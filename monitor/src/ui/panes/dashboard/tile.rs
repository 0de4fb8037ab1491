//! One tile of a dashboard.

use egui::{Align2, Color32, FontFamily, FontId, Painter, Rect, Ui, pos2, vec2};
use tickcast_protocol::message::Status;

use super::gauge::{self, GaugeRange};
use crate::{
    data::{format, time::MINUTE, topics::MonitoredTopic},
    files::saved_state::{SavedTile, TileKind},
    ui::{
        chart::{paint as chart_paint, state_color},
        command::UiCommand,
        connection_words::missing_connection,
        names::Name,
        scene::Scene,
        sparkline::Sparkline,
        theme::{self, Theme},
    },
};

/// The time that a sparkline shows.
const SPARK_SPAN_NS: i64 = 5 * MINUTE;

/// Space within a tile.
const MARGIN: f32 = 10.0;

/// Height of the line with the name.
const HEAD: f32 = 18.0;

/// In a lower tile a gauge is a bar: within a small arc there is no room for the number.
const ARC_FROM_HEIGHT: f32 = 72.0;

/// Sizes of the value, the largest first.
const VALUE_SIZES: [f32; 7] = [44.0, 36.0, 30.0, 24.0, 20.0, 16.0, 13.0];

/// The newest value with its unit.
fn value(topic: &MonitoredTopic) -> String {
    let text = format::latest(topic, true);
    match &topic.unit {
        Some(unit) if topic.number.is_some() => format!("{text} {unit}"),
        _ => text,
    }
}

/// What stands in place of a value, and why.
fn no_value(scene: &Scene<'_>) -> String {
    let why = missing_connection(scene);
    why.map_or("no value yet".to_owned(), str::to_lowercase)
}

/// What a tile says, for screen readers.
pub(super) fn words(
    scene: &Scene<'_>,
    saved: &SavedTile,
    topic: Option<&MonitoredTopic>,
) -> String {
    let value = topic.map_or_else(|| no_value(scene), value);
    let limits = topic.and_then(outside).unwrap_or_default();
    let status = topic.map_or("", |topic| match topic.effective_status() {
        Status::Live => "",
        Status::Stale => ", stale",
        Status::Dead => ", dead",
    });
    format!("Tile {}: {value}{limits}{status}", saved.topic)
}

/// Which limit a value is outside of.
fn outside(topic: &MonitoredTopic) -> Option<String> {
    let (settings, number) = (topic.settings.as_ref()?, topic.number?);
    let decimals = topic.decimals;
    let beyond = |limit: f64, word: &str| format!(", {word} ({})", format::value(limit, decimals));
    match (settings.low, settings.high) {
        (Some(low), _) if number < low => Some(beyond(low, "too low")),
        (_, Some(high)) if number > high => Some(beyond(high, "too high")),
        _ => None,
    }
}

/// The colour of a value.
fn ink(theme: &Theme, topic: &MonitoredTopic) -> Color32 {
    match topic.effective_status() {
        Status::Dead | Status::Stale => theme.dim,
        Status::Live if topic.is_outside() => theme.bad,
        Status::Live => theme.text,
    }
}

/// Draws a tile. Returns the commands that ask for what it lacks.
pub(super) fn paint(
    ui: &Ui,
    scene: &Scene<'_>,
    saved: &SavedTile,
    topic: Option<&MonitoredTopic>,
    rect: Rect,
    is_hovered: bool,
) -> Vec<UiCommand> {
    let theme = scene.theme;
    let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
    let is_outside = topic.is_some_and(MonitoredTopic::is_outside);
    let ground = match (is_outside, is_hovered) {
        (true, _) => theme.bad.gamma_multiply(0.14),
        (false, true) => theme.raised,
        (false, false) => theme.panel,
    };
    let stroke = if scene.selected == Some(&saved.topic) {
        egui::Stroke::new(1.0, theme.accent)
    } else {
        theme.hairline_stroke()
    };
    painter.rect_filled(rect, theme::CORNER, theme.panel);
    painter.rect(
        rect,
        theme::CORNER,
        ground,
        stroke,
        egui::StrokeKind::Inside,
    );
    let inner = rect.shrink(MARGIN);
    let friendly = topic.and_then(|topic| topic.friendly_name.as_deref());
    let name = Name {
        text: friendly.unwrap_or(saved.topic.as_str()),
        font: theme::small(),
        color: theme.muted,
    };
    let place = pos2(inner.left(), inner.top() + HEAD / 2.0 - 2.0);
    name.paint(&painter, place, inner.width());
    let body = inner.with_min_y(inner.top() + HEAD);
    let Some(topic) = topic.filter(|topic| topic.latest.is_some()) else {
        let font = theme::text();
        let text = no_value(scene);
        painter.text(body.center(), Align2::CENTER_CENTER, text, font, theme.dim);
        return Vec::new();
    };
    let (body, foot) = body.split_top_bottom_at_y(body.bottom() - 16.0);
    footer(&painter, scene, topic, foot);
    match saved.kind {
        TileKind::Number => big(&painter, body, &value(topic), ink(theme, topic)),
        TileKind::Gauge => match (topic.number, GaugeRange::of(topic)) {
            (Some(number), Some(range)) => {
                let paint = if body.height() < ARC_FROM_HEIGHT {
                    gauge::paint_bar
                } else {
                    gauge::paint
                };
                let color = match ink(theme, topic) {
                    ink if ink == theme.text => theme.accent,
                    ink => ink,
                };
                let below = paint(&painter, body, &range, number, color, theme);
                big(&painter, below, &value(topic), ink(theme, topic));
            }
            _ => big(&painter, body, &value(topic), ink(theme, topic)),
        },
        TileKind::Sparkline => {
            let half = body.height() * 0.42;
            let (top, line) = body.split_top_bottom_at_y(body.top() + half);
            big(&painter, top, &value(topic), ink(theme, topic));
            return sparkline(&painter, scene, topic, line);
        }
        TileKind::State => {
            let text = format::latest(topic, true);
            let color = match topic.effective_status() {
                Status::Live => state_color(theme, &text, 0),
                Status::Stale | Status::Dead => theme.dim,
            };
            let mark = Rect::from_min_size(body.left_top(), vec2(4.0, body.height()));
            painter.rect_filled(mark, egui::CornerRadius::same(2), color);
            let beside = body.with_min_x(body.left() + 10.0);
            big(&painter, beside, &text, theme.text);
        }
    }
    Vec::new()
}

/// Draws a value as large as it fits; a number is never cut.
fn big(painter: &Painter, area: Rect, text: &str, color: Color32) {
    let layout = |size: f32| {
        let font = FontId::new(size, FontFamily::Monospace);
        painter.layout_no_wrap(text.to_owned(), font, color)
    };
    let fits = |size: f32, is_least: bool| {
        let galley = layout(size);
        galley.size().x <= area.width() && (is_least || galley.size().y <= area.height())
    };
    let last = VALUE_SIZES.len() - 1;
    let mut sizes = VALUE_SIZES.into_iter().enumerate();
    let size = sizes.find(|(at, size)| fits(*size, *at == last));
    let size = size.map(|(_, size)| size);
    match size {
        Some(size) => {
            let galley = layout(size);
            let place = area.center() - galley.size() / 2.0;
            painter.galley(place, galley, color);
        }
        None => {
            let name = Name {
                text,
                font: theme::small_figures(),
                color,
            };
            name.paint_right(painter, area.right_center(), area.width());
        }
    }
}

/// Draws the limit that is crossed, or the change, and the age.
fn footer(painter: &Painter, scene: &Scene<'_>, topic: &MonitoredTopic, area: Rect) {
    let theme = scene.theme;
    let font = theme::axis_figures();
    let age = topic.age_ns(scene.now_ns).map(format::age);
    let left = match (topic.effective_status(), outside(topic)) {
        (Status::Dead, _) => Some(("dead".to_owned(), theme.bad)),
        (Status::Stale, _) => Some(("stale".to_owned(), theme.warning)),
        (Status::Live, Some(words)) => {
            let words = words.trim_start_matches(", ").to_owned();
            Some((words, theme.bad))
        }
        (Status::Live, None) => scene.change_percent(topic).map(|change| {
            let color = match change {
                change if change > 0.0 => theme.up,
                change if change < 0.0 => theme.down,
                _ => theme.muted,
            };
            (format!("{} %", format::percent(change)), color)
        }),
    };
    let mut room = area.width();
    if let Some((text, color)) = left {
        let place = painter.text(
            area.left_center(),
            Align2::LEFT_CENTER,
            text,
            font.clone(),
            color,
        );
        room -= place.width() + 8.0;
    }
    if let Some(age) = age {
        let galley = painter.layout_no_wrap(age, font, theme.dim);
        if galley.size().x <= room {
            let place = area.right_center() - vec2(galley.size().x, galley.size().y / 2.0);
            painter.galley(place, galley, theme.dim);
        }
    }
}

fn sparkline(
    painter: &Painter,
    scene: &Scene<'_>,
    topic: &MonitoredTopic,
    area: Rect,
) -> Vec<UiCommand> {
    let theme = scene.theme;
    let Some(sparkline) = Sparkline::of(scene, topic, area, SPARK_SPAN_NS) else {
        return Vec::new();
    };
    if let Some(settings) = &topic.settings {
        for limit in [settings.low, settings.high].into_iter().flatten() {
            let y = sparkline.plot.y(limit);
            if area.y_range().contains(y) {
                let (from, to) = (pos2(area.left(), y), pos2(area.right(), y));
                chart_paint::dashed(painter, from, to, theme.warning, 3.0);
            }
        }
    }
    let color = match topic.effective_status() {
        Status::Live => theme.accent,
        Status::Stale | Status::Dead => theme.dim,
    };
    sparkline.paint(painter, color);
    sparkline.requests(scene, topic)
}
