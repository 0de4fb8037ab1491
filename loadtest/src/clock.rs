//! The run's clock: one for publisher and receivers, because they are one process.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The wall clock at the start, monotonic from then on: nothing can set it while a run
    /// compares its own times with each other.
    Monotonic {
        /// When it was started.
        started: Instant,
        /// The wall clock then.
        started_ns: i64,
    },
    /// The wall clock, as it may be corrected: what a server on the same machine stamps with.
    Wall,
}

impl Clock {
    /// A monotonic clock that starts now.
    pub fn monotonic() -> Self {
        Self::Monotonic {
            started: Instant::now(),
            started_ns: wall_ns(),
        }
    }

    /// The time.
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
