//! The summary as a whole: what `summary.json` holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    cost::{Cost, Generator},
    environment::{Environment, RunSettings},
    integrity::{Integrity, Reconciliation},
    latencies::Latencies,
    load::{LoadSummary, PhaseSummary, SearchStep, Second},
    verdict::{AssertionResult, Verdict},
};
use crate::worker::ConnectionCounts;

/// Version of `summary.json`. It grows when a field changes its meaning or is removed. New fields
/// do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// See the module. Fields that a later version added may be missing in a file, so they have
/// defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSummary {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The results of `--assert`.
    pub assertions: Vec<AssertionResult>,
    /// Machine, time and versions.
    pub environment: Environment,
    /// The settings of the run.
    pub settings: RunSettings,
    /// How much was published and delivered.
    pub load: LoadSummary,
    /// The latencies of the steady phase.
    pub latencies: Latencies,
    /// The steps of a rate search.
    pub search: Vec<SearchStep>,
    /// A summary of each phase.
    pub phases: Vec<PhaseSummary>,
    /// Losses, duplicates and updates out of order.
    pub integrity: Integrity,
    /// The server's counters compared with the receivers' counts.
    pub reconciliation: Reconciliation,
    /// Connections and traffic.
    pub connections: ConnectionCounts,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// Whether the load tester itself was fast enough.
    pub generator: Generator,
    /// What the server spent.
    pub cost: Cost,
    /// One entry per second of publishing.
    pub seconds: Vec<Second>,
}
