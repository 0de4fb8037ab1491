//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use tickcast_protocol::message::TimeNs;

/// The time of this machine's clock.
pub fn clock_ns() -> TimeNs {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(_) => 0,
    }
}
