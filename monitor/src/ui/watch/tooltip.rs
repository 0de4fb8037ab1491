//! The tooltip of a topic's row.

use egui::Ui;

use crate::{
    data::{format, topics::MonitoredTopic},
    ui::{
        scene::Scene,
        theme,
        widgets::{labelled_value, styled},
    },
};

/// Draws the tooltip.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, topic: &MonitoredTopic) {
    let theme = scene.theme;
    ui.set_max_width(420.0);
    ui.label(styled(topic.name.as_str(), theme::strong(), theme.text));
    if let Some(friendly) = &topic.friendly_name {
        ui.label(styled(&**friendly, theme::text(), theme.text));
    }
    ui.label(styled(
        format::latest(topic, true),
        theme::figures(),
        theme.text,
    ));
    let count = |n: u64| format::count(n);
    ui.horizontal(|ui| labelled_value(ui, theme, "Updates so far", &count(topic.seq), ""));
    ui.horizontal(|ui| labelled_value(ui, theme, "Received here", &count(topic.received), ""));
    if topic.missing.conflated > 0 {
        let text = count(topic.missing.conflated);
        ui.horizontal(|ui| {
            labelled_value(ui, theme, "Left out by the server, as requested", &text, "")
        });
    }
    if topic.missing.gaps > 0 {
        let text = format!("{} in {}", count(topic.missing.lost), topic.missing.gaps);
        ui.horizontal(|ui| labelled_value(ui, theme, "Lost", &text, "gaps"));
    }
    if let Some((base, (least, greatest))) = scene.small_base(topic) {
        let number = |value: f64| format::value(value, topic.decimals);
        let [base, least, greatest] = [base, least, greatest].map(number);
        let text = format!(
            "No change in percent: it is measured from {base}, which is too small beside the range \
             of the values ({least} to {greatest})"
        );
        ui.label(styled(text, theme::small(), theme.muted));
    }
    if let Some(summary) = scene.health.topic_summary(&topic.name) {
        let text = format::latency(summary.p99_ns);
        ui.horizontal(|ui| labelled_value(ui, theme, "Latency p99", &text, ""));
    }
    ui.label(styled(
        "Click: chart · Ctrl+click: in a new pane · Shift+click: on the same chart",
        theme::small(),
        theme.muted,
    ));
}
