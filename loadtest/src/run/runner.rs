//! The state of a run, and what all its stages need.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tickcast_protocol::message::TimeNs;

use super::{
    checkpoint::Checkpoint,
    collected::{Collected, Observed},
    error::RunError,
    first_arrival::FirstArrival,
    progress::ProgressDisplay,
    report_sum::ReportSum,
    server_process::ServerUnderTest,
};
use crate::{
    observe::process::{self, Usage},
    plan::{Plan, UpdateSource},
    publish::{PublishContent, PublishError, Publisher, PublisherTotals},
    schedule::RunClock,
    summary::SearchStep,
    worker::{self, WorkerCommand, WorkerHandle, WorkerLost, WorkerReply, WorkerSettings},
};

/// Longest sleep of the main thread before it checks whether the run must end.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// Open files besides the subscribers' sockets.
const OTHER_FILES: u64 = 64;

/// The run's state.
pub(super) struct Runner<'a> {
    pub(super) plan: &'a Plan,
    pub(super) interrupted: &'a AtomicBool,
    pub(super) progress: &'a ProgressDisplay<'a>,
    pub(super) clock: RunClock,
    pub(super) workers: Vec<WorkerHandle>,
    pub(super) publisher: Option<Publisher>,
    pub(super) server: ServerUnderTest,
    pub(super) start_ns: TimeNs,
    pub(super) collected: Collected,
    pub(super) first_arrival: FirstArrival,
    /// Before and after the steady phase.
    pub(super) steady: Option<(Checkpoint, Option<Checkpoint>)>,
    /// The server's usage when all subscribers were connected.
    pub(super) connected_usage: Option<Usage>,
    pub(super) search: Vec<SearchStep>,
    /// Updates per second in the steady phase.
    pub(super) rate: f64,
}

impl<'a> Runner<'a> {
    /// Checks the limits, and starts all threads. Nothing is connected yet but the publisher.
    pub(super) fn start(
        plan: &'a Plan,
        interrupted: &'a AtomicBool,
        progress: &'a ProgressDisplay<'a>,
    ) -> Result<Self, RunError> {
        check_open_files(plan.subscribers as u64)?;
        let clock = match plan.source {
            UpdateSource::Own(_) => RunClock::monotonic(),
            UpdateSource::Server => RunClock::Wall,
        };
        let server = ServerUnderTest::find(plan);
        let publisher = match &plan.source {
            UpdateSource::Own(target) => {
                let content = PublishContent {
                    run: plan.run,
                    topics: plan.topics.clone(),
                    payload_bytes: plan.payload_bytes,
                };
                let started = Publisher::start(target, content, clock);
                let failed = |error| RunError::Connect(format!("{}: {error}", target.address()));
                Some(started.map_err(failed)?)
            }
            UpdateSource::Server => None,
        };
        Ok(Self {
            plan,
            interrupted,
            progress,
            clock,
            workers: start_workers(plan, clock)?,
            publisher,
            server,
            start_ns: 0,
            collected: Collected::default(),
            first_arrival: FirstArrival::default(),
            steady: None,
            connected_usage: None,
            search: Vec::new(),
            rate: plan.rate,
        })
    }

    pub(super) fn tell(&self, command: impl Fn() -> WorkerCommand) -> Result<(), WorkerLost> {
        self.workers
            .iter()
            .try_for_each(|worker| worker.send(command()))
    }

    /// Asks all workers for what they recorded, and waits for it.
    pub(super) fn reports(&self) -> Result<ReportSum, WorkerLost> {
        self.tell(|| WorkerCommand::Report)?;
        let mut reports = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            match worker.reply()? {
                WorkerReply::Report(report) => reports.push(*report),
                _ => return Err(WorkerLost),
            }
        }
        Ok(ReportSum::of(reports))
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits, unless the run must end. Returns whether to continue.
    pub(super) fn wait_until(&self, at_ns: TimeNs) -> bool {
        while !self.is_interrupted() {
            let left_ns = at_ns - self.clock.now_ns();
            if left_ns <= 0 {
                return true;
            }
            // The main thread has nothing else to do.
            #[allow(clippy::disallowed_methods)]
            thread::sleep(CHECK_EVERY.min(Duration::from_nanos(left_ns as u64)));
        }
        false
    }

    pub(super) fn observed(&self) -> Observed {
        Observed {
            published: self.published(),
            server: self.server.usage(),
        }
    }

    /// Updates published so far. If the server publishes, its positions tell.
    pub(super) fn published(&self) -> u64 {
        match &self.publisher {
            Some(publisher) => publisher.status.published.load(Ordering::Relaxed),
            None => self.collected.totals.position,
        }
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        let totals = &self.collected.totals;
        Checkpoint {
            at_ns: self.clock.now_ns(),
            publisher_ns: self.publisher.as_ref().and_then(Publisher::cpu_ns),
            workers_ns: self.workers.iter().map(WorkerHandle::cpu_ns).collect(),
            server: self.server.usage(),
            published: self.published(),
            received: totals.received(),
            bytes: totals.counts.bytes,
            position: totals.position,
        }
    }

    /// Fails if the publisher has ended early.
    pub(super) fn check_publisher(&mut self) -> Result<(), RunError> {
        match self.publisher.take_if(|publisher| publisher.has_ended()) {
            None => Ok(()),
            Some(publisher) => match publisher.finish(|| false) {
                Ok(_) => Err(PublishError::Lost.into()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Waits until the publisher has published everything, or the run must end.
    pub(super) fn end_publishing(&mut self) -> Result<PublisherTotals, RunError> {
        let Some(publisher) = self.publisher.take() else {
            return Ok(PublisherTotals::default());
        };
        Ok(publisher.finish(|| self.is_interrupted())?)
    }
}

/// Checks that all sockets may be open, and raises the limit if possible.
fn check_open_files(subscribers: u64) -> Result<(), RunError> {
    let needed = subscribers + OTHER_FILES;
    let Some((now, max)) = process::open_files_limit() else {
        return Ok(());
    };
    if needed <= now {
        return Ok(());
    }
    if needed <= max {
        process::raise_open_files_limit()?;
        return Ok(());
    }
    Err(RunError::Limit(format!(
        "{subscribers} subscribers need {needed} open files, but the hard limit of this process is \
         {max}: raise it, for example with 'ulimit -Hn {needed}' as root, with 'LimitNOFILE=' in a \
         systemd unit, or in /etc/security/limits.conf. The server needs as many open files."
    )))
}

/// Starts the threads of a plan's subscribers, which connect when they are told to.
///
/// # Errors
///
/// If a thread cannot be started.
pub fn start_workers(plan: &Plan, clock: RunClock) -> io::Result<Vec<WorkerHandle>> {
    let settings = Arc::new(WorkerSettings {
        address: plan.target.address,
        host: plan.target.host.clone(),
        path: plan.target.path.clone(),
        tls: plan.target.tls.clone(),
        tokens: plan.target.tokens.clone(),
        sources: plan.sources.clone(),
        params: plan.params,
        filters: plan.filters.clone(),
        baseline: plan.baseline,
        slow_bytes_per_s: plan.slow_bytes_per_s,
        seed: plan.seed,
    });
    let members = plan.members().into_iter().enumerate();
    members
        .map(|(number, members)| worker::start(number, settings.clone(), members, clock))
        .collect()
}
