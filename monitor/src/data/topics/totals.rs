//! Sums over all topics.

/// Sums over all topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpdateTotals {
    /// Updates received, by both kinds of subscription.
    pub received: u64,
    /// Updates on the tape as far as seqs show: received or left out.
    pub updates: u64,
    /// See [`MissingUpdates::lost`].
    pub lost: u64,
    /// See [`MissingUpdates::gaps`].
    pub gaps: u64,
    /// How often the server was restarted; losses at a restart are unknown.
    pub restarts: u64,
    /// See [`MissingUpdates::conflated`].
    pub conflated: u64,
    /// Updates dropped because there are too many topics.
    pub dropped: u64,
    /// Updates of topics of the server that have the name of a derived topic, which is shown
    /// instead.
    pub hidden: u64,
    /// Samples evicted to stay within the memory limit.
    pub evicted: u64,
}
