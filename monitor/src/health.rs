//! How well things go: rates, latencies, clocks, and what a repaint costs.

use std::{collections::HashMap, time::Duration};

use tickcast_protocol::{client::ClockEstimate, topic::Topic};

use crate::{
    format::SECOND,
    latency::{LatencySummary, LatencyWindow},
    repaints::Repaints,
    store::{TimeNs, Totals},
};

/// Rates and percentiles on the screen change so often, because nobody reads faster.
const REFRESH_NS: i64 = SECOND / 2;

/// The rate is the mean over so many refreshes.
const RATE_REFRESHES: usize = 4;

/// How well things go.
#[derive(Debug, Default)]
pub struct Health {
    all: LatencyWindow,
    topics: HashMap<Topic, LatencyWindow>,
    summary: Option<LatencySummary>,
    topic_summaries: HashMap<Topic, LatencySummary>,
    marks: Vec<(TimeNs, u64)>,
    refreshed_ns: TimeNs,
    /// What is known of the server's clock.
    pub clock: Option<ClockEstimate>,
    /// Since when there is no connection, or none that anything comes by.
    pub disconnected_ns: Option<TimeNs>,
    /// How often and how long the connection had to wait for the window.
    pub held_back: (u64, Duration),
    /// What repaints cost, and how late they came.
    pub repaints: Repaints,
    /// Something a person should read, and since when it is shown.
    pub notice: Option<(String, TimeNs)>,
}

/// A notice goes away after this time.
pub const NOTICE_NS: i64 = 15 * SECOND;

impl Health {
    /// Takes in how long an update of a topic took.
    pub fn latency(&mut self, topic: &Topic, latency_ns: i64, now_ns: TimeNs) {
        self.all.record(latency_ns, now_ns);
        if let Some(window) = self.topics.get_mut(topic) {
            window.record(latency_ns, now_ns);
        }
    }

    /// Keeps latencies of these topics apart, and of no others.
    pub fn watch<'a>(&mut self, topics: impl Iterator<Item = &'a Topic> + Clone) {
        self.topics
            .retain(|known, _| topics.clone().any(|topic| topic == known));
        for topic in topics {
            if !self.topics.contains_key(topic) {
                self.topics.insert(topic.clone(), LatencyWindow::default());
            }
        }
    }

    /// Computes anew what is shown, if it is time. Whether it was.
    pub fn refresh(&mut self, totals: Totals, now_ns: TimeNs) -> bool {
        if (0..REFRESH_NS).contains(&(now_ns - self.refreshed_ns)) {
            return false;
        }
        self.refreshed_ns = now_ns;
        self.summary = self.all.summary(now_ns);
        self.topic_summaries = self
            .topics
            .iter_mut()
            .filter_map(|(topic, window)| Some((topic.clone(), window.summary(now_ns)?)))
            .collect();
        if self.marks.len() > RATE_REFRESHES {
            self.marks.remove(0);
        }
        self.marks.push((now_ns, totals.updates));
        if let Some((_, since)) = self.notice
            && now_ns - since > NOTICE_NS
        {
            self.notice = None;
        }
        true
    }

    /// Updates per second that the tape gets, over the last seconds.
    pub fn updates_per_second(&self) -> f64 {
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
    pub fn summary(&self) -> Option<LatencySummary> {
        self.summary
    }

    /// Latencies of one charted topic over the last minute.
    pub fn topic_summary(&self, topic: &Topic) -> Option<LatencySummary> {
        self.topic_summaries.get(topic).copied()
    }

    /// The latencies of a charted topic, or of all.
    pub fn window(&self, topic: Option<&Topic>) -> &LatencyWindow {
        topic
            .and_then(|topic| self.topics.get(topic))
            .unwrap_or(&self.all)
    }

    /// Tells a person something.
    pub fn tell(&mut self, notice: String, now_ns: TimeNs) {
        self.notice = Some((notice, now_ns));
    }
}
