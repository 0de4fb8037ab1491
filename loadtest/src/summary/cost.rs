//! What the load tester and the server spent.

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// Memory per connection is given from this number of subscribers on. With fewer, the growth of
/// everything else, such as the tape, is most of it.
pub const CONNECTION_BYTES_SUBSCRIBERS_MIN: usize = 1_000;

/// Whether the load tester itself was fast enough, in the steady phase.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generator {
    /// Share of a core that the publisher used.
    pub publisher_cpu: f64,
    /// Share of a core that each receiver thread used.
    pub receiver_cpu: Vec<f64>,
    /// Sent - max(due, ready): the publisher's own lateness.
    pub own_slip: Latency,
    /// Upper bound of the time that data waited for a receiver thread.
    pub lag: Latency,
    /// Time during which the publisher's socket took nothing.
    pub blocked_s: f64,
}

/// What the server spent in the steady phase, if its process could be observed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// The server's process.
    pub pid: Option<u32>,
    /// Cores that it used.
    pub cpu: Option<f64>,
    /// Share of its CPU time in user space.
    pub user_share: Option<f64>,
    /// CPU time per delivered update, in us.
    pub cpu_us_per_delivery: Option<f64>,
    /// Delivered updates per second of CPU time.
    pub deliveries_per_core_s: Option<f64>,
    /// Growth of the server's memory per subscriber while subscribers connected, in bytes.
    /// Meaningful only for a freshly started server, and given from
    /// [`CONNECTION_BYTES_SUBSCRIBERS_MIN`] on.
    pub connection_bytes: Option<f64>,
    /// The server's memory before the first subscriber, in bytes.
    pub rss_before_bytes: Option<u64>,
    /// The server's largest memory while publishing, in bytes.
    pub rss_max_bytes: Option<u64>,
    /// Bytes on the wire per delivered update, with all WebSocket headers.
    pub wire_bytes_per_update: f64,
}
