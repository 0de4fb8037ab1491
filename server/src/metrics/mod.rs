//! Metrics: the counters of the whole server, as plain atomics.
//!
//! The files in reading order:
//!
//! * this file: all counters in one place, by shard, by feed, and of the ingest thread
//! * `cluster`: a node of a cluster
//! * `data`: the log on disk
//! * `feed`: the counters and the state of one feed
//! * `output`: the counters of one output
//! * `refused`: refused requests and connections, by reason
//! * `task`: the failures and the state of one long-lived task
//! * `tls`: handshakes and certificates
//! * [`prometheus`]: names, labels and text form; only this file names the metrics library
//!
//! The other rooms change the counters, and this room only reads them. The counters of a shard are
//! defined in `tickcast_core::stats`.

mod cluster;
mod data;
mod feed;
mod output;
pub(crate) mod prometheus;
mod refused;
mod task;
mod tls;

use std::sync::{Arc, OnceLock};

use tickcast_core::stats::{Number, ShardStats};

use crate::audit::AuditStats;

pub(crate) use cluster::ClusterStats;
pub(crate) use data::DataStats;
pub use feed::{FeedMetrics, FeedState, SparkplugMetrics};
pub(crate) use output::OutputMetrics;
pub(crate) use refused::{RefusalReason, RefusedStats};
pub use task::TaskState;
pub(crate) use task::TaskStats;
pub(crate) use tls::HandshakeFailure;
pub(crate) use tls::{CertificateStats, HandshakeStats};

/// The counters of the ingest thread.
#[derive(Debug, Default)]
pub struct IngestStats {
    /// The newest position on the tape.
    pub position: Number,
    /// Updates refused because there were too many topics.
    pub refused: Number,
    /// Updates refused because a client introduced topics too fast.
    pub refused_new_topics: Number,
    /// Publishes that were on the tape already.
    pub publish_repeats: Number,
    /// Publishes refused because they may have been on the tape already.
    pub publishes_too_old: Number,
    /// Publishers whose last publishes are known.
    pub publishers: Number,
    /// Topics without a value that something is known about.
    pub facts_waiting: Number,
    /// Units and names left out: too long, or of too many topics without a value.
    pub facts_left_out: Number,
    /// Strips made.
    pub strips: Number,
    /// Times the ingest thread waited for a shard.
    pub waits: Number,
    /// Number of live, stale and dead topics.
    pub statuses: [Number; 3],
    /// Memory of the history, in bytes.
    pub history_bytes: Number,
    /// Updates that the history dropped because all topics together exceeded its byte limit.
    pub history_forgotten: Number,
    /// Memory of candles and rows, in bytes.
    pub long_history_bytes: Number,
    /// Records of candles and rows that were dropped because their memory was full.
    pub long_history_forgotten: Number,
    /// Updates that count in no candle and no row.
    pub long_history_left_out: Number,
}

/// A feed's counters, name and kind.
#[derive(Debug)]
pub struct FeedStats {
    /// Its name in the settings.
    pub name: String,
    /// Its kind, such as `mqtt`.
    pub kind: &'static str,
    /// Its counters.
    pub metrics: Arc<FeedMetrics>,
}

/// An output's counters, name and kind.
#[derive(Debug)]
pub struct OutputStats {
    /// Its name in the settings.
    pub name: String,
    /// Its kind, such as `mqtt`.
    pub kind: &'static str,
    /// Its counters.
    pub metrics: Arc<OutputMetrics>,
}

/// All counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Indexed by shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// Indexed by feed.
    pub feeds: Vec<FeedStats>,
    /// Indexed by output.
    pub outputs: Vec<OutputStats>,
    /// The counters of the ingest thread.
    pub ingest: IngestStats,
    /// Refused requests and connections.
    pub(crate) refused: RefusedStats,
    /// The log on disk. All are 0 if there is none.
    pub data: Arc<DataStats>,
    /// The node, if the server is one of a cluster.
    pub(crate) cluster: Option<Arc<ClusterStats>>,
    /// The audit.
    pub(crate) audit: Arc<AuditStats>,
    /// Handshakes of TLS and PROXY headers.
    pub(crate) handshakes: HandshakeStats,
    /// The certificates of listeners.
    pub(crate) certificates: Vec<Arc<CertificateStats>>,
    /// The long-lived tasks.
    pub tasks: Vec<Arc<TaskStats>>,
    /// Times that accept(2) failed, in all accept loops.
    pub accept_errors: Number,
    /// Log lines dropped, if the program counts them.
    pub log_dropped: OnceLock<Arc<Number>>,
}
