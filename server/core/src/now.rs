//! The time, as the core is told it.

use std::time::Duration;

use tickcast_protocol::message::TimeNs;

/// One moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the server started; never goes back.
    pub uptime: Duration,
    /// Wall clock, ns since the Unix epoch.
    pub wall_ns: TimeNs,
}
