//! Where and how a run took place.

use serde::{Deserialize, Serialize};

use crate::worker::ServerInfo;

/// Machine, time and versions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// When the run began, in UTC (RFC 3339).
    pub started: String,
    /// The exact command.
    pub command: String,
    /// The load tester's version.
    pub version: String,
    /// The commit of the checkout in which the load tester was started, if it was one.
    pub commit: Option<String>,
    /// What the server says about itself.
    pub server: Option<ServerInfo>,
    /// The kernel's version.
    pub kernel: String,
    /// The processor.
    pub cpu: String,
    /// Number of cores.
    pub cores: usize,
    /// Limit of open files.
    pub open_files_max: u64,
    /// Seed of everything random.
    pub seed: u64,
}

/// The settings of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSettings {
    /// The server's URL.
    pub url: String,
    /// The publisher: `websocket`, `mqtt` or `server`.
    pub source: String,
    /// Number of subscribers.
    pub subscribers: usize,
    /// Number of receiver threads.
    pub threads: usize,
    /// `bincode` or `json`.
    pub encoding: String,
    /// `every` or `latest`.
    pub mode: String,
    /// Batches per second that subscribers asked for, at most.
    pub max_rate_hz: Option<f64>,
    /// Filters of the first subscriber. The other subscribers have as many.
    pub filters: Vec<String>,
    /// Number of topics that are published to.
    pub topics: usize,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// `constant`, `poisson` or `recorded`.
    pub timing: String,
    /// All receivers time every n-th update.
    pub stride: u64,
    /// Subscribers that time every update.
    pub probes: usize,
    /// Subscribers that read slowly on purpose.
    pub slow: usize,
    /// Subscribers that stop reading for a while.
    pub stalled: usize,
    /// Subscribers that vanish without closing.
    pub gone: usize,
}
