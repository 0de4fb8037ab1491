//! The bounds of derived topics.

use crate::data::time::{DAY, MS};

/// The most derived topics: each reads every update of its sources.
pub(super) const DERIVED_MAX: usize = 32;

/// The most sources of one derived topic.
pub(super) const SOURCES_MAX: usize = 8;

/// The shortest and the longest window.
pub(super) const WINDOW_RANGE: std::ops::RangeInclusive<i64> = 100 * MS..=DAY;

/// The least and the greatest number of updates of a window. More would take more memory than the
/// history of most topics.
pub(super) const COUNT_RANGE: std::ops::RangeInclusive<u32> = 2..=100_000;

/// The longest formula, in bytes.
pub(super) const TEXT_MAX_BYTES: usize = 1024;

/// The most brackets within each other.
pub(super) const DEPTH_MAX: usize = 32;
