//! What a run found out: the numbers behind every report, and `summary.json`.

mod conclude;
mod cost;
mod document;
mod environment;
mod integrity;
mod latencies;
mod load;
mod numbers;
mod verdict;

pub use conclude::CPU_MAX;
pub use cost::{CONNECTION_BYTES_SUBSCRIBERS_MIN, Cost, Generator};
pub use document::{RunSummary, SCHEMA_VERSION};
pub use environment::{Environment, RunSettings};
pub use integrity::{CounterPair, Integrity, Reconciliation};
pub use latencies::Latencies;
pub use load::{LoadSummary, PhaseSummary, SearchStep, Second};
pub use verdict::{AssertionResult, Outcome, Verdict};
