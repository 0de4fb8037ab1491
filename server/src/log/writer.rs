//! The thread that writes the lines, and the end at which they come in.

use std::{
    io::{self, ErrorKind, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tracing::Level;

use super::{format::LogFormat, json, queue::Queue};

/// Minimum time between two reports of dropped lines. They must not fill a disk on their own.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Pause before the next attempt if standard error is a full pipe that another process has made
/// non-blocking.
const FULL_PAUSE: Duration = Duration::from_millis(10);

/// Where the formatted lines go. Writing never fails.
#[derive(Debug)]
pub(super) struct Lines(pub(super) Arc<Queue>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread. It runs as long as the process: it may be blocked in a write for ever.
pub(super) fn start(
    queue: Arc<Queue>,
    to: impl Write + Send + 'static,
    format: LogFormat,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("tickcast-log".to_owned());
    thread.spawn(move || {
        let mut writer = Writer::new(queue, to, format);
        loop {
            writer.write_one(REPORT_EVERY);
        }
    })?;
    Ok(())
}

struct Writer<W> {
    queue: Arc<Queue>,
    to: W,
    format: LogFormat,
    /// Whether the last line was written in part.
    is_torn: bool,
    /// The number of dropped lines that were reported.
    reported: u64,
    reported_at: Option<Instant>,
}

impl<W: Write> Writer<W> {
    fn new(queue: Arc<Queue>, to: W, format: LogFormat) -> Self {
        Self {
            queue,
            to,
            format,
            is_torn: false,
            reported: 0,
            reported_at: None,
        }
    }

    /// Writes the next line, if one comes in time. Then reports dropped lines.
    fn write_one(&mut self, wait: Duration) {
        let mut works = true;
        if let Some(line) = self.queue.next(wait) {
            let result = self.write(&line);
            works = result.is_ok();
            self.queue.written(result);
        }
        let is_due = |at: Instant| at.elapsed() >= REPORT_EVERY;
        if works && self.reported_at.is_none_or(is_due) {
            self.report();
        }
    }

    /// Says how many lines are missing, as soon as lines can be written again.
    fn report(&mut self) {
        let dropped = self.queue.dropped().get();
        let missing = dropped - self.reported;
        if missing == 0 {
            return;
        }
        let text = format!("{missing} log lines were dropped: they could not be written in time");
        let line = match self.format {
            LogFormat::Text => format!("{:.6}  WARN {text}\n", Timestamp::now()),
            LogFormat::Json => {
                let fields = [("dropped", missing.into())].into();
                json::line(Level::WARN, module_path!(), &text, &fields)
            }
        };
        self.reported_at = Some(Instant::now());
        if self.write(line.as_bytes()).is_ok() {
            self.reported = dropped;
        }
    }

    fn write(&mut self, line: &[u8]) -> Result<(), ()> {
        if self.is_torn {
            self.write_part(b"\n")?;
            self.is_torn = false;
        }
        self.write_part(line)
    }

    fn write_part(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(written) if written > 0 => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => pause(),
                // The reason is not told: there is no place where it could be read.
                _ => {
                    self.is_torn |= rest.len() < bytes.len();
                    return Err(());
                }
            }
        }
        Ok(())
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this thread does nothing but write"
)]
fn pause() {
    thread::sleep(FULL_PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for a number of bytes.
    #[derive(Debug, Default)]
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fit = bytes.len().min(self.room);
            if fit == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= fit;
            self.written.extend_from_slice(&bytes[..fit]);
            Ok(fit)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_reported_when_there_is_room_again() {
        let queue = Arc::new(Queue::default());
        let disk = Disk {
            room: 13,
            ..Disk::default()
        };
        let mut writer = Writer::new(Arc::clone(&queue), disk, LogFormat::Text);
        for line in ["the first\n", "the second\n", "the third\n"] {
            Lines(Arc::clone(&queue))
                .write_all(line.as_bytes())
                .unwrap();
            writer.write_one(Duration::ZERO);
        }
        assert_eq!(queue.dropped().get(), 2);
        writer.to.room = 1 << 20;
        writer.reported_at = None;
        queue.push(b"the fourth\n");
        writer.write_one(Duration::ZERO);
        let text = String::from_utf8(writer.to.written.clone()).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..3], ["the first", "the", "the fourth"]);
        assert!(
            lines[3].contains(" WARN 2 log lines were dropped"),
            "{text}"
        );
        assert_eq!(lines.len(), 4);
        // They are reported once.
        writer.reported_at = None;
        writer.write_one(Duration::ZERO);
        assert_eq!(writer.to.written.len(), text.len());
    }
    #[test]
    fn in_a_log_of_json_dropped_lines_are_reported_in_json() {
        let queue = Arc::new(Queue::default());
        let mut writer = Writer::new(Arc::clone(&queue), Disk::default(), LogFormat::Json);
        queue.push(b"{}\n");
        writer.write_one(Duration::ZERO);
        writer.to.room = 1 << 20;
        writer.write_one(Duration::ZERO);
        let line: serde_json::Value = serde_json::from_slice(&writer.to.written).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["target"], "tickcast_server::log::writer");
        assert_eq!(line["fields"]["dropped"], 1);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("1 log lines were dropped"), "{message}");
    }
}
