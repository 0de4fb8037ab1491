//! The numbers of a server, as plain atomics. [`prometheus`] names them when it is asked.

mod feed;
pub(crate) mod prometheus;

use std::sync::Arc;

use tickcast_core::stats::{Number, ShardStats};

pub use feed::{FeedMetrics, FeedState};

/// The numbers of the ingest thread.
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
    /// Topics that are live, stale and dead.
    pub statuses: [Number; 3],
    /// Memory of the history, in bytes.
    pub history_bytes: Number,
    /// Updates that the history forgot because all topics together had too many bytes.
    pub history_forgotten: Number,
}

/// A feed's numbers and what it is called.
#[derive(Debug)]
pub struct FeedStats {
    /// Its name in the settings.
    pub name: String,
    /// Its kind: `mqtt`, `simulated`, `replay`, `stdin`.
    pub kind: &'static str,
    /// Its numbers.
    pub metrics: Arc<FeedMetrics>,
}

/// All numbers of a server.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By shard.
    pub shards: Vec<Arc<ShardStats>>,
    /// By feed.
    pub feeds: Vec<FeedStats>,
    /// Of the ingest thread.
    pub ingest: IngestStats,
}
