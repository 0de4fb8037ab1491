//! Drags, the wheel and clicks change the view of a chart.

use egui::{CursorIcon, PointerButton, Pos2, Response, Ui};

use super::{
    canvas::Areas,
    cursors,
    pane::{ChartPane, Drag},
    plot::Plot,
    pointer::Ruler,
};
use crate::{
    data::chart::{AxisSide, Gesture, ScaleMode, ValueBasis},
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
    axes: [&Response; 2],
) {
    let now_ns = scene.now_ns;
    let (start_ns, end_ns) = pane.view.window(now_ns);
    let ns_per_point = (end_ns - start_ns) as f64 / f64::from(areas.plot.width().max(1.0));
    let x_of = |time_ns: i64| {
        let offset = time_ns.saturating_sub(start_ns) as f64 / ns_per_point;
        areas.plot.left() + offset as f32
    };
    let cursor_at = |x: f32| cursors::at(pane.options.cursors, x_of, x);
    if response
        .hover_pos()
        .is_some_and(|place| cursor_at(place.x).is_some())
    {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    if response.drag_started() {
        let from = ui
            .input(|input| input.pointer.press_origin())
            .unwrap_or_default();
        let shift = ui.input(|input| input.modifiers.shift);
        let cursor = cursor_at(from.x).filter(|_| response.dragged_by(PointerButton::Primary));
        pane.remember(Gesture::Single, now_ns);
        pane.state.drag = Some(if let Some(number) = cursor.filter(|_| !shift) {
            Drag::Cursor(number)
        } else if response.dragged_by(PointerButton::Secondary) {
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
    if let (Some(Drag::Cursor(number)), Some(place)) =
        (pane.state.drag, response.interact_pointer_pos())
    {
        let offset = f64::from(place.x - areas.plot.left()) * ns_per_point;
        pane.place_cursor(number, start_ns + offset as i64, now_ns);
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
    for (axis, side) in axes.into_iter().zip([AxisSide::Right, AxisSide::Left]) {
        if axis.drag_started() {
            pane.remember(Gesture::Single, now_ns);
            pane.state.drag = Some(Drag::Scale);
        }
        if axis.dragged() && pane.state.drag == Some(Drag::Scale) {
            stretch(pane, side, axis.drag_delta().y);
        }
        if axis.hovered() {
            ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
        }
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
    if axes.into_iter().any(Response::double_clicked) {
        pane.remember(Gesture::Single, now_ns);
        pane.fit();
    }
}

/// Stretches a value axis around its middle.
fn stretch(pane: &mut ChartPane, side: AxisSide, by: f32) {
    let scale = match side {
        AxisSide::Right => &mut pane.state.scale,
        AxisSide::Left => &mut pane.state.second_scale,
    };
    if let Some((low, high)) = scale.range() {
        let factor = f64::from(by * 0.01).exp();
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0 * factor);
        scale.lock(middle - half, middle + half);
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
    // What percentages are measured from moves with the time that is shown.
    let is_plain = pane.options.basis == ValueBasis::Plain;
    if (from.y - to.y).abs() >= LEAST && is_plain {
        for scale in [&mut pane.state.scale, &mut pane.state.second_scale] {
            let plot = Plot {
                scale: *scale,
                ..*plot
            };
            if scale.range().is_some() && !scale.is_log() {
                let values = (plot.value(from.y.max(to.y)), plot.value(from.y.min(to.y)));
                scale.lock(values.0, values.1);
                pane.scale_mode = ScaleMode::Lock;
            }
        }
    }
    pane.view.show(times.0, times.1);
}
