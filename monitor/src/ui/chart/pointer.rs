//! What the pointer shows on a chart.

use egui::Pos2;
use tickcast_protocol::message::TimeNs;

/// The time that all panes mark, because the pointer is over one of them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Crosshair {
    /// As found by the previous repaint.
    pub(crate) time_ns: Option<TimeNs>,
    /// As found by this one.
    pub(crate) next_ns: Option<TimeNs>,
}

/// The pointer on a chart.
pub(super) struct PointerInput<'a> {
    pub(super) hovered: Option<Pos2>,
    pub(super) ruler: Option<Ruler>,
    pub(super) crosshair: &'a mut Crosshair,
}

/// The two ends of a measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    pub(super) from: Pos2,
    pub(super) to: Pos2,
}
