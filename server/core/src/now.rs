//! The time, as callers pass it to the core.

use std::time::Duration;

use tickcast_protocol::message::TimeNs;

/// One moment, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the server started. Never goes back.
    pub uptime: Duration,
    /// Wall clock, in ns since the Unix epoch.
    pub wall_ns: TimeNs,
}
