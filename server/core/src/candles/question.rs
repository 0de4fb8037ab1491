//! A question about candles or rows.

use std::ops::Range;

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

impl CandlesQuestion {
    /// The numbers of the intervals that may be in the answer. Times their length in `ratio` parts,
    /// none is too large.
    pub(super) fn wanted(&self, ratio: i64) -> Range<i64> {
        let nanos = self.interval.nanos();
        // The first interval that begins at a time or after it.
        let first_at =
            |time: TimeNs| time.div_euclid(nanos) + i64::from(time.rem_euclid(nanos) > 0);
        let from = self.from_ns.map_or(i64::MIN / ratio, first_at);
        let before = self.before_ns.map_or(i64::MAX / ratio, first_at);
        from..before
    }
}
