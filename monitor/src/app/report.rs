//! Writes the usage report.

use std::time::{Duration, Instant};

use super::monitor::Monitor;
use crate::files::usage_report::{self, UsageLine};

impl Monitor {
    /// Writes a line of the report if one is due. `now` is the time of this machine's clock.
    pub(crate) fn write_report(&mut self, is_visible: bool, now: Instant) {
        let Some(mut report) = self.background.report.take() else {
            return;
        };
        if !report.is_due(now) {
            self.background.report = Some(report);
            return;
        }
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let totals = self.server.store.totals();
        let newest_ns = self.server.store.newest_ns();
        let line = UsageLine {
            seconds: report.seconds(now),
            is_visible,
            rss_bytes: usage_report::rss_bytes().unwrap_or(0),
            history_bytes: self.server.store.bytes(),
            history_limit_bytes: self.server.store.memory_limit(),
            updates: totals.updates,
            received: totals.received,
            lost: totals.lost,
            conflated: totals.conflated,
            dropped: totals.dropped,
            hidden: totals.hidden,
            evicted: totals.evicted,
            held_back: self.server.health.held_back.times,
            repaints: self.screen.repaints.count(),
            longest_gap_ms: ms(self.screen.repaints.take_longest_gap()),
            repaint_ms: ms(self.screen.repaints.cost()),
            newest_age_ms: newest_ns.map(|newest_ns| (self.live_ns - newest_ns) as f64 / 1e6),
        };
        match report.write(&line, now) {
            Ok(()) => self.background.report = Some(report),
            Err(error) => self.notify(format!("The report was stopped: {error}")),
        }
    }
}
