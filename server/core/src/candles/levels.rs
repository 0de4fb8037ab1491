//! Which intervals are stored. All others are made of them.

use std::time::Duration;

use tickcast_protocol::message::{Interval, TimeNs};

/// Number of stored levels.
pub(super) const LEVELS: usize = 4;

/// The intervals that are stored, the finest first. At most 16 records of a level make an interval
/// that is asked for.
pub(super) const STORED: [Interval; LEVELS] = [
    Interval::Second,
    Interval::Minute,
    Interval::Minutes15,
    Interval::Hours4,
];

/// For how long the records of each level are kept, in relation to the other levels: where memory
/// is short, the level that is furthest above its share forgets. A thousand busy topics take about
/// 170 MiB for exactly these times.
pub(super) const SHARES: [Duration; LEVELS] = [
    Duration::from_hours(1),
    Duration::from_hours(2 * 24),
    Duration::from_hours(30 * 24),
    Duration::from_hours(365 * 24),
];

/// A block spans at most this part of the share of its level. A block is forgotten as a whole, and
/// that of a quiet topic would otherwise hold nearly all of its records.
const BLOCK_SPAN_PART: i64 = 8;

/// The length of the intervals of a level.
pub(super) const fn nanos(level: usize) -> i64 {
    STORED[level].nanos()
}

/// The number of intervals of a level in one of the next.
pub(super) const fn per_next(level: usize) -> i64 {
    nanos(level + 1) / nanos(level)
}

/// The largest number of intervals from the first one of a block to its last one.
pub(super) const fn block_span(level: usize) -> i64 {
    SHARES[level].as_nanos() as i64 / nanos(level) / BLOCK_SPAN_PART
}

/// The number of the interval of a level that a time is in. Number 0 begins in 1970.
pub(super) fn index(level: usize, time: TimeNs) -> i64 {
    time.div_euclid(nanos(level))
}

/// The level of which an interval is made, and the number of its records that make one.
pub(super) fn source(interval: Interval) -> (usize, i64) {
    let is_source = |level: &usize| interval.nanos() % nanos(*level) == 0;
    // Every interval is made of seconds.
    let level = (0..LEVELS).rev().find(is_source).unwrap_or(0);
    (level, interval.nanos() / nanos(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_is_made_of_at_most_16_records() {
        for (level, interval) in STORED.into_iter().enumerate() {
            assert_eq!(interval.nanos(), nanos(level));
            assert_eq!(source(interval), (level, 1));
        }
        let made = Interval::ALL.map(source);
        let expected = [
            (0, 1),
            (0, 5),
            (0, 15),
            (1, 1),
            (1, 5),
            (2, 1),
            (2, 4),
            (3, 1),
            (3, 6),
        ];
        assert_eq!(made, expected);
        assert_eq!([per_next(0), per_next(1), per_next(2)], [60, 15, 16]);
    }
}
