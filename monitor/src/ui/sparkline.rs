//! A line of the newest values of a topic, without axes.

use egui::Rect;

use super::{chart::plot::Plot, scene::Scene};
use crate::data::{
    chart::{ChartLine, ChartWindow, Reduction, ValueScale},
    topics::MonitoredTopic,
};

/// A line that fills an area.
pub(crate) struct Sparkline {
    /// The area, with its times and values.
    pub(crate) plot: Plot,
    /// The line.
    pub(crate) line: ChartLine,
}

impl Sparkline {
    /// The values of the time until now; `None` without a history.
    pub(crate) fn of(
        scene: &Scene<'_>,
        topic: &MonitoredTopic,
        area: Rect,
        span_ns: i64,
    ) -> Option<Self> {
        let window = ChartWindow {
            start_ns: scene.now_ns - span_ns,
            end_ns: scene.now_ns,
            columns: area.width().max(1.0) as u32,
        };
        let line = Reduction::default().line(topic.series.as_ref()?, &window);
        let mut scale = ValueScale::default();
        scale.update(line.range(), scene.now_ns);
        let plot = Plot {
            rect: area,
            start_ns: window.start_ns,
            end_ns: window.end_ns,
            scale,
        };
        Some(Self { plot, line })
    }
}
