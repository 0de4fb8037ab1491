//! The counters of a node of a cluster.

use std::sync::{Mutex, PoisonError};

use tickcast_core::stats::Number;

/// The counters of a node, and what it tells operators of the cluster.
#[derive(Debug, Default)]
pub(crate) struct ClusterStats {
    /// 1 while a server of the stream is reached.
    pub connected: Number,
    /// 1 while the node is a member.
    pub member: Number,
    /// Number of members.
    pub members: Number,
    /// Number of feeds that this node runs.
    pub feeds: Number,
    /// The sequence of the last message that was read.
    pub sequence: Number,
    /// Messages of the stream that are not read yet.
    pub pending: Number,
    /// Updates that are not known to be in the stream.
    pub waiting: Number,
    /// Times that the node was taken for dead by others.
    pub expelled: Number,
    /// Updates of feeds dropped then, because another node has the feeds, or at the end.
    pub dropped: Number,
    /// Updates of feeds, of any node, that did not count because another node had the feed.
    pub fenced: Number,
    /// Updates that were too long for a message of the stream.
    pub too_long: Number,
    /// Messages of nodes that have read another stream or have made something else of it.
    pub disagreements: Number,
    /// Times that the reading of the stream began again.
    pub reader_restarts: Number,
    /// Orders of operators, at any node, that were read in the stream.
    pub orders: Number,
    /// Those that could not be carried out at this node.
    pub orders_failed: Number,
    /// Checkpoints that this node has kept.
    pub checkpoints: Number,
    /// Checkpoints that could not be kept.
    pub checkpoint_failures: Number,
    told: Mutex<String>,
}

impl ClusterStats {
    /// What operators are told, as JSON.
    pub(crate) fn told(&self) -> String {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets what operators are told.
    pub(crate) fn tell(&self, text: String) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }
}
