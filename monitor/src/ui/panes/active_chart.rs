//! The active chart: what it shows, and how that is changed.

use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::workspace::Workspace;
use crate::{
    data::chart::{ChartStyle, ScaleMode, ValueBasis},
    ui::command::{SeriesAction, ViewAction},
};

/// The chart that was touched last.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveChart {
    /// Its topics.
    pub topics: Vec<Topic>,
    /// Start and end of the visible time.
    pub window: (TimeNs, TimeNs),
    /// Whether that is a time of the sources.
    pub has_source_times: bool,
}

impl Workspace {
    /// Changes the view of the active chart, or undoes the last change.
    pub(crate) fn step(&mut self, step: ViewAction, now_ns: TimeNs) {
        if step == ViewAction::Undo {
            self.undo();
        } else if let Some(chart) = self.active_chart_mut() {
            chart.step(step, chart.now_ns(now_ns));
        }
    }

    /// Changes the style of the active chart.
    pub(crate) fn set_style(&mut self, style: ChartStyle, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.set_style(style, chart.now_ns(now_ns));
        }
    }

    /// Changes the value axis of the active chart.
    pub(crate) fn set_scale_mode(&mut self, mode: ScaleMode, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.set_scale_mode(mode, chart.now_ns(now_ns));
        }
    }

    /// Changes what the values of the active chart are shown as; chosen again, as they are.
    pub(crate) fn toggle_basis(&mut self, basis: ValueBasis) {
        if let Some(chart) = self.active_chart_mut() {
            let is_chosen = chart.basis() == basis;
            chart.set_basis(if is_chosen { ValueBasis::Plain } else { basis });
        }
    }

    /// Changes a series of the active chart.
    pub(crate) fn change_series(&mut self, topic: &Topic, action: SeriesAction) {
        if let Some(chart) = self.active_chart_mut() {
            chart.change_series(topic, action);
        }
    }

    /// Places two cursors on the active chart, or removes them.
    pub(crate) fn toggle_cursors(&mut self, now_ns: TimeNs) {
        if let Some(chart) = self.active_chart_mut() {
            chart.toggle_cursors(chart.now_ns(now_ns));
        }
    }

    /// What the active chart shows.
    pub fn active(&self, now_ns: TimeNs) -> Option<ActiveChart> {
        let chart = self.active_chart()?;
        Some(ActiveChart {
            topics: chart.topics.clone(),
            window: chart.view().window(chart.now_ns(now_ns)),
            has_source_times: chart.has_source_times(),
        })
    }
}
