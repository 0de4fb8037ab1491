//! What all workers reported, second by second. Pure.

use std::collections::BTreeMap;

use super::report_sum::{ReportSum, RunTotals};
use crate::{
    latency::{Completion, Histogram, histogram, merge, percentile, sum},
    ledger::Tally,
    observe::process::Usage,
    summary::Second,
};

/// What else is known at the end of a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observed {
    /// Updates published so far.
    pub(super) published: u64,
    /// The server's process, if it can be observed.
    pub(super) server: Option<Usage>,
}

/// Everything that was reported so far.
#[derive(Debug)]
pub(super) struct Collected {
    /// Response by the second in which updates were due.
    pub(super) response: BTreeMap<u32, Histogram>,
    /// Service of measured updates.
    pub(super) service: Histogram,
    /// Response of measured updates, as the probes received them.
    pub(super) probes: Histogram,
    /// Lag in the steady phase.
    pub(super) lag: Histogram,
    /// Connection times by the second in which they were reported. Second 0 includes the ramp.
    pub(super) connect: BTreeMap<u32, Histogram>,
    /// One entry per second of publishing.
    pub(super) seconds: Vec<Second>,
    /// Totals of the last reports.
    pub(super) totals: RunTotals,
    /// First and last arrivals.
    pub(super) completion: Option<Completion>,
    observed: Observed,
}

impl Default for Collected {
    fn default() -> Self {
        Self {
            response: BTreeMap::new(),
            service: histogram(),
            probes: histogram(),
            lag: histogram(),
            connect: BTreeMap::new(),
            seconds: Vec::new(),
            totals: RunTotals::default(),
            completion: None,
            observed: Observed::default(),
        }
    }
}

impl Collected {
    /// Adds the latest reports.
    pub(super) fn add(&mut self, reports: ReportSum, is_steady: bool) {
        for (second, response) in &reports.response {
            let sum = self.response.entry(*second).or_insert_with(histogram);
            merge(sum, response);
        }
        merge(&mut self.service, &reports.service);
        merge(&mut self.probes, &reports.probes);
        if is_steady {
            merge(&mut self.lag, &reports.lag);
        }
        let second = self.seconds.len() as u32;
        let connect = self.connect.entry(second).or_insert_with(histogram);
        merge(connect, &reports.connect);
        self.totals = reports.totals;
    }

    /// Publishing begins. Earlier numbers are not part of its first second.
    pub(super) fn begin(&mut self, observed: Observed) {
        self.observed = observed;
    }

    /// Ends a second of publishing in a phase.
    pub(super) fn end_second(
        &mut self,
        reports: ReportSum,
        phase: &str,
        is_steady: bool,
        observed: Observed,
    ) {
        let before = self.totals.clone();
        self.add(reports, is_steady);
        let after = &self.totals;
        let grown = |of: fn(&Tally) -> u64| after.sum(of) - before.sum(of);
        let last = self.observed;
        self.seconds.push(Second {
            second: self.seconds.len() as u32,
            phase: phase.to_owned(),
            published: observed.published - last.published,
            delivered: after.received() - before.received(),
            p50_ns: None,
            p99_ns: None,
            max_ns: 0,
            connections: after.counts.open,
            conflated: grown(|tally| tally.conflated),
            gaps: grown(|tally| tally.gaps),
            closed: after.counts.closed - before.counts.closed,
            server_cpu: observed
                .server
                .zip(last.server)
                .map(|(now, then)| now.cpu_s - then.cpu_s),
            server_rss_bytes: observed.server.map(|usage| usage.rss_bytes),
        });
        self.observed = observed;
    }

    /// Response of updates that were due in a range of seconds.
    pub(super) fn response_in(&self, from_s: u32, to_s: u32) -> Histogram {
        sum(self.response.range(from_s..to_s).map(|(_, h)| h))
    }

    /// Connection times that were reported in a range of seconds.
    pub(super) fn connect_in(&self, from_s: u32, to_s: u32) -> Histogram {
        sum(self.connect.range(from_s..to_s).map(|(_, h)| h))
    }

    /// Fills in the latencies of each second, after the last update has arrived.
    pub(super) fn complete_seconds(&mut self) {
        for second in &mut self.seconds {
            if let Some(response) = self.response.get(&second.second) {
                second.p50_ns = percentile(response, 50.0);
                second.p99_ns = percentile(response, 99.0);
                second.max_ns = response.max();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        latency::{Recorded, record},
        worker::{ConnectionCounts, WorkerReport},
    };

    fn report(due_s: u32, latencies_ns: &[i64], live: u64) -> WorkerReport {
        let mut response = histogram();
        for &ns in latencies_ns {
            record(&mut response, ns);
        }
        WorkerReport {
            recorded: Recorded {
                response: BTreeMap::from([(due_s, response)]),
                service: histogram(),
                probes: histogram(),
            },
            lag: histogram(),
            connect: histogram(),
            counts: ConnectionCounts {
                open: 1,
                ..ConnectionCounts::default()
            },
            errors: BTreeMap::from([("x".to_owned(), 1)]),
            healthy: Tally {
                live,
                ..Tally::default()
            },
            hindered: Tally::default(),
            position: live,
            server: None,
        }
    }

    #[test]
    fn reports_of_all_workers_are_merged_and_late_updates_count_in_their_own_second() {
        let mut collected = Collected::default();
        let observed = |published| Observed {
            published,
            server: None,
        };
        collected.begin(observed(0));
        let first = ReportSum::of([report(0, &[1000; 30], 30), report(0, &[9000; 30], 30)]);
        assert_eq!(first.arrived().len(), 60);
        collected.end_second(first, "steady", true, observed(40));
        let second = ReportSum::of([report(1, &[1000; 5], 35), report(0, &[2_000_000; 5], 35)]);
        collected.end_second(second, "steady", true, observed(70));
        collected.complete_seconds();
        let [zero, one] = &collected.seconds[..] else {
            panic!("two seconds");
        };
        assert_eq!((zero.published, one.published), (40, 30));
        assert_eq!((zero.delivered, one.delivered), (60, 10));
        assert_eq!(collected.response_in(0, 1).len(), 65);
        assert!(zero.max_ns > 1_900_000 && one.max_ns < 1_100);
        assert_eq!(zero.connections, 2);
        assert_eq!(one.p50_ns, None);
        assert_eq!(collected.totals.errors["x"], 2);
        assert_eq!(collected.totals.position, 35);
    }
}
