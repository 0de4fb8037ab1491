//! The pane itself.

use egui::Ui;

use super::{
    figures::{self, LINE_HEIGHT, LINES},
    histogram::{self, AXIS_HEIGHT},
};
use crate::ui::{chart::PaneResponse, panes::frame, scene::Scene};

/// Height of the histogram, if there is room.
const HISTOGRAM_HEIGHT: f32 = 72.0;

/// The least height of the histogram.
const HISTOGRAM_MIN_HEIGHT: f32 = 36.0;

/// The health pane. It shows the selected topic, and has no state of its own.
#[derive(Debug, Clone, Copy)]
pub(in crate::ui::panes) struct HealthPane;

/// Draws the pane.
pub(in crate::ui::panes) fn show(ui: &mut Ui, scene: &Scene<'_>) -> PaneResponse {
    let mut done = PaneResponse::default();
    let topic = scene
        .selected
        .map_or("all charted topics", |topic| topic.as_str());
    let body = frame::show(ui, scene, "Health", topic, &mut done);
    let ui = &mut frame::inside(ui, body);
    let room = ui.available_height() - LINES as f32 * LINE_HEIGHT - AXIS_HEIGHT - 8.0;
    let height = room.clamp(HISTOGRAM_MIN_HEIGHT, HISTOGRAM_HEIGHT);
    ui.spacing_mut().item_spacing.y = 0.0;
    histogram::show(ui, scene, height);
    ui.add_space(6.0);
    figures::show(ui, scene);
    done
}
