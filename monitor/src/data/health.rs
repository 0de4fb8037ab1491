//! Rates, latencies, and the server's clock.

use std::{collections::HashMap, time::Duration};

use tickcast_protocol::{client::ClockEstimate, message::TimeNs, topic::Topic};

use super::{
    latency::{LatencySummary, LatencyWindow},
    silences::Silences,
    time::SECOND,
    topics::UpdateTotals,
};

/// Interval at which rates and percentiles on the screen change; faster changes cannot be read.
const REFRESH_NS: i64 = SECOND / 2;

/// The rate is the mean over this many refreshes.
const RATE_REFRESHES: usize = 4;

/// How often and how long the connection waited for the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HeldBack {
    /// How often.
    pub(crate) times: u64,
    /// How long in total.
    pub(crate) total: Duration,
}

/// Rates, latencies and clocks.
#[derive(Debug, Default)]
pub(crate) struct Health {
    all: LatencyWindow,
    topics: HashMap<Topic, LatencyWindow>,
    summary: Option<LatencySummary>,
    topic_summaries: HashMap<Topic, LatencySummary>,
    ages: LatencyWindow,
    age_summary: Option<LatencySummary>,
    marks: Vec<(TimeNs, u64)>,
    refreshed_ns: TimeNs,
    /// The offset of the server's clock.
    pub(crate) clock: Option<ClockEstimate>,
    /// Since when no message comes, because the connection is closed or silent.
    pub(crate) disconnected_ns: Option<TimeNs>,
    /// When the server was silent.
    pub(crate) silences: Silences,
    /// How often and how long the connection waited for the window.
    pub(crate) held_back: HeldBack,
}

impl Health {
    /// Records the latency of an update.
    pub(crate) fn latency(&mut self, topic: &Topic, latency_ns: i64, now_ns: TimeNs) {
        self.all.record(latency_ns, now_ns);
        if let Some(window) = self.topics.get_mut(topic) {
            window.record(latency_ns, now_ns);
        }
    }

    /// Records the age of a newest value when it arrived.
    pub(crate) fn age(&mut self, age_ns: i64, now_ns: TimeNs) {
        self.ages.record(age_ns, now_ns);
    }

    /// Keeps separate latencies of exactly these topics.
    pub(crate) fn watch<'a>(&mut self, topics: impl Iterator<Item = &'a Topic> + Clone) {
        self.topics
            .retain(|known, _| topics.clone().any(|topic| topic == known));
        for topic in topics {
            if !self.topics.contains_key(topic) {
                self.topics.insert(topic.clone(), LatencyWindow::default());
            }
        }
    }

    /// Updates the shown figures, if that is due. Returns whether it was.
    pub(crate) fn refresh(&mut self, totals: UpdateTotals, now_ns: TimeNs) -> bool {
        if (0..REFRESH_NS).contains(&(now_ns - self.refreshed_ns)) {
            return false;
        }
        self.refreshed_ns = now_ns;
        self.summary = self.all.summary(now_ns);
        self.age_summary = self.ages.summary(now_ns);
        self.topic_summaries = self
            .topics
            .iter_mut()
            .filter_map(|(topic, window)| Some((topic.clone(), window.summary(now_ns)?)))
            .collect();
        if self.marks.len() > RATE_REFRESHES {
            self.marks.remove(0);
        }
        self.marks.push((now_ns, totals.updates));
        true
    }

    /// Updates per second on the tape, over the last seconds.
    pub(crate) fn updates_per_second(&self) -> f64 {
        let (Some(first), Some(last)) = (self.marks.first(), self.marks.last()) else {
            return 0.0;
        };
        let seconds = (last.0 - first.0) as f64 / SECOND as f64;
        if seconds <= 0.0 {
            return 0.0;
        }
        last.1.saturating_sub(first.1) as f64 / seconds
    }

    /// Latencies of all charted topics over the last minute.
    pub(crate) fn summary(&self) -> Option<LatencySummary> {
        self.summary
    }

    /// Ages of newest values of all topics when they arrived, over the last minute. They grow with
    /// the pace of the subscription and with a slow link.
    pub(crate) fn age_summary(&self) -> Option<LatencySummary> {
        self.age_summary
    }

    /// Latencies of one charted topic over the last minute.
    pub(crate) fn topic_summary(&self, topic: &Topic) -> Option<LatencySummary> {
        self.topic_summaries.get(topic).copied()
    }

    /// The latencies of a charted topic, or of all topics.
    pub(crate) fn window(&self, topic: Option<&Topic>) -> &LatencyWindow {
        topic
            .and_then(|topic| self.topics.get(topic))
            .unwrap_or(&self.all)
    }
}
