//! The time axis of a chart: grid lines and labels.

use egui::{Stroke, pos2};

use super::{canvas::Canvas, source_time};
use crate::{data::chart::ticks, ui::theme};

/// Least distance of labels on the time axis.
const TIME_GAP: f32 = 90.0;

/// Draws grid lines and labels.
pub(super) fn time_axis(canvas: &Canvas<'_>) {
    let (plot, areas, theme) = (&canvas.plot, &canvas.areas, canvas.theme());
    let zone = canvas.scene.zone;
    let width = areas.plot.width();
    let taken = source_time::words(canvas);
    let free = taken.map_or(areas.times.left(), |taken| taken.right() + 6.0);
    let (ticks, step) = ticks::times(plot.start_ns, plot.end_ns, width, TIME_GAP, zone);
    for tick in ticks {
        let x = plot.x(tick);
        canvas.inside.vline(
            canvas.inside.round_to_pixel_center(x),
            areas.plot.y_range(),
            Stroke::new(1.0, theme.hairline.gamma_multiply(0.7)),
        );
        let (text, font) = (zone.tick(tick, step), theme::axis_figures());
        let galley = canvas.outside.layout_no_wrap(text, font, theme.muted);
        let left = x - galley.size().x / 2.0;
        if left < free || left + galley.size().x > areas.axis.right() {
            continue;
        }
        let top = areas.times.center().y - galley.size().y / 2.0;
        canvas.outside.galley(pos2(left, top), galley, theme.muted);
    }
}
