//! The system's clocks, which are read here and passed to the core.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tickcast_core::Now;
use tickcast_protocol::message::TimeNs;
use tokio::time;

/// Reads the system's clocks. The uptime is by the runtime's clock, which tests can pause.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose uptime starts at 0 now.
    pub fn start() -> Self {
        Self {
            start: time::Instant::now().into_std(),
        }
    }

    /// The current moment.
    pub fn now(&self) -> Now {
        Now {
            uptime: time::Instant::now().into_std() - self.start,
            wall_ns: wall_ns(),
        }
    }

    /// The instant at which the uptime equals `uptime`, in the past or the future.
    pub fn instant(&self, uptime: Duration) -> Instant {
        self.start + uptime
    }
}

/// The wall clock, in ns since the Unix epoch.
pub(crate) fn wall_ns() -> TimeNs {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |time| {
        TimeNs::try_from(time.as_nanos()).unwrap_or(TimeNs::MAX)
    })
}
