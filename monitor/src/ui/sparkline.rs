//! A line of the newest values of a topic, without axes.

use egui::{Color32, Painter, Rect};

use super::{
    chart::{paint, plot::Plot},
    command::UiCommand,
    scene::Scene,
};
use crate::data::{
    chart::{ChartLine, ChartWindow, Reduction, ValueScale, spark_past::SparkPast, union_of},
    history::SampleSeries,
    topics::MonitoredTopic,
};

/// A line that fills an area.
pub(crate) struct Sparkline {
    /// The area, with its times and values.
    pub(crate) plot: Plot,
    past: Option<SparkPast>,
    line: ChartLine,
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
        let series = topic.series.as_ref()?;
        // What is computed here is not known to the server, and a recording has only its file.
        let is_only_here = scene.derived.has(&topic.name) || scene.player.is_some();
        let long = topic.long().filter(|_| !is_only_here);
        let past = long.and_then(|long| SparkPast::of(long, series, &window, scene.now_ns));
        let first = past.as_ref().map_or(series.start(), |past| past.first);
        let line = Reduction::default().line_from(series, &window, first);
        let of_rows = past.as_ref().and_then(|past| past.rows.range());
        let mut scale = ValueScale::default();
        scale.update(
            union_of(of_rows.into_iter().chain(line.range())),
            scene.now_ns,
        );
        let plot = Plot {
            rect: area,
            start_ns: window.start_ns,
            end_ns: window.end_ns,
            scale,
        };
        Some(Self { plot, past, line })
    }

    /// Draws it.
    pub(crate) fn paint(&self, painter: &Painter, color: Color32) {
        if let Some(past) = &self.past {
            paint::rows(painter, &self.plot, &past.rows, color);
        }
        paint::line(painter, &self.plot, &self.line, color);
    }

    /// The commands that ask for what is not known of its time.
    pub(crate) fn requests(&self, scene: &Scene<'_>, topic: &MonitoredTopic) -> Vec<UiCommand> {
        if scene.derived.has(&topic.name) {
            return self.requests_of_derived(scene, topic);
        }
        let wanted = self.past.iter().flat_map(|past| &past.wanted);
        let request = wanted.map(|&(interval, wanted)| UiCommand::LongHistory {
            topic: topic.name.clone(),
            interval,
            wanted,
        });
        request.collect()
    }

    /// What is computed gets older with the topics that it is made of.
    fn requests_of_derived(&self, scene: &Scene<'_>, topic: &MonitoredTopic) -> Vec<UiCommand> {
        let start_ns = self.plot.start_ns;
        let first_ns = topic.series.as_ref().and_then(SampleSeries::first_time);
        if first_ns.is_some_and(|first_ns| first_ns <= start_ns) {
            return Vec::new();
        }
        let mut roots: Vec<_> = scene.derived.roots(&topic.name).into_iter().collect();
        roots.retain(|name| {
            let root = scene.store.topic_named(name.as_str());
            root.is_some_and(|root| root.wants_past(start_ns))
        });
        roots.into_iter().map(UiCommand::PageBack).collect()
    }
}
