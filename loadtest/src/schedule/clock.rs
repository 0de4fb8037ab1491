//! The run's clock. Publisher and receivers share it, because they are one process.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub enum RunClock {
    /// The wall clock at the start, monotonic from then on, so that a correction of the wall clock
    /// cannot change the differences between a run's own times.
    Monotonic {
        /// When this clock was started.
        started: Instant,
        /// The wall clock at that moment.
        started_ns: i64,
    },
    /// The wall clock, with its corrections. A server on the same machine stamps with it.
    Wall,
}

impl RunClock {
    /// A monotonic clock that starts now.
    pub fn monotonic() -> Self {
        Self::Monotonic {
            started: Instant::now(),
            started_ns: wall_ns(),
        }
    }

    /// The current time.
    pub fn now_ns(&self) -> i64 {
        match self {
            Self::Monotonic {
                started,
                started_ns,
            } => started_ns + started.elapsed().as_nanos() as i64,
            Self::Wall => wall_ns(),
        }
    }
}

/// An i64 of nanoseconds lasts until the year 2262.
fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i64)
}
