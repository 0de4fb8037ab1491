//! From times and values to places on the screen.

use egui::{Pos2, Rect, pos2};
use tickcast_protocol::message::TimeNs;

use crate::data::chart::ValueScale;

/// The area of a chart, and the times and values at its edges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plot {
    /// The area on the screen.
    pub(crate) rect: Rect,
    /// The time at its left edge.
    pub(crate) start_ns: TimeNs,
    /// The time at its right edge.
    pub(crate) end_ns: TimeNs,
    /// The values at its lower and upper edges.
    pub(crate) scale: ValueScale,
}

impl Plot {
    fn span_ns(&self) -> f64 {
        (self.end_ns - self.start_ns).max(1) as f64
    }

    /// The place of a time given in nanoseconds since the left edge. An f64 of nanoseconds since
    /// 1970 would have steps of 256 ns.
    pub(crate) fn x_of_offset(&self, offset_ns: f64) -> f32 {
        // Places far outside are limited, which is safe for the renderer.
        let part = (offset_ns / self.span_ns()).clamp(-10.0, 10.0);
        self.rect.left() + (part * f64::from(self.rect.width())) as f32
    }

    /// The place of a time.
    pub(crate) fn x(&self, time_ns: TimeNs) -> f32 {
        self.x_of_offset(time_ns.saturating_sub(self.start_ns) as f64)
    }

    /// The place of a value.
    pub(crate) fn y(&self, value: f64) -> f32 {
        let height = self.scale.height(value).clamp(-10.0, 10.0);
        self.rect.bottom() - (height * f64::from(self.rect.height())) as f32
    }

    /// The place of a value at a time since the left edge.
    pub(crate) fn place(&self, offset_ns: f64, value: f64) -> Pos2 {
        pos2(self.x_of_offset(offset_ns), self.y(value))
    }

    /// The time at a place.
    pub(crate) fn time(&self, x: f32) -> TimeNs {
        let part = f64::from((x - self.rect.left()) / self.rect.width().max(1.0));
        self.start_ns + (part * self.span_ns()) as i64
    }

    /// The value at a place.
    pub(crate) fn value(&self, y: f32) -> f64 {
        let height = f64::from((self.rect.bottom() - y) / self.rect.height().max(1.0));
        self.scale.value(height)
    }

    /// The time per point of width.
    pub(crate) fn ns_per_point(&self) -> f64 {
        self.span_ns() / f64::from(self.rect.width().max(1.0))
    }
}
