//! The sum of all workers' reports.

use std::collections::BTreeMap;

use tickcast_protocol::message::Position;

use crate::{
    latency::{Histogram, histogram, merge, sum},
    ledger::Tally,
    worker::{ConnectionCounts, ServerInfo, WorkerReport},
};

/// The sum of the reports to one request.
#[derive(Debug)]
pub(super) struct ReportSum {
    /// Response by the second in which updates were due.
    pub(super) response: BTreeMap<u32, Histogram>,
    /// See [`Recorded`](crate::latency::Recorded).
    pub(super) service: Histogram,
    /// See [`Recorded`](crate::latency::Recorded).
    pub(super) probes: Histogram,
    /// See [`WorkerReport::lag`].
    pub(super) lag: Histogram,
    /// See [`WorkerReport::connect`].
    pub(super) connect: Histogram,
    /// Numbers of the whole run so far.
    pub(super) totals: RunTotals,
}

/// Numbers of the whole run, up to a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct RunTotals {
    /// Connections and traffic.
    pub(super) counts: ConnectionCounts,
    /// Errors by kind.
    pub(super) errors: BTreeMap<String, u64>,
    /// What healthy subscribers saw.
    pub(super) healthy: Tally,
    /// What hindered subscribers saw.
    pub(super) hindered: Tally,
    /// The furthest position.
    pub(super) position: Position,
    /// What the server says about itself.
    pub(super) server: Option<ServerInfo>,
}

impl RunTotals {
    /// Updates that arrived at any subscriber.
    pub(super) fn received(&self) -> u64 {
        self.healthy.received() + self.hindered.received()
    }

    /// The sum of a number over both tallies.
    pub(super) fn sum(&self, of: impl Fn(&Tally) -> u64) -> u64 {
        of(&self.healthy) + of(&self.hindered)
    }
}

impl ReportSum {
    /// Adds up the workers' reports.
    pub(super) fn of(reports: impl IntoIterator<Item = WorkerReport>) -> Self {
        let mut all = Self {
            response: BTreeMap::new(),
            service: histogram(),
            probes: histogram(),
            lag: histogram(),
            connect: histogram(),
            totals: RunTotals::default(),
        };
        for report in reports {
            for (second, response) in &report.recorded.response {
                let sum = all.response.entry(*second).or_insert_with(histogram);
                merge(sum, response);
            }
            merge(&mut all.service, &report.recorded.service);
            merge(&mut all.probes, &report.recorded.probes);
            merge(&mut all.lag, &report.lag);
            merge(&mut all.connect, &report.connect);
            let totals = &mut all.totals;
            totals.counts.add(&report.counts);
            for (kind, count) in report.errors {
                *totals.errors.entry(kind).or_default() += count;
            }
            totals.healthy.add(&report.healthy);
            totals.hindered.add(&report.hindered);
            totals.position = totals.position.max(report.position);
            totals.server = totals.server.take().or(report.server);
        }
        all
    }

    /// Response of everything that arrived in this all.
    pub(super) fn arrived(&self) -> Histogram {
        sum(self.response.values())
    }
}
