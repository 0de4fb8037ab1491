//! Several recordings as one, in the order of their recorded times.

use std::{cmp::Reverse, collections::BinaryHeap, collections::VecDeque, path::PathBuf};

use tickcast_protocol::message::TimeNs;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::{
    order::{Disorder, OrderedChunk, OrderedRecording, WINDOW_UPDATES},
    row::Row,
};
use crate::feed::handover::Handover;

/// Open recordings. Each has at most three chunks of rows in memory.
pub(super) struct Merge {
    files: Vec<OpenFile>,
    /// The time of the next row of each file but the current one.
    next: BinaryHeap<Reverse<(TimeNs, usize)>>,
    /// The file whose next row may be the earliest of all.
    current: Option<usize>,
    handover: Handover,
}

/// A file, read ahead of what is played.
struct OpenFile {
    path: PathBuf,
    rows: VecDeque<Row>,
    reading: Option<Reading>,
    disorder: Disorder,
    /// The greatest time played, and the updates that came after it with an earlier one.
    played_ns: TimeNs,
    late: u64,
    /// Number of rows read.
    read: u64,
}

type Reading = JoinHandle<(OrderedRecording, OrderedChunk)>;

impl Merge {
    /// Starts reading.
    pub(super) async fn new(
        recordings: Vec<(PathBuf, OrderedRecording)>,
        handover: Handover,
    ) -> Self {
        let files = recordings.into_iter().map(|(path, recording)| OpenFile {
            path,
            rows: VecDeque::new(),
            reading: Some(read_chunk(recording)),
            disorder: Disorder::default(),
            played_ns: TimeNs::MIN,
            late: 0,
            read: 0,
        });
        let mut merge = Self {
            files: files.collect(),
            next: BinaryHeap::new(),
            current: None,
            handover,
        };
        for index in 0..merge.files.len() {
            if let Some(time_ns) = merge.refill(index).await {
                merge.next.push(Reverse((time_ns, index)));
            }
        }
        merge
    }

    /// The path of a file.
    pub(super) fn path(&self, file: usize) -> &PathBuf {
        &self.files[file].path
    }

    /// The next row, and the index of its file; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<(usize, Row)> {
        if let Some(current) = self.current.take()
            && let Some(time_ns) = self.refill(current).await
        {
            match self.next.peek() {
                Some(Reverse(other)) if *other < (time_ns, current) => {
                    self.next.push(Reverse((time_ns, current)));
                }
                _ => self.current = Some(current),
            }
        }
        let index = match self.current {
            Some(index) => index,
            None => self.next.pop()?.0.1,
        };
        self.current = Some(index);
        let file = &mut self.files[index];
        let row = file.rows.pop_front()?;
        file.late += u64::from(row.time_ns < file.played_ns);
        file.played_ns = file.played_ns.max(row.time_ns);
        Some((index, row))
    }

    /// The time of the next row of a file, which is read if necessary; `None` at its end.
    async fn refill(&mut self, index: usize) -> Option<TimeNs> {
        loop {
            let file = &mut self.files[index];
            if let Some(row) = file.rows.front() {
                return Some(row.time_ns);
            }
            let reading = file.reading.as_mut()?;
            let (recording, chunk) = unless_panicked(reading.await);
            // The next rows are read while these are played.
            file.reading = (!chunk.is_last).then(|| read_chunk(recording));
            self.report(index, &chunk);
            self.files[index].rows = chunk.rows;
            if chunk.is_last {
                self.report_disorder(index);
            }
        }
    }

    fn report(&mut self, index: usize, chunk: &OrderedChunk) {
        let file = &mut self.files[index];
        file.read += chunk.rows.iter().filter(|row| !row.is_further).count() as u64;
        file.disorder.join(chunk.disorder);
        let metrics = self.handover.metrics();
        metrics.disordered.add(chunk.disorder.updates);
        metrics.passed_over.add(chunk.passed_over);
        metrics.silent.add(chunk.passed_over);
        metrics.received.add(chunk.passed_over);
        for bad in &chunk.bad_rows {
            let origin = format!("{}, line {}", file.path.display(), bad.line);
            if bad.is_whole {
                self.handover.count_received(1);
                self.handover.undecodable(&origin, &bad.reason);
            } else {
                self.handover.unreadable(&origin, &bad.reason);
            }
            if bad.is_end {
                tracing::error!(
                    feed = self.handover.name(), path = %file.path.display(), line = bad.line,
                    rows = file.read, reason = bad.reason,
                    "the rest of the file cannot be read; the rows before it are replayed"
                );
            }
        }
    }

    /// Tells at the end of a file that its rows were out of order.
    fn report_disorder(&self, index: usize) {
        let file = &self.files[index];
        let Disorder {
            updates,
            first_line,
            greatest_ns,
        } = file.disorder;
        if updates > 0 {
            tracing::warn!(
                feed = self.handover.name(), path = %file.path.display(), updates, first_line,
                step_back = span_text(greatest_ns), window = WINDOW_UPDATES, late = file.late,
                "rows were out of order; they are replayed in order, except those that were \
                 displaced by more than the window (late)"
            );
        }
    }
}

/// Reads on a thread that may block.
fn read_chunk(mut recording: OrderedRecording) -> Reading {
    spawn_blocking(move || {
        let chunk = recording.read_chunk();
        (recording, chunk)
    })
}

/// A task that was not aborted ends with a result, or with a panic, which is resumed here.
pub(super) fn unless_panicked<T>(result: Result<T, JoinError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A length of recorded time for people.
pub(super) fn span_text(ns: TimeNs) -> String {
    const DAY_NS: f64 = 86_400e9;
    let days = ns as f64 / DAY_NS;
    match days >= 2.0 {
        true => format!("{days:.1} days"),
        false => format!("{:#}", jiff::SignedDuration::from_nanos(ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_told_in_days_or_shorter_units() {
        assert_eq!(span_text(26 * 86_400_000_000_000), "26.0 days");
        assert_eq!(span_text(5_000_000_000), "5s");
    }
}
