//! A clock that is set back.

use std::time::Duration;

/// How far the clock may be set back without consequences for what is kept: until it has caught up,
/// updates count into the last second, which is marked. If it is set back further, the intervals
/// after it are forgotten, because they were in the future: otherwise a clock that was wrong by a
/// year would stop all candles for a year.
pub const CLOCK_BACK_MAX: Duration = Duration::from_mins(1);
