//! What a program prints on standard error goes to the log, at a bounded rate.

use std::time::Duration;

use crate::log::limit::LogLimit;

/// Longest part of a line that is logged, in bytes: a sentence with a path. The rest is left out.
const LINE_MAX_BYTES: usize = 512;

/// Lines that are logged per window, at most: a traceback of Python fits.
const LOGGED_MAX: u32 = 32;

/// The line that is being read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    line: Vec<u8>,
    is_cut: bool,
    limit: LogLimit<LOGGED_MAX>,
}

impl Messages {
    /// Takes bytes, and logs each line that is complete. `now` is the time since any fixed point.
    pub(super) fn take(&mut self, feed: &str, bytes: &[u8], now: Duration) {
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = lines.next() {
            let room = LINE_MAX_BYTES - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            self.is_cut |= part.len() > room;
            if lines.peek().is_some() {
                self.end_line(feed, now);
            }
        }
    }

    /// Logs the rest at the end.
    pub(super) fn end_line(&mut self, feed: &str, now: Duration) {
        let line = String::from_utf8_lossy(&self.line);
        let line = line.trim_end();
        if !line.is_empty()
            && let Some(unlogged) = self.limit.allow(now)
        {
            let rest = if self.is_cut { "…" } else { "" };
            let line = format!("{line}{rest}");
            tracing::info!(feed, unlogged, line, "the program says");
        }
        self.line.clear();
        self.is_cut = false;
    }
}
