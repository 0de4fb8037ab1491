//! The thread that writes the lines, and the file with its bound.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Receiver},
    time::Instant,
};

use super::{
    line::Line,
    waiting::{AuditStats, Item, encode},
};
use crate::log::limit::LogLimit;

/// Most lines that are written together.
const TOGETHER_MAX: usize = 1_000;

/// Writes lines until the server ends.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    stats: Arc<AuditStats>,
    /// Whether the file may end within a line.
    is_torn: bool,
    /// Dropped lines that the file has told of.
    told: u64,
    log_limit: LogLimit<1>,
    start: Instant,
}

impl Writer {
    /// Opens the file, and goes on at its end.
    pub(super) fn open(path: &Path, max_bytes: u64, stats: Arc<AuditStats>) -> io::Result<Self> {
        let (file, bytes) = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            max_bytes,
            stats,
            is_torn: false,
            told: 0,
            log_limit: LogLimit::default(),
            start: Instant::now(),
        })
    }

    /// Runs until the audit ends.
    pub(super) fn run(mut self, items: &Receiver<Item>) {
        let mut text = Vec::new();
        let mut is_over = false;
        while !is_over && let Ok(first) = items.recv() {
            let more = std::iter::from_fn(|| items.try_recv().ok());
            let mut lines = 0;
            for item in std::iter::once(first).chain(more.take(TOGETHER_MAX)) {
                match item {
                    Item::Line(line) => {
                        text.extend_from_slice(&line);
                        lines += 1;
                    }
                    Item::End => is_over = true,
                }
            }
            self.tell_dropped(&mut text);
            self.write(&text, lines);
            text.clear();
        }
        if let Err(error) = self.file.sync_all() {
            self.complain(&error);
        }
    }

    fn tell_dropped(&mut self, text: &mut Vec<u8>) {
        let dropped = self.stats.dropped.get();
        if dropped > self.told {
            let lines = dropped - self.told;
            text.append(&mut encode(&Line::Dropped { lines }));
            self.told = dropped;
        }
    }

    fn write(&mut self, text: &[u8], lines: u64) {
        let is_full = self.bytes + text.len() as u64 > self.max_bytes && self.bytes > 0;
        if is_full && let Err(error) = self.rotate() {
            self.complain(&error);
        }
        let end_line: &[u8] = if self.is_torn { b"\n" } else { b"" };
        let mut written = self.file.write_all(end_line);
        if written.is_ok() {
            written = self.file.write_all(text);
        }
        self.is_torn = written.is_err();
        match written {
            Ok(()) => {
                self.bytes += text.len() as u64;
                self.stats.lines.add(lines);
            }
            Err(error) => {
                self.stats.dropped.add(lines);
                self.complain(&error);
            }
        }
    }

    /// The full file becomes the one before, and a new one begins.
    fn rotate(&mut self) -> io::Result<()> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".1");
        let before = PathBuf::from(name);
        let replaced_bytes = fs::metadata(&before).map_or(0, |old| old.len());
        self.file.sync_all()?;
        fs::rename(&self.path, &before)?;
        (self.file, self.bytes) = open(&self.path)?;
        let line = encode(&Line::Rotated { replaced_bytes });
        self.file.write_all(&line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn complain(&mut self, error: &io::Error) {
        let path = self.path.display();
        if self.log_limit.allow(self.start.elapsed()).is_some() {
            tracing::error!(%error, "cannot write the audit to {path}: its lines are dropped");
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // Only the owner may learn what clients read.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}
