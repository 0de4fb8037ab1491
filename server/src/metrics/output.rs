//! The counters of an output.

use tickcast_core::stats::Number;

/// Counters of one output since the start, which any thread may read.
#[derive(Debug, Default)]
pub struct OutputMetrics {
    /// 1 while it is connected.
    pub connected: Number,
    /// Topics whose values it sends.
    pub topics: Number,
    /// Values sent.
    pub sent: Number,
    /// Bytes of payloads or requests sent.
    pub bytes: Number,
    /// Values replaced by newer ones before they were sent.
    pub conflated: Number,
    /// Values that have no place or no form at the target, or went with a request that failed.
    pub dropped: Number,
    /// Values that are too long.
    pub too_long: Number,
    /// Messages and requests that the target has refused.
    pub refused: Number,
    /// Updates that wait in the queue.
    pub waiting: Number,
    /// Updates that found no room in the queue, or were left in it at the end.
    pub lost: Number,
    /// Topics above the limit.
    pub left_out: Number,
    /// Connections that replaced a lost one.
    pub reconnects: Number,
    /// 1 if the target's certificate is not verified, as a setting says.
    pub tls_unverified: Number,
}
