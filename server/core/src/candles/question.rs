//! A question about candles or rows.

use tickcast_protocol::message::{Interval, TimeNs};

/// A question about the candles or rows of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandlesQuestion {
    /// The length of the intervals.
    pub interval: Interval,
    /// Maximum number of intervals in the answer.
    pub limit: usize,
    /// Only intervals that begin at this time or later.
    pub from_ns: Option<TimeNs>,
    /// Only intervals that begin before this time.
    pub before_ns: Option<TimeNs>,
}
