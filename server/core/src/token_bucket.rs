//! A token bucket: tokens come back at a rate, up to a burst (ITU-T I.371 calls it a virtual
//! scheduling algorithm). All limits per second of one connection are made of it. It is our own
//! code because its time is passed in; a rate-limiting library brings a clock.

use std::time::Duration;

/// The tokens that are left; see the module. The rate and the burst are passed in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenBucket {
    left: f64,
    filled: Duration,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn full(burst: f64, uptime: Duration) -> Self {
        Self {
            left: burst,
            filled: uptime,
        }
    }

    /// The tokens at the uptime of the last [`fill`](Self::fill). Below 0 the client owes some.
    pub(crate) fn left(&self) -> f64 {
        self.left
    }

    /// The uptime of the last [`fill`](Self::fill).
    pub(crate) fn filled(&self) -> Duration {
        self.filled
    }

    /// Adds what has come back since the last call. Returns that number, also beyond the burst.
    pub(crate) fn fill(&mut self, per_s: f64, burst: f64, uptime: Duration) -> f64 {
        let gained = uptime.saturating_sub(self.filled).as_secs_f64() * per_s;
        self.left = (self.left + gained).min(burst);
        self.filled = self.filled.max(uptime);
        gained
    }

    /// Takes tokens, even if fewer are left.
    pub(crate) fn take(&mut self, tokens: f64) {
        self.left -= tokens;
    }
}
