//! One run of the program, from its start to its end.

use std::{
    pin::Pin,
    process::ExitStatus,
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::AsyncReadExt,
    time::{self, sleep_until},
};

use super::{messages::Messages, process::Process};
use crate::{
    feed::{
        handover::{BATCH_MAX_UPDATES, Batch, Handover},
        lines::LineReader,
    },
    ingest::Ended,
};

/// Time for a program to end after it has been asked to, and for one that has closed its output to
/// end by itself. The server waits for three seconds for its feeds.
const END_MAX: Duration = Duration::from_secs(2);

/// Time without a byte after which nothing more is expected from a program that was killed. What it
/// has written is in the pipe, so this concerns only programs that have left their group.
const REST_MAX: Duration = Duration::from_millis(300);

/// Bytes that are read after a program was killed: the longest pipe of Linux.
const REST_MAX_BYTES: usize = 1024 * 1024;

/// Bytes read at once: a whole pipe.
const READ_BYTES: usize = 64 * 1024;

/// How far the end of a program has come.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Running,
    /// It has closed its output, and may end by itself until then.
    Closed(time::Instant),
    /// It was asked to end, and is killed then.
    Asked(time::Instant),
    /// It was killed. What is in the pipe is still read.
    Killed {
        until: time::Instant,
        bytes: usize,
    },
}

/// A running program and what of its output waits.
#[derive(Debug)]
pub(super) struct Run {
    process: Process,
    started: Instant,
    stage: Stage,
    output: BytesMut,
    has_output: bool,
    messages: Messages,
    message_bytes: BytesMut,
    has_messages: bool,
    has_ended: bool,
    batch: Batch,
}

impl Run {
    pub(super) fn new(process: Process) -> Self {
        Self {
            process,
            started: Instant::now(),
            stage: Stage::Running,
            output: BytesMut::new(),
            has_output: true,
            messages: Messages::default(),
            message_bytes: BytesMut::new(),
            has_messages: true,
            has_ended: false,
            batch: Batch::new(),
        }
    }

    /// Takes the program's output until its end. When `stop` completes, the program is asked to
    /// end. Returns whether that was so.
    pub(super) async fn follow(
        &mut self,
        lines: &mut LineReader,
        handover: &Handover,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<bool, Ended> {
        let mut is_stopped = false;
        loop {
            self.take_lines(lines);
            if self.is_over() {
                return Ok(is_stopped);
            }
            let waits = !self.batch.is_empty();
            // While the sequencer holds the program back, its output takes its time.
            let deadline = self.deadline().filter(|_| is_stopped || !waits);
            tokio::select! {
                () = &mut stop, if !is_stopped => {
                    is_stopped = true;
                    self.ask_to_end();
                }
                room = handover.room(), if waits => {
                    handover.submit_into(room?, std::mem::take(&mut self.batch));
                }
                read = read(&mut self.process.output, &mut self.output),
                    if !waits && self.has_output =>
                {
                    self.has_read(read);
                }
                read = read(&mut self.process.messages, &mut self.message_bytes),
                    if self.has_messages =>
                {
                    self.take_messages(handover, read);
                }
                _ = &mut self.process.ended, if !self.has_ended => {
                    self.has_ended = true;
                    // What it has started ends with it.
                    self.ask_to_end();
                }
                () = sleep_until(deadline.unwrap_or_else(time::Instant::now)),
                    if deadline.is_some() =>
                {
                    self.next_stage();
                }
            }
        }
    }

    /// Takes the exit status of a program that is over, and how long it has run.
    pub(super) async fn finish(self) -> (ExitStatus, Duration) {
        let status = self.process.finish().await;
        (status, self.started.elapsed())
    }

    /// Number of updates that wait for the sequencer.
    pub(super) fn waiting(&self) -> usize {
        self.batch.len()
    }

    /// Makes updates of complete lines, as many as fit a submission.
    fn take_lines(&mut self, lines: &mut LineReader) {
        while self.batch.len() < BATCH_MAX_UPDATES && !self.output.is_empty() {
            let (used, is_complete) = lines.take(&self.output);
            self.output.advance(used);
            if is_complete {
                self.batch.extend(lines.updates());
            }
        }
        if !self.has_output && self.output.is_empty() && lines.has_rest() {
            self.batch.extend(lines.updates());
        }
    }

    /// Whether nothing more can come, and everything was handed over.
    fn is_over(&self) -> bool {
        let is_given_up = !self.has_output && matches!(self.stage, Stage::Killed { .. });
        let is_silent = !self.has_output && !self.has_messages;
        self.batch.is_empty()
            && self.output.is_empty()
            && (self.has_ended && is_silent || is_given_up)
    }

    fn deadline(&self) -> Option<time::Instant> {
        match self.stage {
            Stage::Running => None,
            Stage::Closed(at) | Stage::Asked(at) | Stage::Killed { until: at, .. } => Some(at),
        }
    }

    fn ask_to_end(&mut self) {
        if matches!(self.stage, Stage::Running | Stage::Closed(_)) {
            self.process.ask_to_end();
            self.stage = Stage::Asked(time::Instant::now() + END_MAX);
        }
    }

    fn next_stage(&mut self) {
        match self.stage {
            Stage::Running => {}
            Stage::Closed(_) => self.ask_to_end(),
            Stage::Asked(_) => {
                self.process.kill();
                let until = time::Instant::now() + REST_MAX;
                self.stage = Stage::Killed { until, bytes: 0 };
            }
            Stage::Killed { .. } => self.has_output = false,
        }
    }

    /// Bytes were read, or none at the end. An error means the end as well.
    fn has_read(&mut self, read: std::io::Result<usize>) {
        let read = read.unwrap_or(0);
        self.has_output = read > 0;
        match &mut self.stage {
            Stage::Running if read == 0 => {
                self.stage = Stage::Closed(time::Instant::now() + END_MAX);
            }
            Stage::Killed { until, bytes } => {
                *until = time::Instant::now() + REST_MAX;
                *bytes += read;
                self.has_output &= *bytes <= REST_MAX_BYTES;
            }
            _ => {}
        }
    }

    fn take_messages(&mut self, handover: &Handover, read: std::io::Result<usize>) {
        let now = self.started.elapsed();
        self.has_messages = read.unwrap_or(0) > 0;
        self.messages
            .take(handover.name(), &self.message_bytes, now);
        self.message_bytes.clear();
        if !self.has_messages {
            self.messages.end_line(handover.name(), now);
        }
    }
}

async fn read(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    into: &mut BytesMut,
) -> std::io::Result<usize> {
    into.reserve(READ_BYTES);
    from.read_buf(into).await
}
