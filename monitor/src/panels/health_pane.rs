//! One pane with the health of a topic: latencies, losses, clock.

use std::time::Duration;

use egui::{Align, Align2, CornerRadius, Layout, Rect, Sense, Stroke, Ui, UiBuilder, pos2, vec2};
use serde::{Deserialize, Serialize};

use super::{chart_pane::PaneResponse, widgets::styled};
use crate::{
    format,
    latency::LatencySummary,
    scene::Scene,
    theme::{self, Theme},
};

/// Bars of the histogram.
const BARS: usize = 48;

/// The histogram spans so much time at least: one full decade and a half around what is usual on
/// one machine.
const LEAST_NS: i64 = 50_000;

/// Height of the histogram, if there is room.
const HISTOGRAM_HEIGHT: f32 = 72.0;

/// Least height of the histogram.
const HISTOGRAM_MIN_HEIGHT: f32 = 36.0;

/// Height of the line with the labels of its axis.
const AXIS_HEIGHT: f32 = 18.0;

/// Height of a line of figures.
const LINE_HEIGHT: f32 = 19.0;

/// Lines of figures.
const LINES: usize = 7;

/// A longer gap between repaints is seen as a stutter.
const GAP_GOOD: Duration = Duration::from_millis(250);

/// The health pane. It shows the selected topic, and has no state of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HealthPane {}

impl HealthPane {
    /// Draws the pane.
    pub(super) fn show(&self, ui: &mut Ui, scene: &Scene<'_>) -> PaneResponse {
        let theme = scene.theme;
        let area = ui.max_rect();
        ui.painter()
            .rect_filled(area, CornerRadius::ZERO, theme.background);
        let mut done = PaneResponse::default();
        let (header, body) = area.split_top_bottom_at_y(area.top() + theme::PANE_HEADER_HEIGHT);
        let handle = ui.interact(
            header,
            ui.scope_id().with("header"),
            Sense::click_and_drag(),
        );
        handle.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TitleBar, true, "Pane Health"));
        done.is_dragged = handle.drag_started();
        header_line(ui, scene, header, &mut done);
        let mut ui = ui.new_child(
            UiBuilder::new()
                .max_rect(body.shrink2(vec2(12.0, 4.0)))
                .layout(Layout::top_down(Align::Min)),
        );
        let ui = &mut ui;
        ui.set_clip_rect(body);
        let room = ui.available_height() - LINES as f32 * LINE_HEIGHT - AXIS_HEIGHT - 8.0;
        let height = room.clamp(HISTOGRAM_MIN_HEIGHT, HISTOGRAM_HEIGHT);
        ui.spacing_mut().item_spacing.y = 0.0;
        histogram(ui, scene, height);
        ui.add_space(6.0);
        figures(ui, scene);
        done
    }
}

fn header_line(ui: &mut Ui, scene: &Scene<'_>, header: Rect, done: &mut PaneResponse) {
    let theme = scene.theme;
    let hovered = ui.rect_contains_pointer(ui.max_rect());
    let inner = header.shrink2(vec2(12.0, 2.0));
    let layout = Layout::right_to_left(Align::Center);
    let mut ui = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    if hovered {
        let close =
            egui::Button::new(styled("×", theme::text(), theme.muted)).frame_when_inactive(false);
        let close = ui.add(close);
        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, "Close health"));
        done.is_closed = close.clicked();
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        ui.label(styled("Health", theme::strong(), theme.text));
        let topic = scene
            .selected
            .map_or("all charted topics", |topic| topic.as_str());
        let label = egui::Label::new(styled(topic, theme::small(), theme.muted)).truncate();
        ui.add(label);
    });
}

fn summary(scene: &Scene<'_>) -> Option<LatencySummary> {
    scene
        .selected
        .and_then(|topic| scene.health.topic_summary(topic))
        .or_else(|| scene.health.summary())
}

/// The latencies of the last minute, on a logarithmic axis.
fn histogram(ui: &mut Ui, scene: &Scene<'_>, height: f32) {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), height + AXIS_HEIGHT);
    let (area, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Figure, true, "Histogram of latencies")
    });
    let painter = ui.painter();
    let bottom = area.bottom() - AXIS_HEIGHT;
    painter.hline(area.x_range(), bottom, theme.hairline_stroke());
    let Some(summary) = summary(scene) else {
        painter.text(
            pos2(area.center().x, bottom - height / 2.0),
            Align2::CENTER_CENTER,
            match scene.player {
                Some(_) => "A recording tells no latencies",
                None => "Latencies are measured on charted topics",
            },
            theme::small(),
            theme.muted,
        );
        return;
    };
    // From half the median to twice the p99, but never less than a decade.
    let low = (summary.p50_ns / 4)
        .clamp(1_000, i64::MAX / 1_000)
        .min(LEAST_NS);
    let high = (summary.p99_ns * 2).max(low * 20);
    let ratio = (high as f64 / low as f64).ln();
    let edge = |at: usize| {
        let part = at as f64 / BARS as f64;
        (low as f64 * (ratio * part).exp()) as i64
    };
    let edges: Vec<i64> = (0..=BARS).map(edge).collect();
    let window = scene.health.window(scene.selected);
    let bars = window.bars(&edges);
    let largest = bars.iter().copied().max().unwrap_or(0).max(1) as f32;
    let width = area.width() / BARS as f32;
    for (at, &count) in bars.iter().enumerate() {
        let bar = count as f32 / largest * (height - 14.0);
        // One in a thousand is still there.
        let bar = if count > 0 { bar.max(1.0) } else { 0.0 };
        let left = area.left() + at as f32 * width;
        let rect = Rect::from_min_max(pos2(left, bottom - bar), pos2(left + width - 1.0, bottom));
        let color = if edges[at] > summary.p99_ns {
            theme.warning
        } else {
            theme.accent
        };
        painter.rect_filled(rect, CornerRadius::ZERO, color);
    }
    let x = |ns: i64| {
        let part = (ns.max(1) as f64 / low as f64).ln() / ratio;
        area.left() + area.width() * part.clamp(0.0, 1.0) as f32
    };
    let mark = |ns: i64, label: &str, color| {
        let top = area.top();
        painter.vline(x(ns), top..=bottom, Stroke::new(1.0, color));
        painter.text(
            pos2(x(ns) + 4.0, top - 1.0),
            Align2::LEFT_TOP,
            label,
            theme::axis_text(),
            color,
        );
    };
    mark(summary.p50_ns, "p50", theme.text);
    if x(summary.p99_ns) - x(summary.p50_ns) > 28.0 {
        mark(summary.p99_ns, "p99", theme.warning);
    }
    axis(ui, area, (low, high), x, theme);
}

fn axis(ui: &Ui, area: Rect, (low, high): (i64, i64), x: impl Fn(i64) -> f32, theme: &Theme) {
    let mut right_of_last = area.left();
    let mut power = 1_000;
    while power <= high {
        for factor in [1, 2, 5] {
            let tick = power * factor;
            if tick < low || tick > high {
                continue;
            }
            let galley =
                ui.painter()
                    .layout_no_wrap(tick_label(tick), theme::axis_figures(), theme.muted);
            let left = x(tick) - galley.size().x / 2.0;
            if left < right_of_last || left + galley.size().x > area.right() {
                continue;
            }
            right_of_last = left + galley.size().x + 24.0;
            ui.painter()
                .galley(pos2(left, area.bottom() - 15.0), galley, theme.muted);
        }
        power *= 10;
    }
}

fn tick_label(ns: i64) -> String {
    match ns {
        ns if ns < 1_000_000 => format!("{} µs", ns / 1_000),
        ns if ns < 1_000_000_000 => format!("{} ms", ns / 1_000_000),
        ns => format!("{} s", ns / 1_000_000_000),
    }
}

fn figures(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let count = |n: u64| format::count(n);
    let topic = scene
        .selected
        .and_then(|name| scene.store.topic_named(name.as_str()));
    let totals = scene.store.totals();
    let (received, lost, gaps, conflated) = match topic {
        Some(topic) => {
            let missing = topic.missing;
            (
                topic.received,
                missing.lost,
                missing.gaps,
                missing.conflated,
            )
        }
        None => (totals.received, totals.lost, totals.gaps, totals.conflated),
    };
    let latency = match summary(scene) {
        Some(s) => format!(
            "{} / {}",
            format::latency(s.p50_ns),
            format::latency(s.p99_ns)
        ),
        None => "–".to_owned(),
    };
    let clock = match scene.health.clock {
        Some(clock) => format!(
            "{:+.2} ± {:.2} ms",
            clock.offset_ns as f64 / 1e6,
            clock.round_trip_ns as f64 / 2e6
        ),
        None => "–".to_owned(),
    };
    let lost_text = match gaps {
        0 => "0".to_owned(),
        1 => format!("{} in 1 gap", count(lost)),
        gaps => format!("{} in {} gaps", count(lost), count(gaps)),
    };
    let lost_color = if gaps > 0 { theme.bad } else { theme.text };
    let gap = scene.health.repaints.longest_gap();
    let gap_text = format!("{} ms", gap.as_millis());
    let gap_color = if gap > GAP_GOOD {
        theme.warning
    } else {
        theme.text
    };
    let rows: [_; LINES] = [
        ("Latency p50 / p99", latency, theme.text),
        ("Received", count(received), theme.text),
        ("Lost", lost_text, lost_color),
        ("Conflated by server", count(conflated), theme.text),
        ("Dropped here", count(totals.dropped), theme.text),
        ("Clock offset", clock, theme.text),
        ("Longest repaint gap", gap_text, gap_color),
    ];
    for (label, value, color) in rows {
        let (rect, _) =
            ui.allocate_exact_size(vec2(ui.available_width(), LINE_HEIGHT), Sense::hover());
        let painter = ui.painter();
        let left = pos2(rect.left(), rect.center().y);
        painter.text(
            left,
            Align2::LEFT_CENTER,
            label,
            theme::small(),
            theme.muted,
        );
        let middle = left + vec2((rect.width() * 0.5).clamp(130.0, 220.0), 0.0);
        painter.text(
            middle,
            Align2::LEFT_CENTER,
            value,
            theme::small_figures(),
            color,
        );
    }
}
