//! How much of the log is read for an answer about candles or rows.

use std::time::Duration;

/// Time after which an answer ends if it has whole intervals: a chart shall show something at once,
/// and its client asks for the next page. Some 30 MiB are read in this time.
const ENOUGH: Duration = Duration::from_millis(30);

/// Parts after which an answer ends without any interval: 64 MiB of a topic that has no numbers
/// there, a fifth of a second.
const EMPTY_PARTS_MAX: usize = 64;

/// Parts that are read for one answer, at most: 1 GiB, a few seconds. Where an interval takes more,
/// it is incomplete.
const PARTS_MAX: usize = 1_024;

/// What an answer may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) enough: Duration,
    pub(crate) empty_parts_max: usize,
    pub(crate) parts_max: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            enough: ENOUGH,
            empty_parts_max: EMPTY_PARTS_MAX,
            parts_max: PARTS_MAX,
        }
    }
}
