//! What the program costs and what it missed, written to a file while it runs: for whoever wants to
//! know how it does over a day.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;

/// A line is written so often.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Since the program began.
    pub seconds: u64,
    /// Whether the window could be seen.
    pub is_visible: bool,
    /// Memory of the program, as the system counts it; 0 where it does not say.
    pub rss_bytes: u64,
    /// History held.
    pub history_bytes: usize,
    /// History that may be held.
    pub history_limit_bytes: usize,
    /// Updates that came here.
    pub received: u64,
    /// Updates that were asked for and did not come.
    pub lost: u64,
    /// Updates left out by the server.
    pub conflated: u64,
    /// Updates dropped here.
    pub dropped: u64,
    /// Samples forgotten to stay within the limit.
    pub evicted: u64,
    /// How often the connection had to wait for the window.
    pub held_back: u64,
    /// Repaints so far.
    pub repaints: u64,
    /// The longest gap between repaints since the last line, in milliseconds.
    pub longest_gap_ms: f64,
    /// What a repaint costs, in milliseconds.
    pub repaint_ms: f64,
    /// How old the newest update was when it was last taken in, in milliseconds.
    pub newest_age_ms: Option<f64>,
}

/// The file and when its next line is due.
#[derive(Debug)]
pub struct Report {
    file: File,
    begun: Instant,
    due: Instant,
}

impl Report {
    /// Begins a file, in place of an older one.
    pub fn start(path: &Path, now: Instant) -> io::Result<Self> {
        Ok(Self {
            file: File::create(path)?,
            begun: now,
            due: now + INTERVAL,
        })
    }

    /// Whether it is time for a line.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.due
    }

    /// Seconds since the beginning.
    pub fn seconds(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs()
    }

    /// Writes a line.
    pub fn write(&mut self, line: &Line, now: Instant) -> io::Result<()> {
        self.due = now + INTERVAL;
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)
    }
}

/// Memory of this program that is in use, by Linux's /proc (proc_pid_status(5)).
pub fn rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_json_object_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.jsonl");
        let start = Instant::now();
        let mut report = Report::start(&path, start).unwrap();
        assert!(!report.is_due(start));
        let now = start + INTERVAL;
        assert!(report.is_due(now));
        let line = Line {
            seconds: report.seconds(now),
            is_visible: true,
            rss_bytes: rss_bytes().unwrap_or(0),
            history_bytes: 1,
            history_limit_bytes: 2,
            received: 3,
            lost: 0,
            conflated: 0,
            dropped: 0,
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
