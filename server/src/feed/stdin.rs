//! The standard input feed: each line is an update, so that any program can be piped in.

use std::{
    io::{self, BufRead, BufReader, Stdin},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use super::{
    FeedState,
    handover::Handover,
    lines::{LINE_MAX_BYTES, LineReader},
};
use crate::{feed::decode::Decoder, ingest::Ended};

/// The feed. The lines are kept here, so that a failure loses at most the one that it failed at.
pub(super) struct StdinFeed<R = BufReader<Stdin>> {
    handover: Handover,
    input: Arc<Mutex<Input<R>>>,
    /// Receives the end of the thread that reads now.
    reading: Option<oneshot::Receiver<Result<(), Ended>>>,
}

impl StdinFeed {
    pub(super) fn new(decoder: Decoder, handover: Handover) -> Self {
        let reader = BufReader::with_capacity(LINE_MAX_BYTES, io::stdin());
        Self::of(reader, decoder, handover)
    }
}

impl<R: BufRead + Send + 'static> StdinFeed<R> {
    fn of(reader: R, decoder: Decoder, handover: Handover) -> Self {
        let lines = LineReader::new(decoder, handover.clone());
        Self {
            handover,
            input: Arc::new(Mutex::new(Input { reader, lines })),
            reading: None,
        }
    }

    /// Reads standard input to its end, from where an earlier call has stopped. The inner error is
    /// the reason of a failure.
    ///
    /// A separate thread reads, because reading blocks and cannot be cancelled. If the server ends
    /// first, this thread keeps running until the process ends.
    pub(super) async fn run(&mut self) -> Result<Result<(), String>, Ended> {
        self.handover.set_state(FeedState::Up);
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => match self.start() {
                Ok(reading) => self.reading.insert(reading),
                Err(error) => return Ok(Err(format!("cannot start its thread: {error}"))),
            },
        };
        let result = reading.await;
        self.reading = None;
        match result {
            Ok(result) => result.map(Ok),
            Err(_) => Ok(Err("the thread that reads standard input panicked".into())),
        }
    }

    fn start(&self) -> io::Result<oneshot::Receiver<Result<(), Ended>>> {
        let (sender, result) = oneshot::channel();
        let input = Arc::clone(&self.input);
        let handover = self.handover.clone();
        let thread = thread::Builder::new().name("feed-stdin".into());
        thread.spawn(move || {
            // A thread that panicked has done so between two lines.
            let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
            // The receiver is gone when the server is ending.
            let _ = sender.send(input.read(&handover));
        })?;
        Ok(result)
    }
}

/// Standard input, and the line that was read in part.
struct Input<R> {
    reader: R,
    lines: LineReader,
}

impl<R: BufRead> Input<R> {
    /// Reads to the end.
    fn read(&mut self, handover: &Handover) -> Result<(), Ended> {
        loop {
            let (used, is_complete) = match self.reader.fill_buf() {
                Ok([]) => break,
                Ok(available) => self.lines.take(available),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(feed = handover.name(), %error, "cannot read standard input");
                    return Ok(());
                }
            };
            self.reader.consume(used);
            if is_complete {
                self.hand_over(handover)?;
            }
        }
        match self.lines.has_rest() {
            true => self.hand_over(handover),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self, handover: &Handover) -> Result<(), Ended> {
        for update in self.lines.updates() {
            handover.submit_blocking(update)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::work::Work;
    use tickcast_protocol::value::Value;

    use super::*;
    use crate::{clock::Clock, feed::decode::PANIC_PAYLOAD, ingest::Ingest, metrics::FeedMetrics};

    #[tokio::test]
    async fn a_failure_loses_the_line_that_it_failed_at() {
        let (ingest, mut queue) = Ingest::new(Clock::start());
        let metrics = Arc::new(FeedMetrics::default());
        let handover = Handover::new("stdin".into(), ingest, Arc::clone(&metrics));
        let lines = format!("a 1\na {PANIC_PAYLOAD}\na 2\na {PANIC_PAYLOAD}\na 3\n");
        let reader = io::Cursor::new(lines.into_bytes());
        let mut feed = StdinFeed::of(reader, Decoder::new([].into()), handover);
        for _ in 0..2 {
            assert!(feed.run().await.unwrap().is_err());
        }
        assert_eq!(feed.run().await, Ok(Ok(())));
        for number in [1.0, 2.0, 3.0] {
            let Work::Updates(submission) = queue.recv().await.unwrap().work else {
                panic!("no update");
            };
            assert_eq!(submission.updates[0].value, Value::Reading(number));
        }
        assert_eq!((metrics.received.get(), metrics.submitted.get()), (5, 3));
    }
}
