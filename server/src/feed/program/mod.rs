//! The program feed: starts a command, and takes each line that it prints as an update. When the
//! program ends, it is started again.
//!
//! A program that prints faster than the sequencer takes is held back by its pipe, so no line is
//! lost.
//!
//! The files in reading order:
//!
//! * `settings`: what an operator configures
//! * `process`: the running program with all that it has started
//! * `messages`: what it prints on standard error, for the log
//! * `run`: one run of the program, from its start to its end
//! * this file: starts it again

mod messages;
mod process;
mod run;
mod settings;

use std::{pin::pin, time::Duration};

use tickcast_protocol::backoff::{Backoff, BackoffPolicy, Jitter};
use tokio::time::sleep;

use self::{process::Process, run::Run};
use super::{decode::Decoder, handover::Handover, lines::LineReader};
use crate::{ingest::Ended, metrics::FeedState};

pub use settings::{ProgramSettings, Restart, Variable};

/// When to start the program again. The first wait is short, because most programs do not fail at
/// once again. A run of ten seconds was a good one.
const RESTART: BackoffPolicy = BackoffPolicy {
    first_bound: Duration::from_millis(500),
    max_bound: Duration::from_secs(60),
    reset_after: Duration::from_secs(10),
    jitter: Jitter::Equal,
};

/// The feed. A program that runs is kept here, so that a failure loses at most the line that it
/// failed at.
pub(super) struct ProgramFeed {
    settings: ProgramSettings,
    handover: Handover,
    lines: LineReader,
    backoff: Backoff,
    run: Option<Run>,
    has_started: bool,
}

/// How the feed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProgramEnd {
    /// The server ends.
    Stopped,
    /// The program has ended and is not to be started again.
    Finished,
}

impl ProgramFeed {
    pub(super) fn new(settings: ProgramSettings, decoder: Decoder, handover: Handover) -> Self {
        Self {
            lines: LineReader::new(decoder, handover.clone()),
            settings,
            handover,
            backoff: Backoff::new(RESTART),
            run: None,
            has_started: false,
        }
    }

    /// Runs the program again and again until `stop` completes.
    pub(super) async fn run(
        &mut self,
        stop: impl Future<Output = ()>,
    ) -> Result<ProgramEnd, Ended> {
        let mut stop = pin!(stop);
        loop {
            if let Err(error) = self.start() {
                self.handover.set_state(FeedState::Down);
                let wait = self.next_wait();
                tracing::error!(
                    feed = self.handover.name(), program = %self.settings.shown(), %error,
                    retry_in = ?wait, "cannot start the program"
                );
                tokio::select! {
                    () = sleep(wait) => continue,
                    () = &mut stop => return Ok(ProgramEnd::Stopped),
                }
            }
            let Some(run) = &mut self.run else {
                continue;
            };
            self.handover.set_state(FeedState::Up);
            let is_stopped = run
                .follow(&mut self.lines, &self.handover, stop.as_mut())
                .await?;
            let Some(run) = self.run.take() else {
                continue;
            };
            let (status, lasted) = run.finish().await;
            self.handover.set_state(FeedState::Down);
            if is_stopped {
                tracing::info!(feed = self.handover.name(), %status, "the program was stopped");
                return Ok(ProgramEnd::Stopped);
            }
            self.backoff.connection_lasted(lasted);
            if !self.settings.restart.applies(status) {
                tracing::info!(
                    feed = self.handover.name(), %status, ?lasted, "the program has ended"
                );
                return Ok(ProgramEnd::Finished);
            }
            self.handover.tell_down().await?;
            let wait = self.next_wait();
            tracing::warn!(
                feed = self.handover.name(), %status, ?lasted, restart_in = ?wait,
                "the program has ended"
            );
            tokio::select! {
                () = sleep(wait) => {}
                () = &mut stop => return Ok(ProgramEnd::Stopped),
            }
        }
    }

    /// Number of updates that wait for the sequencer.
    pub(super) fn waiting(&self) -> usize {
        self.run.as_ref().map_or(0, Run::waiting)
    }

    /// Starts the program unless it runs.
    fn start(&mut self) -> std::io::Result<()> {
        if self.run.is_some() {
            return Ok(());
        }
        let process = Process::start(&self.settings)?;
        tracing::info!(
            feed = self.handover.name(), program = %self.settings.shown(), pid = process.pid(),
            "the program has started"
        );
        if self.has_started {
            self.handover.metrics().reconnects.add(1);
        }
        self.has_started = true;
        self.run = Some(Run::new(process));
        Ok(())
    }

    fn next_wait(&mut self) -> Duration {
        self.backoff.next_wait(rand::random())
    }
}
