//! Which intervals are asked for.

use tickcast_protocol::message::Interval;

/// The lengths that the server stores: each reaches further back than the ones before it.
const LEVELS: [Interval; 4] = [
    Interval::Second,
    Interval::Minute,
    Interval::Minutes15,
    Interval::Hours4,
];

/// The longest interval of the server that intervals of this length are made of; `None` if it has
/// none.
pub(crate) fn source_of(interval_ns: i64) -> Option<Interval> {
    let divides = |interval: &Interval| interval_ns > 0 && interval_ns % interval.nanos() == 0;
    Interval::ALL.into_iter().rev().find(divides)
}

/// The interval of rows, one of which takes `least_ns` or more: the shortest that does.
pub(crate) fn row_interval(least_ns: i64) -> Interval {
    let mut all = Interval::ALL.into_iter();
    let found = all.find(|interval| interval.nanos() >= least_ns);
    found.unwrap_or(Interval::Day)
}

/// The interval that reaches further back than this one, if there is any.
pub(crate) fn next_level(interval: Interval) -> Option<Interval> {
    LEVELS.into_iter().find(|level| *level > interval)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::time::{DAY, MINUTE, SECOND};

    #[test]
    fn intervals_are_made_of_the_longest_ones_that_divide_them() {
        for (length, expected) in [
            (SECOND / 2, None),
            (SECOND, Some(Interval::Second)),
            (2 * SECOND, Some(Interval::Second)),
            (10 * SECOND, Some(Interval::Seconds5)),
            (10 * MINUTE, Some(Interval::Minutes5)),
            (7 * DAY, Some(Interval::Day)),
        ] {
            assert_eq!(source_of(length), expected, "{length}");
        }
        assert_eq!(row_interval(1), Interval::Second);
        assert_eq!(row_interval(6 * SECOND), Interval::Seconds15);
        assert_eq!(row_interval(900 * DAY), Interval::Day);
        assert_eq!(next_level(Interval::Seconds5), Some(Interval::Minute));
        assert_eq!(next_level(Interval::Hours4), None);
    }
}
