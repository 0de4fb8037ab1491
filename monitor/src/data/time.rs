//! Units of time in nanoseconds.

/// Nanoseconds of a microsecond.
pub(crate) const US: i64 = 1_000;
/// Nanoseconds of a millisecond.
pub(crate) const MS: i64 = 1_000_000;
/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds of an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;
