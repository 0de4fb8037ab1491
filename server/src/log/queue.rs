//! The lines that wait to be written.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tickcast_core::stats::Number;

/// Maximum number of lines that wait: some seconds at level `debug` with thousands of clients.
pub(super) const WAITING_MAX_LINES: usize = 8192;

/// Maximum bytes of lines that wait, because a line may hold a part of a client's message.
pub(super) const WAITING_MAX_BYTES: usize = 2 * 1024 * 1024;

/// Maximum time for the last lines when the process ends: a disk takes them in milliseconds, and a
/// pipe without a reader must not hold the process.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// A bounded queue of lines. A line that does not fit is dropped and counted.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// A line has come.
    new: Condvar,
    /// All lines are written or dropped.
    idle: Condvar,
    dropped: Arc<Number>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    is_writing: bool,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No code under this lock can leave the queue half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line. Returns at once.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        let is_full = waiting.lines.len() >= WAITING_MAX_LINES
            || waiting.bytes + line.len() > WAITING_MAX_BYTES;
        if is_full {
            drop(waiting);
            self.dropped.add(1);
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.into());
        drop(waiting);
        self.new.notify_one();
    }

    /// Waits for a line. It must be followed by [`written`](Self::written). `None` after `wait`.
    pub(super) fn next(&self, wait: Duration) -> Option<Box<[u8]>> {
        let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
        let waited = self.new.wait_timeout_while(self.waiting(), wait, is_empty);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let line = waiting.lines.pop_front()?;
        waiting.bytes -= line.len();
        waiting.is_writing = true;
        Some(line)
    }

    /// The line is written, or could not be.
    pub(super) fn written(&self, result: Result<(), ()>) {
        if result.is_err() {
            self.dropped.add(1);
        }
        let mut waiting = self.waiting();
        waiting.is_writing = false;
        if waiting.lines.is_empty() {
            self.idle.notify_all();
        }
    }

    /// The number of lines dropped so far.
    pub(super) fn dropped(&self) -> Arc<Number> {
        Arc::clone(&self.dropped)
    }

    /// Waits until no line waits, up to [`FLUSH_MAX`].
    pub(super) fn flush(&self) {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        // A line that is not written in time is lost with the process.
        let _ = self
            .idle
            .wait_timeout_while(self.waiting(), FLUSH_MAX, is_busy);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn lines_and_their_bytes_are_bounded_and_those_that_do_not_fit_are_counted() {
        let queue = Queue::default();
        for _ in 0..WAITING_MAX_LINES + 3 {
            queue.push(b"a\n");
        }
        assert_eq!(queue.dropped().get(), 3);
        let queue = Queue::default();
        for _ in 0..3 {
            queue.push(&vec![b'a'; WAITING_MAX_BYTES / 2]);
        }
        assert_eq!(queue.dropped().get(), 1);
        assert!(queue.next(Duration::ZERO).is_some());
        queue.push(b"there is room again\n");
        assert_eq!(queue.dropped().get(), 1);
    }

    #[test]
    fn a_flush_ends_in_time_although_nothing_is_written() {
        let queue = Queue::default();
        queue.push(b"a\n");
        let start = Instant::now();
        queue.flush();
        assert!(start.elapsed() >= FLUSH_MAX);
        assert!(queue.next(Duration::ZERO).is_some());
        queue.written(Ok(()));
        let start = Instant::now();
        queue.flush();
        assert!(start.elapsed() < FLUSH_MAX, "there is nothing to wait for");
    }
}
