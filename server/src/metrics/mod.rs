//! Metrics: the counters of the whole server, as plain atomics.
//!
//! The files in reading order:
//!
//! * this file: all counters in one place, by shard, by feed, and of the ingest thread
//! * `feed`: the counters and the state of one feed
//! * `task`: the failures and the state of one long-lived task
//! * [`prometheus`]: names, labels and text form; only this file names the metrics library
//!
//! The other rooms change the counters, and this room only reads them. The counters of a shard are
//! defined in `tickcast_core::stats`.

mod feed;
pub(crate) mod prometheus;
mod task;

use std::sync::{Arc, OnceLock};

use tickcast_core::stats::{Number, ShardStats};

pub use feed::{FeedMetrics, FeedState};
pub use task::TaskState;
pub(crate) use task::TaskStats;

/// The counters of the ingest thread.
#[derive(Debug, Default)]
pub struct IngestStats {
    /// The newest position on the tape.
    pub position: Number,
    /// Updates refused because there were too many topics.
    pub refused: Number,
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
}

/// A feed's counters, name and kind.
#[derive(Debug)]
pub struct FeedStats {
    /// Its name in the settings.
    pub name: String,
    /// Its kind: `mqtt`, `simulated`, `replay`, `stdin`.
    pub kind: &'static str,
    /// Its counters.
    pub metrics: Arc<FeedMetrics>,
}

/// All counters of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Indexed by shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// Indexed by feed.
    pub feeds: Vec<FeedStats>,
    /// The counters of the ingest thread.
    pub ingest: IngestStats,
    /// The long-lived tasks.
    pub tasks: Vec<Arc<TaskStats>>,
    /// The accept loops.
    pub accept: AcceptStats,
    /// Log lines dropped, if the program counts them.
    pub log_dropped: OnceLock<Arc<Number>>,
}

/// The counters of all accept loops.
#[derive(Debug, Default)]
pub struct AcceptStats {
    /// Connections answered with 503, or closed, because file descriptors were short.
    pub short_of_descriptors: Number,
    /// Times that accept(2) failed.
    pub errors: Number,
}
