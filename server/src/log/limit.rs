//! A limit for lines that a source can cause at will, such as a broken sensor or a stranger: they
//! must not fill the disk. The time is passed in.

use std::time::Duration;

/// At most `LINES` lines per window; see the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogLimit<const LINES: u32> {
    /// When the first line of the window was logged.
    window_start: Option<Duration>,
    logged: u32,
    unlogged: u64,
}

/// The window of every limit.
pub(crate) const LOG_WINDOW: Duration = Duration::from_secs(10);

impl<const LINES: u32> LogLimit<LINES> {
    /// Takes note of one occasion at `now`, the time since any fixed point. Returns `None` if the
    /// limit is reached; otherwise the number of occasions left out since the last line.
    pub(crate) fn allow(&mut self, now: Duration) -> Option<u64> {
        let is_over = |start| now.saturating_sub(start) >= LOG_WINDOW;
        if self.window_start.is_none_or(is_over) {
            self.window_start = Some(now);
            self.logged = 0;
        }
        if self.logged == LINES {
            self.unlogged += 1;
            return None;
        }
        self.logged += 1;
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_messages_are_limited_and_report_the_number_left_out() {
        const LOGGED_MAX: u32 = 5;

        let mut log_limit = LogLimit::<LOGGED_MAX>::default();
        let start = Duration::from_secs(7);
        for _ in 0..LOGGED_MAX {
            assert_eq!(log_limit.allow(start), Some(0));
        }
        for _ in 0..100 {
            assert_eq!(log_limit.allow(start + LOG_WINDOW / 2), None);
        }
        assert_eq!(log_limit.allow(start + LOG_WINDOW), Some(100));
        assert_eq!(log_limit.allow(start + LOG_WINDOW), Some(0));
    }
}
