//! What all workers reported, put together second by second. Pure.

use std::collections::BTreeMap;

use tickcast_protocol::message::Position;

use crate::{
    completion::Completion,
    integrity::Tally,
    latency::{Histogram, histogram, merge, percentile},
    process::Usage,
    session::ServerInfo,
    summary::Second,
    worker::{Counts, Report},
};

/// What the workers said in one go: sums of all of them.
#[derive(Debug)]
pub struct Round {
    /// By the second in which updates were due.
    pub response: BTreeMap<u32, Histogram>,
    /// See [`crate::recorder::Recorded`].
    pub service: Histogram,
    /// See [`crate::recorder::Recorded`].
    pub probes: Histogram,
    /// See [`Report::lag`].
    pub lag: Histogram,
    /// See [`Report::connect`].
    pub connect: Histogram,
    /// In all.
    pub totals: Totals,
}

/// Numbers in all, up to some moment.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Connections and traffic.
    pub counts: Counts,
    /// What went wrong.
    pub errors: BTreeMap<String, u64>,
    /// What healthy subscribers saw.
    pub healthy: Tally,
    /// What the others saw.
    pub hindered: Tally,
    /// The furthest position.
    pub position: Position,
    /// What the server says of itself.
    pub server: Option<ServerInfo>,
}

impl Totals {
    /// Updates that arrived at anybody.
    pub fn received(&self) -> u64 {
        self.healthy.received() + self.hindered.received()
    }

    /// A number of both tallies.
    pub fn sum(&self, of: impl Fn(&Tally) -> u64) -> u64 {
        of(&self.healthy) + of(&self.hindered)
    }
}

impl Round {
    /// Puts the workers' reports together.
    pub fn of(reports: impl IntoIterator<Item = Report>) -> Self {
        let mut round = Self {
            response: BTreeMap::new(),
            service: histogram(),
            probes: histogram(),
            lag: histogram(),
            connect: histogram(),
            totals: Totals::default(),
        };
        for report in reports {
            for (second, response) in &report.recorded.response {
                let sum = round.response.entry(*second).or_insert_with(histogram);
                merge(sum, response);
            }
            merge(&mut round.service, &report.recorded.service);
            merge(&mut round.probes, &report.recorded.probes);
            merge(&mut round.lag, &report.lag);
            merge(&mut round.connect, &report.connect);
            let totals = &mut round.totals;
            totals.counts.add(&report.counts);
            for (kind, count) in report.errors {
                *totals.errors.entry(kind).or_default() += count;
            }
            totals.healthy.add(&report.healthy);
            totals.hindered.add(&report.hindered);
            totals.position = totals.position.max(report.position);
            totals.server = totals.server.take().or(report.server);
        }
        round
    }

    /// Response of everything that arrived in this round.
    pub fn arrived(&self) -> Histogram {
        sum(self.response.values())
    }
}

/// The sum of histograms.
pub fn sum<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> Histogram {
    let mut total = histogram();
    for histogram in histograms {
        merge(&mut total, histogram);
    }
    total
}

/// What is known besides at the end of a second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed {
    /// Updates published in all.
    pub published: u64,
    /// The server's process, if it can be watched.
    pub server: Option<Usage>,
}

/// Everything so far.
#[derive(Debug)]
pub struct Collected {
    /// Response by the second in which updates were due.
    pub response: BTreeMap<u32, Histogram>,
    /// Of what was measured.
    pub service: Histogram,
    /// Of what was measured.
    pub probes: Histogram,
    /// Of the seconds that were steady.
    pub lag: Histogram,
    /// By the second in which they were reported; 0 holds all before publishing as well.
    pub connect: BTreeMap<u32, Histogram>,
    /// One per second of publishing.
    pub seconds: Vec<Second>,
    /// As of the last round.
    pub totals: Totals,
    /// First and last arrivals.
    pub completion: Option<Completion>,
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
            totals: Totals::default(),
            completion: None,
            observed: Observed::default(),
        }
    }
}

impl Collected {
    /// Takes what came in since the last round, which ended a second of publishing or not.
    pub fn add(&mut self, round: Round, is_steady: bool) {
        for (second, response) in &round.response {
            let sum = self.response.entry(*second).or_insert_with(histogram);
            merge(sum, response);
        }
        merge(&mut self.service, &round.service);
        merge(&mut self.probes, &round.probes);
        if is_steady {
            merge(&mut self.lag, &round.lag);
        }
        let second = self.seconds.len() as u32;
        let connect = self.connect.entry(second).or_insert_with(histogram);
        merge(connect, &round.connect);
        self.totals = round.totals;
    }

    /// Publishing begins: what was before is not part of its first second.
    pub fn begin(&mut self, observed: Observed) {
        self.observed = observed;
    }

    /// Ends a second of publishing with a round. `phase`: its name.
    pub fn end_second(&mut self, round: Round, phase: &str, is_steady: bool, observed: Observed) {
        let before = self.totals.clone();
        self.add(round, is_steady);
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

    /// Response of what was due in a range of seconds.
    pub fn response_in(&self, from_s: u32, to_s: u32) -> Histogram {
        sum(self.response.range(from_s..to_s).map(|(_, h)| h))
    }

    /// Connection times that were reported in a range of seconds.
    pub fn connect_in(&self, from_s: u32, to_s: u32) -> Histogram {
        sum(self.connect.range(from_s..to_s).map(|(_, h)| h))
    }

    /// Fills in the latencies of each second, now that the last update has arrived.
    pub fn complete_seconds(&mut self) {
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
    use crate::{latency::record, recorder::Recorded};

    fn report(due_s: u32, latencies_ns: &[i64], live: u64) -> Report {
        let mut response = histogram();
        for &ns in latencies_ns {
            record(&mut response, ns);
        }
        Report {
            recorded: Recorded {
                response: BTreeMap::from([(due_s, response)]),
                service: histogram(),
                probes: histogram(),
            },
            lag: histogram(),
            connect: histogram(),
            counts: Counts {
                open: 1,
                ..Counts::default()
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
    fn reports_of_all_workers_are_merged_and_late_ones_go_to_the_second_they_belong_to() {
        let mut collected = Collected::default();
        let observed = |published| Observed {
            published,
            server: None,
        };
        collected.begin(observed(0));
        let first = Round::of([report(0, &[1000; 30], 30), report(0, &[9000; 30], 30)]);
        assert_eq!(first.arrived().len(), 60);
        collected.end_second(first, "steady", true, observed(40));
        let second = Round::of([report(1, &[1000; 5], 35), report(0, &[2_000_000; 5], 35)]);
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
