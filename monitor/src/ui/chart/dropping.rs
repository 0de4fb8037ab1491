//! Topics that are dragged from the list onto a chart.

use egui::{Align2, CornerRadius, Rect, Response, Ui};
use tickcast_protocol::topic::Topic;

use super::{
    canvas::Areas,
    pane::{ChartPane, PaneResponse, SERIES_MAX},
};
use crate::{
    data::chart::AxisSide,
    ui::{command::UiCommand, dragging, scene::Scene, theme},
};

/// A topic that is dropped within this part of the width, at the left, goes to the second axis.
const LEFT_PART: f32 = 0.2;

/// Shows where a dragged topic would go, and adds it when it is dropped.
pub(super) fn show(
    pane: &mut ChartPane,
    ui: &Ui,
    scene: &Scene<'_>,
    areas: &Areas,
    response: &Response,
    done: &mut PaneResponse,
) {
    let Some(place) = ui.input(|input| input.pointer.latest_pos()) else {
        return;
    };
    let plot = areas.plot;
    let is_left = place.x < plot.left() + plot.width() * LEFT_PART;
    let side = if is_left {
        AxisSide::Left
    } else {
        AxisSide::Right
    };
    if let Some(topic) = dragging::hovering(response) {
        let width = plot.width() * LEFT_PART;
        let target = match side {
            AxisSide::Left => plot.with_max_x(plot.left() + width),
            AxisSide::Right => plot.with_min_x(plot.left() + width),
        };
        let words = words(pane, &topic, side);
        mark(ui, scene, target, words);
    }
    if let Some(topic) = dragging::dropped(response) {
        done.is_activated = true;
        if pane.add(topic.clone(), side) {
            done.commands.push(UiCommand::Select(topic));
        } else {
            let words = format!(
                "Cannot add {topic} to the chart (limit {SERIES_MAX} series): remove one first."
            );
            done.commands.push(UiCommand::Notify(words));
        }
    }
}

fn words(pane: &ChartPane, topic: &Topic, side: AxisSide) -> &'static str {
    let is_known = pane.topics.contains(topic);
    match side {
        _ if !is_known && pane.topics.len() >= SERIES_MAX => "No room for another series",
        AxisSide::Left => "Second axis",
        AxisSide::Right if is_known => "Main axis",
        AxisSide::Right => "Add to this chart",
    }
}

fn mark(ui: &Ui, scene: &Scene<'_>, target: Rect, words: &str) {
    let theme = scene.theme;
    ui.painter().rect(
        target.shrink(2.0),
        CornerRadius::same(4),
        theme.accent.gamma_multiply(0.10),
        egui::Stroke::new(1.5, theme.accent),
        egui::StrokeKind::Inside,
    );
    ui.painter().text(
        target.center(),
        Align2::CENTER_CENTER,
        words,
        theme::strong(),
        theme.text,
    );
}
