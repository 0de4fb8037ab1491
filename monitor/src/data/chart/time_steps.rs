//! Round stretches of time.

use crate::data::time::{DAY, HOUR, MINUTE, MS, SECOND};

/// Round steps of time.
const TIME_STEPS: [i64; 36] = [
    1_000,
    10_000,
    100_000,
    MS,
    2 * MS,
    5 * MS,
    10 * MS,
    20 * MS,
    50 * MS,
    100 * MS,
    200 * MS,
    500 * MS,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
];

/// The shortest round interval of at least `at_least_ns`, or the longest one there is.
pub(crate) fn round_interval(at_least_ns: i64) -> i64 {
    let found = TIME_STEPS.into_iter().find(|&step| step >= at_least_ns);
    found.unwrap_or(TIME_STEPS[TIME_STEPS.len() - 1])
}
