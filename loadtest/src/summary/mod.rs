//! What a run found out: the numbers behind every report, and `summary.json`.

mod verdict;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use verdict::{CPU_MAX, OWN_SLIP_MAX_NS, Outcome, Verdict};

use crate::{
    assertion::AssertionResult, integrity::Tally, latency::Latency, session::ServerInfo,
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
    /// What the server says of itself.
    pub server: Option<ServerInfo>,
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
    /// Growth of its memory while the subscribers connected, each, in bytes. Means something if
    /// the server was fresh.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_that_can_be_asserted_exists() {
        let mut summary = Summary::default();
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
