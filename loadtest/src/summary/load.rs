//! How much was published and delivered, second by second and in phases.

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// How much was published and delivered, in the steady phase unless stated otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadSummary {
    /// Updates per second of the schedule.
    pub offered_per_s: f64,
    /// Updates per second that were published, by the server if it publishes.
    pub published_per_s: f64,
    /// Updates per second that arrived, summed over all subscribers.
    pub delivered_per_s: f64,
    /// Updates published in the whole run.
    pub published: u64,
    /// Seconds of the steady phase.
    pub steady_s: u32,
}

/// One step of a rate search.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SearchStep {
    /// Updates per second.
    pub rate: f64,
    /// Whether the goal was reached and everything arrived.
    pub passed: bool,
    /// Received - due.
    pub response: Latency,
    /// Why the step did not pass.
    pub reason: Option<String>,
}

/// A summary of one phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseSummary {
    /// Its name.
    pub name: String,
    /// Its first second, from the start of publishing.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
    /// Received - due, of updates that were due in the phase.
    pub response: Latency,
    /// From opening a connection until its subscriptions were confirmed, in the phase.
    pub connect: Latency,
}

/// One second of publishing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Second {
    /// The second, from the start of publishing.
    pub second: u32,
    /// Its phase.
    pub phase: String,
    /// Updates published.
    pub published: u64,
    /// Updates that arrived, over all subscribers.
    pub delivered: u64,
    /// Response of updates that were due in this second.
    pub p50_ns: Option<u64>,
    /// See `p50_ns`.
    pub p99_ns: Option<u64>,
    /// See `p50_ns`.
    pub max_ns: u64,
    /// Connections whose subscriptions were confirmed.
    pub connections: u64,
    /// Updates conflated.
    pub conflated: u64,
    /// Gaps announced.
    pub gaps: u64,
    /// Connections that ended without being asked to.
    pub closed: u64,
    /// Cores that the server used.
    pub server_cpu: Option<f64>,
    /// The server's memory in bytes.
    pub server_rss_bytes: Option<u64>,
}
