//! What a run found out: the numbers behind every report, and `summary.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    assertion::AssertionResult,
    integrity::Tally,
    latency::{Latency, format_ns},
    worker::Counts,
};

/// Version of `summary.json`. It grows when a field changes its meaning or goes; new fields do not
/// change it.
pub const SCHEMA_VERSION: u32 = 1;

/// All of a run. Fields that a later version added may be missing in a file, hence the defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What it comes to.
    pub verdict: Verdict,
    /// What was asked with `--assert`.
    pub assertions: Vec<AssertionResult>,
    /// Where, when and how.
    pub environment: Environment,
    /// What was asked of the server.
    pub settings: Settings,
    /// How much was sent and arrived.
    pub load: Load,
    /// How long it took, in the steady phase.
    pub latencies: Latencies,
    /// The steps of a rate search.
    pub search: Vec<SearchStep>,
    /// Each phase in short.
    pub phases: Vec<PhaseSummary>,
    /// What was lost, doubled and swapped.
    pub integrity: Integrity,
    /// What the server counted against what the receivers counted.
    pub reconciliation: Reconciliation,
    /// Connections and traffic.
    pub connections: Counts,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Whether the load tester itself was fast enough.
    pub generator: Generator,
    /// What the server spent.
    pub cost: Cost,
    /// A line per second of publishing.
    pub seconds: Vec<Second>,
}

/// What a run comes to. Exit codes are those of the program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing is wrong.
    #[default]
    Passed,
    /// An assertion does not hold.
    AssertionFailed,
    /// Something was lost, doubled or swapped, or the server counted something else.
    IntegrityFailed,
    /// The load tester was the limit, so latencies mean nothing.
    Invalid,
    /// Somebody pressed Ctrl+C.
    Interrupted,
}

impl Outcome {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::AssertionFailed => 4,
            Self::IntegrityFailed => 5,
            Self::Invalid => 6,
            Self::Interrupted => 130,
        }
    }
}

/// See [`Outcome`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// The worst of what was found.
    pub outcome: Outcome,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

/// Where, when and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// When the run began, in UTC (RFC 3339).
    pub started: String,
    /// The exact command.
    pub command: String,
    /// The load tester's version.
    pub version: String,
    /// The commit of the checkout it was started in, if it was.
    pub commit: Option<String>,
    /// Name and version of the server, as it says.
    pub server: Option<String>,
    /// The kernel.
    pub kernel: String,
    /// The processor.
    pub cpu: String,
    /// How many of its cores there are.
    pub cores: usize,
    /// Open files allowed.
    pub open_files_max: u64,
    /// Seed of everything random.
    pub seed: u64,
}

/// What was asked of the server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where it is.
    pub url: String,
    /// Who publishes: `websocket`, `mqtt` or `server`.
    pub source: String,
    /// How many subscribers.
    pub subscribers: usize,
    /// Over how many threads.
    pub threads: usize,
    /// `bincode` or `json`.
    pub encoding: String,
    /// `every` or `latest`.
    pub mode: String,
    /// As asked for.
    pub max_rate_hz: Option<f64>,
    /// What the first subscriber is subscribed to; the others likewise.
    pub filters: Vec<String>,
    /// Topics that are published to.
    pub topics: usize,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// `constant`, `poisson` or `recorded`.
    pub timing: String,
    /// Of the updates that all receivers see, each n-th is timed by everybody.
    pub stride: u64,
    /// Subscribers that time every update.
    pub probes: usize,
    /// Subscribers that read slowly on purpose.
    pub slow: usize,
    /// Subscribers that stop reading for a while.
    pub stalled: usize,
    /// Subscribers that vanish without a word.
    pub gone: usize,
}

/// How much was sent and arrived, in the steady phase if not said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Updates per second that the schedule wanted.
    pub offered_per_s: f64,
    /// Updates per second that were due and published; the server's own if it publishes.
    pub published_per_s: f64,
    /// Updates per second that arrived, summed over all subscribers.
    pub delivered_per_s: f64,
    /// Updates published in all of the run.
    pub published: u64,
    /// Seconds of the steady phase.
    pub steady_s: u32,
}

/// How long it took. Only what was due in the steady phase counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latencies {
    /// Received - due: the headline. Of all healthy receivers.
    pub response: Latency,
    /// Received - sent.
    pub service: Latency,
    /// Sent - due.
    pub slip: Latency,
    /// The last receiver's arrival - due, one sample per update.
    pub completion: Latency,
    /// The last - the first receiver's arrival, one sample per update.
    pub spread: Latency,
    /// Received - due, of the probes alone.
    pub probes: Latency,
    /// From opening a connection until its subscriptions stood; all phases.
    pub connect: Latency,
}

/// One step of a rate search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchStep {
    /// Updates per second that were published.
    pub rate: f64,
    /// Whether the goal was reached, and everything arrived.
    pub passed: bool,
    /// Received - due.
    pub response: Latency,
    /// Why it did not pass.
    pub reason: Option<String>,
}

/// One phase in short.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseSummary {
    /// Its name.
    pub name: String,
    /// Its first second, from the start of publishing.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
    /// Received - due, of what was due in it.
    pub response: Latency,
    /// Time from opening a connection until its subscriptions stood, in it.
    pub connect: Latency,
}

/// What was lost, doubled and swapped.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Integrity {
    /// Seen by healthy subscribers.
    pub healthy: Tally,
    /// Seen by those who were slow, stalled or gone on purpose.
    pub hindered: Tally,
    /// Published updates that nobody ever got: lost before the server, or by it before anybody.
    pub never_arrived: u64,
    /// Whether all updates had reached everybody before the time for it was over.
    pub drained: bool,
}

/// What the server counted against what the receivers counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconciliation {
    /// The counters. Empty if there was nothing to compare.
    pub counters: Vec<CounterPair>,
    /// Why a difference is no failure here, or why nothing was compared.
    pub remark: Option<String>,
}

/// A number that both sides have counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CounterPair {
    /// The server's name for it.
    pub name: String,
    /// How much it grew at the server.
    pub server: u64,
    /// What we counted.
    pub ours: u64,
}

/// Whether the load tester itself was fast enough, in the steady phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generator {
    /// Share of a core that the publisher used.
    pub publisher_cpu: f64,
    /// Share of a core that each receiver thread used.
    pub receiver_cpu: Vec<f64>,
    /// Sent - max(due, ready): lateness that is the publisher's own.
    pub own_slip: Latency,
    /// Upper bound of the time that data waited for a receiver thread.
    pub lag: Latency,
    /// How long the publisher's socket took no more.
    pub blocked_s: f64,
}

/// What the server spent in the steady phase, if its process could be watched.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Its process.
    pub pid: Option<u32>,
    /// Cores it used.
    pub cpu: Option<f64>,
    /// Share of that in user space.
    pub user_share: Option<f64>,
    /// CPU time per delivered update, in us.
    pub cpu_us_per_delivery: Option<f64>,
    /// Delivered updates per second of CPU time.
    pub deliveries_per_core_s: Option<f64>,
    /// Growth of its memory while the subscribers connected, each, in bytes.
    pub connection_bytes: Option<f64>,
    /// Its memory before the first subscriber, in bytes.
    pub rss_before_bytes: Option<u64>,
    /// Its largest memory while publishing, in bytes.
    pub rss_max_bytes: Option<u64>,
    /// Bytes on the wire per delivered update, with all headers of WebSocket.
    pub wire_bytes_per_update: f64,
}

/// One second of publishing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Second {
    /// From the start of publishing.
    pub second: u32,
    /// Its phase.
    pub phase: String,
    /// Updates published.
    pub published: u64,
    /// Updates that arrived, over all subscribers.
    pub delivered: u64,
    /// Response of what was due in this second.
    pub p50_ns: Option<u64>,
    /// See `p50_ns`.
    pub p99_ns: Option<u64>,
    /// See `p50_ns`.
    pub max_ns: u64,
    /// Connections whose subscriptions stood.
    pub connections: u64,
    /// Updates conflated.
    pub conflated: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Connections that ended without being asked to.
    pub closed: u64,
    /// Cores the server used.
    pub server_cpu: Option<f64>,
    /// The server's memory in bytes.
    pub server_rss_bytes: Option<u64>,
}

impl Latencies {
    /// One of them by its name, to be filled in.
    ///
    /// # Panics
    ///
    /// If there is none of that name.
    pub(crate) fn by_name_mut(&mut self, name: &str) -> &mut Latency {
        match name {
            "response" => &mut self.response,
            "service" => &mut self.service,
            "slip" => &mut self.slip,
            "completion" => &mut self.completion,
            "spread" => &mut self.spread,
            "probes" => &mut self.probes,
            "connect" => &mut self.connect,
            _ => unreachable!("no latency is called {name}"),
        }
    }
}

impl Summary {
    /// What [`latency`](Self::latency) knows.
    pub const LATENCIES: [&'static str; 7] = [
        "response",
        "service",
        "slip",
        "completion",
        "spread",
        "probes",
        "connect",
    ];

    /// What [`number`](Self::number) knows.
    pub const NUMBERS: [&'static str; 20] = [
        "missing",
        "duplicated",
        "reordered",
        "misplaced",
        "chain_breaks",
        "never_arrived",
        "conflated",
        "gaps",
        "announced",
        "overstated",
        "closed",
        "failed",
        "resumed",
        "errors",
        "published_per_s",
        "delivered_per_s",
        "cpu_us_per_delivery",
        "deliveries_per_core_s",
        "connection_bytes",
        "wire_bytes_per_update",
    ];

    /// One of the latencies.
    pub fn latency(&self, name: &str) -> Option<&Latency> {
        let latencies = &self.latencies;
        Some(match name {
            "response" => &latencies.response,
            "service" => &latencies.service,
            "slip" => &latencies.slip,
            "completion" => &latencies.completion,
            "spread" => &latencies.spread,
            "probes" => &latencies.probes,
            "connect" => &latencies.connect,
            _ => return None,
        })
    }

    /// One of the numbers, if it is known.
    pub fn number(&self, name: &str) -> Option<f64> {
        let (healthy, hindered) = (&self.integrity.healthy, &self.integrity.hindered);
        let count = match name {
            "missing" => healthy.missing + hindered.missing,
            "duplicated" => healthy.duplicated + hindered.duplicated,
            "reordered" => healthy.reordered + hindered.reordered,
            "misplaced" => healthy.misplaced + hindered.misplaced,
            "chain_breaks" => healthy.chain_breaks + hindered.chain_breaks,
            "never_arrived" => self.integrity.never_arrived,
            "conflated" => healthy.conflated + hindered.conflated,
            "gaps" => healthy.gaps + hindered.gaps,
            "announced" => healthy.announced + hindered.announced,
            "overstated" => healthy.overstated + hindered.overstated,
            "closed" => self.connections.closed,
            "failed" => self.connections.failed,
            "resumed" => self.connections.resumed,
            "errors" => self.errors.values().sum(),
            "published_per_s" => return Some(self.load.published_per_s),
            "delivered_per_s" => return Some(self.load.delivered_per_s),
            "cpu_us_per_delivery" => return self.cost.cpu_us_per_delivery,
            "deliveries_per_core_s" => return self.cost.deliveries_per_core_s,
            "connection_bytes" => return self.cost.connection_bytes,
            "wire_bytes_per_update" => return Some(self.cost.wire_bytes_per_update),
            _ => return None,
        };
        Some(count as f64)
    }

    /// Draws the conclusion from everything else: the worst first, because an invalid run proves no
    /// latency, but a loss is a loss in any run.
    pub fn conclude(&mut self, interrupted: bool) {
        let mut reasons = self.broken();
        let mut outcome = Outcome::Passed;
        if !reasons.is_empty() {
            outcome = Outcome::IntegrityFailed;
        }
        let invalid = self
            .generator
            .objections(&self.latencies.response, &self.connections);
        if !invalid.is_empty() && outcome == Outcome::Passed {
            outcome = Outcome::Invalid;
        }
        reasons.extend(invalid);
        for failed in self.assertions.iter().filter(|result| !result.passed) {
            reasons.push(format!("{}: it is {}", failed.assertion, failed.actual));
            if outcome == Outcome::Passed {
                outcome = Outcome::AssertionFailed;
            }
        }
        if interrupted {
            outcome = Outcome::Interrupted;
        }
        self.verdict = Verdict { outcome, reasons };
    }

    /// What was broken of the contract between server and subscribers.
    fn broken(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (tally, who) in [
            (&self.integrity.healthy, "healthy"),
            (&self.integrity.hindered, "hindered"),
        ] {
            for (count, what) in [
                (tally.missing, "updates missing"),
                (tally.duplicated, "updates doubled"),
                (tally.reordered, "updates out of order"),
                (tally.misplaced, "updates outside of their batch"),
                (
                    tally.not_introduced,
                    "updates of topics that were not introduced",
                ),
                (tally.chain_breaks, "breaks of the chain of positions"),
                (tally.overstated, "updates announced as lost that were not"),
            ] {
                if count > 0 {
                    reasons.push(format!("{count} {what} ({who} subscribers)"));
                }
            }
        }
        if !self.integrity.drained {
            reasons.push("the last updates had not reached everybody in time".to_owned());
        }
        if self.integrity.never_arrived > 0 {
            reasons.push(format!(
                "{} published updates reached nobody",
                self.integrity.never_arrived
            ));
        }
        if self.reconciliation.remark.is_none() {
            for pair in &self.reconciliation.counters {
                if pair.server != pair.ours {
                    reasons.push(format!(
                        "{}: the server counted {}, we {}",
                        pair.name, pair.server, pair.ours
                    ));
                }
            }
        }
        reasons
    }
}

/// A thread above this share of its core has waited for the core, not only for the network.
pub const CPU_MAX: f64 = 0.85;

/// The publisher's own lateness at p99, at most.
pub const OWN_SLIP_MAX_NS: u64 = 1_000_000;

/// The receivers' own part of the measured p99, at most.
const LAG_SHARE_MAX: f64 = 0.1;

/// Receivers' lag below this is no objection: a thread cannot be woken and read a handful of
/// sockets in much less.
const LAG_MIN_NS: u64 = 100_000;

impl Generator {
    /// Why the measured latencies may be the load tester's own.
    fn objections(&self, response: &Latency, counts: &Counts) -> Vec<String> {
        let mut objections = Vec::new();
        let mut check_cpu = |name: &str, cpu: f64| {
            if cpu > CPU_MAX {
                objections.push(format!(
                    "invalid: the {name} used {:.0} % of a core, {:.0} % are allowed",
                    cpu * 100.0,
                    CPU_MAX * 100.0
                ));
            }
        };
        check_cpu("publisher", self.publisher_cpu);
        for &cpu in &self.receiver_cpu {
            check_cpu("receiver thread", cpu);
        }
        if let Some(slip_ns) = self.own_slip.percentile(99.0)
            && slip_ns > OWN_SLIP_MAX_NS
        {
            objections.push(format!(
                "invalid: the publisher was late by {} at p99, {} are allowed",
                format_ns(slip_ns as f64),
                format_ns(OWN_SLIP_MAX_NS as f64)
            ));
        }
        if let (Some(lag_ns), Some(p99_ns)) = (self.lag.percentile(99.0), response.percentile(99.0))
            && lag_ns > LAG_MIN_NS
            && lag_ns as f64 > LAG_SHARE_MAX * p99_ns as f64
        {
            objections.push(format!(
                "invalid: data waited up to {} for the receivers at p99, more than a tenth of {}",
                format_ns(lag_ns as f64),
                format_ns(p99_ns as f64)
            ));
        }
        if counts.from_the_future > 0 {
            objections.push(format!(
                "invalid: {} updates came before they were due: the clocks differ",
                counts.from_the_future
            ));
        }
        objections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentile;

    fn p99(ns: u64) -> Latency {
        Latency {
            count: 1000,
            percentiles: vec![Percentile { percent: 99.0, ns }],
            ..Latency::default()
        }
    }

    fn good() -> Summary {
        let mut summary = Summary::default();
        summary.latencies.response = p99(5_000_000);
        summary.integrity.drained = true;
        summary.generator = Generator {
            publisher_cpu: 0.3,
            receiver_cpu: vec![0.8, 0.85],
            own_slip: p99(1_000_000),
            lag: p99(500_000),
            blocked_s: 0.0,
        };
        summary
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Summary), expected: Outcome) {
        let mut summary = good();
        change(&mut summary);
        summary.conclude(false);
        let Verdict { outcome, reasons } = &summary.verdict;
        assert_eq!(*outcome, expected, "{reasons:?}");
        assert_eq!(reasons.is_empty(), expected == Outcome::Passed);
    }

    #[test]
    fn a_run_is_invalid_when_the_load_tester_was_the_limit() {
        check(|_| {}, Outcome::Passed);
        check(|s| s.generator.publisher_cpu = 0.86, Outcome::Invalid);
        check(|s| s.generator.receiver_cpu[1] = 0.9, Outcome::Invalid);
        check(|s| s.generator.own_slip = p99(1_000_001), Outcome::Invalid);
        check(|s| s.generator.lag = p99(500_001), Outcome::Invalid);
        check(|s| s.connections.from_the_future = 1, Outcome::Invalid);
    }

    #[test]
    fn a_lag_that_no_scheduler_avoids_is_no_objection() {
        let quick = |s: &mut Summary| {
            s.latencies.response = p99(300_000);
            s.generator.lag = p99(100_000);
        };
        check(quick, Outcome::Passed);
    }

    #[test]
    fn a_loss_weighs_more_than_an_invalid_run_and_that_more_than_an_assertion() {
        let assertion = |passed| AssertionResult {
            assertion: "gaps == 0".into(),
            passed,
            actual: "1".into(),
        };
        check(|s| s.assertions = vec![assertion(true)], Outcome::Passed);
        let failed = |s: &mut Summary| s.assertions = vec![assertion(false)];
        check(failed, Outcome::AssertionFailed);
        let invalid = |s: &mut Summary| {
            failed(s);
            s.generator.publisher_cpu = 0.9;
        };
        check(invalid, Outcome::Invalid);
        let lost = |s: &mut Summary| {
            invalid(s);
            s.integrity.healthy.missing = 1;
        };
        check(lost, Outcome::IntegrityFailed);
        check(|s| s.integrity.never_arrived = 1, Outcome::IntegrityFailed);
        check(
            |s| s.integrity.hindered.overstated = 1,
            Outcome::IntegrityFailed,
        );
    }

    #[test]
    fn counters_that_differ_are_a_failure_unless_there_is_a_reason() {
        let differ = |s: &mut Summary| {
            s.reconciliation.counters = vec![CounterPair {
                name: "deliveries".into(),
                server: 5,
                ours: 4,
            }];
        };
        check(differ, Outcome::IntegrityFailed);
        let explained = |s: &mut Summary| {
            differ(s);
            s.reconciliation.remark = Some("connections were cut".into());
        };
        check(explained, Outcome::Passed);
    }

    #[test]
    fn every_number_that_can_be_asserted_exists() {
        let mut summary = good();
        summary.cost.cpu_us_per_delivery = Some(1.0);
        summary.cost.deliveries_per_core_s = Some(1.0);
        summary.cost.connection_bytes = Some(1.0);
        for name in Summary::NUMBERS {
            assert!(summary.number(name).is_some(), "{name}");
        }
        for name in Summary::LATENCIES {
            assert!(summary.latency(name).is_some(), "{name}");
        }
    }
}
