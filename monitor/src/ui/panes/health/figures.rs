//! The figures below the histogram.

use std::time::Duration;

use egui::{Align2, Sense, Ui, pos2, vec2};

use super::summary;
use crate::{
    data::{format, latency::LatencySummary},
    ui::{scene::Scene, theme},
};

/// Height of a line of figures.
pub(super) const LINE_HEIGHT: f32 = 19.0;

/// Number of lines.
pub(super) const LINES: usize = 9;

/// A longer gap between repaints is visible as a stutter.
const GAP_GOOD: Duration = Duration::from_millis(250);

/// Draws the figures.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>) {
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
    let latency = percentiles(summary::of_selected(scene));
    let age = percentiles(scene.health.age_summary());
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
    let hidden_color = if totals.hidden > 0 {
        theme.warning
    } else {
        theme.text
    };
    let gap = scene.repaints.longest_gap();
    let gap_text = format!("{} ms", gap.as_millis());
    let gap_color = if gap > GAP_GOOD {
        theme.warning
    } else {
        theme.text
    };
    let rows: [_; LINES] = [
        ("Latency p50 / p99", latency, theme.text),
        ("Age of values p50 / p99", age, theme.text),
        ("Received", count(received), theme.text),
        ("Lost", lost_text, lost_color),
        ("Conflated by server", count(conflated), theme.text),
        ("Dropped here", count(totals.dropped), theme.text),
        ("Hidden by derived", count(totals.hidden), hidden_color),
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

fn percentiles(summary: Option<LatencySummary>) -> String {
    match summary {
        Some(LatencySummary { p50_ns, p99_ns, .. }) => {
            format!("{} / {}", format::latency(p50_ns), format::latency(p99_ns))
        }
        None => "–".to_owned(),
    }
}
