//! What the pointer shows on a chart.

use egui::Pos2;
use tickcast_protocol::message::TimeNs;

use super::plot::Plot;

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

impl PointerInput<'_> {
    /// The height at which the value axes have a label for the pointer. A measurement has none.
    pub(super) fn labelled(&self, plot: &Plot) -> Option<f32> {
        let hovered = self.hovered.filter(|_| self.ruler.is_none())?;
        plot.rect.contains(hovered).then_some(hovered.y)
    }
}

/// The two ends of a measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruler {
    pub(super) from: Pos2,
    pub(super) to: Pos2,
}
