//! Drags, the wheel and clicks change the view of a chart.

use egui::{CursorIcon, PointerButton, Pos2, Response, Ui};

use super::{
    canvas::Areas,
    pane::{ChartPane, Drag},
    plot::Plot,
    pointer::Ruler,
};
use crate::{
    data::chart::{Gesture, ScaleMode},
    ui::scene::Scene,
};

/// A notch of the wheel (50 points) zooms by about a sixth.
const ZOOM_PER_POINT: f64 = 0.0035;

/// The two ends of the ruler, while a drag with Shift goes on.
pub(super) fn ruler(pane: &ChartPane, response: &Response) -> Option<Ruler> {
    match (pane.state.drag, response.interact_pointer_pos()) {
        (Some(Drag::Ruler { from }), Some(to)) => Some(Ruler { from, to }),
        _ => None,
    }
}

/// Changes the view by drags, the wheel and double clicks.
pub(super) fn handle_pointer(
    pane: &mut ChartPane,
    ui: &Ui,
    scene: &Scene<'_>,
    areas: &Areas,
    response: &Response,
    axis: &Response,
) {
    let now_ns = scene.now_ns;
    let (start_ns, end_ns) = pane.view.window(now_ns);
    let ns_per_point = (end_ns - start_ns) as f64 / f64::from(areas.plot.width().max(1.0));
    if response.drag_started() {
        let from = ui
            .input(|input| input.pointer.press_origin())
            .unwrap_or_default();
        let shift = ui.input(|input| input.modifiers.shift);
        pane.remember(Gesture::Single, now_ns);
        pane.state.drag = Some(if response.dragged_by(PointerButton::Secondary) {
            Drag::Box { from }
        } else if shift {
            Drag::Ruler { from }
        } else {
            Drag::Pan
        });
    }
    if pane.state.drag == Some(Drag::Pan) && response.dragged() {
        let by = -f64::from(response.drag_delta().x) * ns_per_point;
        pane.view.pan(by as i64, now_ns);
        ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
    }
    if axis.drag_started() {
        pane.remember(Gesture::Single, now_ns);
        pane.state.drag = Some(Drag::Scale);
    }
    if axis.dragged() && pane.state.drag == Some(Drag::Scale) {
        stretch(pane, axis.drag_delta().y);
    }
    if axis.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
    }
    if let Some(place) = response.hover_pos() {
        let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta(), input.zoom_delta()));
        let anchor = start_ns + (f64::from(place.x - areas.plot.left()) * ns_per_point) as i64;
        let factor = (-f64::from(wheel.y) * ZOOM_PER_POINT).exp() / f64::from(pinch);
        if wheel.x != 0.0 || factor != 1.0 {
            pane.remember(Gesture::Wheel, now_ns);
        }
        if wheel.x != 0.0 {
            let by = -f64::from(wheel.x) * ns_per_point;
            pane.view.pan(by as i64, now_ns);
        }
        if factor != 1.0 {
            pane.view.zoom(factor, anchor);
        }
    }
    if response.double_clicked() {
        pane.follow_and_fit(now_ns);
    }
    if axis.double_clicked() {
        pane.remember(Gesture::Single, now_ns);
        pane.fit();
    }
}

/// Stretches the value axis around its middle.
fn stretch(pane: &mut ChartPane, by: f32) {
    if let Some((low, high)) = pane.state.scale.range() {
        let factor = f64::from(by * 0.01).exp();
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0 * factor);
        pane.state.scale.lock(middle - half, middle + half);
        pane.scale_mode = ScaleMode::Lock;
    }
}

/// Shows what lies within the box between two places.
pub(super) fn zoom_to_box(pane: &mut ChartPane, plot: &Plot, from: Pos2, to: Pos2) {
    // A right click during which the pointer moved a little is not a box.
    const LEAST: f32 = 6.0;
    if (from.x - to.x).abs() < LEAST {
        return;
    }
    let times = (plot.time(from.x.min(to.x)), plot.time(from.x.max(to.x)));
    if (from.y - to.y).abs() >= LEAST && !plot.scale.is_log() {
        let values = (plot.value(from.y.max(to.y)), plot.value(from.y.min(to.y)));
        pane.state.scale.lock(values.0, values.1);
        pane.scale_mode = ScaleMode::Lock;
    }
    pane.view.show(times.0, times.1);
}
