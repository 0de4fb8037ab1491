//! The histogram of latencies.

use egui::{Align2, CornerRadius, Rect, Sense, Stroke, Ui, pos2, vec2};

use super::summary;
use crate::ui::{
    scene::Scene,
    theme::{self, Theme},
};

/// Number of bars.
const BARS: usize = 48;

/// The histogram always includes this latency: a decade and a half below what is usual on one
/// machine.
const LEAST_NS: i64 = 50_000;

/// Height of the line with the labels of its axis.
pub(super) const AXIS_HEIGHT: f32 = 18.0;

/// Draws the latencies of the last minute on a logarithmic axis.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, height: f32) {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), height + AXIS_HEIGHT);
    let (area, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Figure, true, "Histogram of latencies")
    });
    let painter = ui.painter();
    let bottom = area.bottom() - AXIS_HEIGHT;
    painter.hline(area.x_range(), bottom, theme.hairline_stroke());
    let Some(summary) = summary::of_selected(scene) else {
        painter.text(
            pos2(area.center().x, bottom - height / 2.0),
            Align2::CENTER_CENTER,
            match scene.player {
                Some(_) => "A recording has no latencies",
                None => "Latencies are measured on charted topics",
            },
            theme::small(),
            theme.muted,
        );
        return;
    };
    // The axis spans from a quarter of the median to twice the p99, and at least a factor of 20.
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
        // Even one in a thousand stays visible.
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
