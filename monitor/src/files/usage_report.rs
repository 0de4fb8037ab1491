//! A report of memory, repaints and losses, written while the program runs: shows how it behaves
//! over a day.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;

/// The interval of the lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct UsageLine {
    /// Seconds since the program started.
    pub(crate) seconds: u64,
    /// Whether the window was visible.
    pub(crate) is_visible: bool,
    /// Memory of the program, as the system counts it; 0 where it is unknown.
    pub(crate) rss_bytes: u64,
    /// History held.
    pub(crate) history_bytes: usize,
    /// History that may be held.
    pub(crate) history_limit_bytes: usize,
    /// Updates on the tape, as far as seqs show.
    pub(crate) updates: u64,
    /// Updates received, by both kinds of subscription.
    pub(crate) received: u64,
    /// Updates that were subscribed and lost.
    pub(crate) lost: u64,
    /// Updates left out by the server.
    pub(crate) conflated: u64,
    /// Updates dropped by the monitor.
    pub(crate) dropped: u64,
    /// Updates hidden by derived topics of the same name.
    pub(crate) hidden: u64,
    /// Samples evicted to stay within the limit.
    pub(crate) evicted: u64,
    /// How often the connection waited for the window.
    pub(crate) held_back: u64,
    /// Repaints so far.
    pub(crate) repaints: u64,
    /// The longest gap between repaints since the last line, in milliseconds.
    pub(crate) longest_gap_ms: f64,
    /// The cost of a repaint, in milliseconds.
    pub(crate) repaint_ms: f64,
    /// The age of the newest update when updates were last applied, in milliseconds.
    pub(crate) newest_age_ms: Option<f64>,
}

/// The file and when its next line is due.
#[derive(Debug)]
pub(crate) struct UsageReport {
    file: File,
    begun: Instant,
    due: Instant,
}

impl UsageReport {
    /// Creates the file and replaces an older one.
    pub(crate) fn start(path: &Path, now: Instant) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            begun: now,
            due: now + INTERVAL,
        })
    }

    /// Whether a line is due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs()
    }

    /// Writes a line.
    pub(crate) fn write(&mut self, line: &UsageLine, now: Instant) -> io::Result<()> {
        self.due = now + INTERVAL;
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

/// Memory of this program that is in use, by Linux's /proc (proc_pid_status(5)).
pub(crate) fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The CPU time that this program has taken, by Linux's /proc (proc_pid_stat(5)).
pub(crate) fn cpu_time() -> Option<Duration> {
    /// Clock ticks per second, the same on all of Linux's architectures (time(7)).
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may contain anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let (user, system) = (ticks()?, ticks()?);
    Some(Duration::from_millis(
        (user + system) * 1_000 / TICKS_PER_SECOND,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_json_object_per_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.jsonl");
        let start = Instant::now();
        let mut report = UsageReport::start(&path, start).unwrap();
        assert!(!report.is_due(start));
        let now = start + INTERVAL;
        assert!(report.is_due(now));
        let line = UsageLine {
            seconds: report.seconds(now),
            is_visible: true,
            rss_bytes: rss_bytes().unwrap_or(0),
            history_bytes: 1,
            history_limit_bytes: 2,
            updates: 3,
            received: 3,
            lost: 0,
            conflated: 0,
            dropped: 0,
            hidden: 0,
            evicted: 0,
            held_back: 0,
            repaints: 4,
            longest_gap_ms: 41.5,
            repaint_ms: 2.5,
            newest_age_ms: None,
        };
        report.write(&line, now).unwrap();
        report.write(&line, now).unwrap();
        assert!(!report.is_due(now));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        let read: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(read["seconds"], 10);
        assert_eq!(read["longest_gap_ms"], 41.5);
    }
}
