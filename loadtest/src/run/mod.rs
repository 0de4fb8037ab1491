//! A run from the first connection to the verdict: tells the threads what to do when, and collects
//! what they say.

mod server;
mod stages;
mod verdict;

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

use crate::{
    clock::Clock,
    collected::{Collected, Observed, Round},
    latency::Histogram,
    plan::{Plan, Source},
    process::{self, Usage},
    progress::Progress,
    publisher::{Payload, PublishError, Published, Publisher},
    summary::{SearchStep, Summary},
    worker::{self, Command, Reply, Settings, WorkerHandle, WorkerLost},
};

use server::Server;

/// What a run leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// In numbers.
    pub summary: Summary,
    /// In full, by name: what was measured in the steady phase.
    pub histograms: Vec<(&'static str, Histogram)>,
    /// Response by the second in which updates were due.
    pub seconds: Vec<(u32, Histogram)>,
    /// When publishing began, in ns since the Unix epoch.
    pub start_ns: TimeNs,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server, or the broker, cannot be used.
    #[error("{0}")]
    Connect(String),
    /// The machine does not allow it.
    #[error("{0}")]
    Limit(String),
    /// Ctrl+C before there was anything to report.
    #[error("interrupted before publishing began")]
    Interrupted,
    /// One of our own threads is in trouble.
    #[error(transparent)]
    Worker(#[from] WorkerLost),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<PublishError> for RunError {
    fn from(error: PublishError) -> Self {
        Self::Connect(error.to_string())
    }
}

impl RunError {
    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect(_) => 3,
            Self::Limit(_) | Self::Worker(_) | Self::Io(_) => 1,
            Self::Interrupted => 130,
        }
    }
}

/// How long the main thread sleeps at most before it looks whether the run is to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Files besides the subscribers' sockets.
const OTHER_FILES: u64 = 64;

/// Runs a plan. `interrupted`: set from outside to end early, with a report.
pub fn run(
    plan: &Plan,
    interrupted: &AtomicBool,
    progress: &Progress<'_>,
) -> Result<Finished, RunError> {
    check_open_files(plan.subscribers as u64)?;
    let clock = match plan.source {
        Source::Own(_) => Clock::monotonic(),
        Source::Server => Clock::Wall,
    };
    let server = Server::find(plan);
    let publisher = match &plan.source {
        Source::Own(outlet) => {
            let payload = Payload {
                run: plan.run,
                topics: plan.topics.clone(),
                bytes: plan.payload_bytes,
            };
            Some(Publisher::start(outlet, payload, clock)?)
        }
        Source::Server => None,
    };
    let mut runner = Runner {
        plan,
        interrupted,
        progress,
        clock,
        workers: start_workers(plan, clock)?,
        publisher,
        server,
        start_ns: 0,
        collected: Collected::default(),
        steady: None,
        connected_usage: None,
        search: Vec::new(),
        rate: plan.rate,
    };
    runner.ramp()?;
    runner.begin()?;
    let steady_from_s = runner.search_and_hold()?;
    let published = runner.end_publishing()?;
    let drained = runner.drain(&published)?;
    Ok(runner.finish(&published, drained, steady_from_s)?)
}

/// Checks that all sockets may be open, and helps where we can.
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
        "{subscribers} subscribers need {needed} open files, but this process may have {max}: \
         raise the hard limit, for example with 'ulimit -Hn {needed}' as root, 'LimitNOFILE=' in \
         a systemd unit, or /etc/security/limits.conf. The server needs as many."
    )))
}

fn start_workers(plan: &Plan, clock: Clock) -> io::Result<Vec<WorkerHandle>> {
    let settings = Arc::new(Settings {
        address: plan.target.address,
        host: plan.target.host.clone(),
        path: plan.target.path.clone(),
        sources: plan.sources.clone(),
        wish: plan.wish.clone(),
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

/// What threads and processes had used at some moment.
#[derive(Debug, Clone)]
struct Checkpoint {
    at_ns: TimeNs,
    publisher_ns: Option<u64>,
    workers_ns: Vec<Option<u64>>,
    server: Option<Usage>,
    published: u64,
    received: u64,
    bytes: u64,
    position: u64,
}

/// The run's state.
struct Runner<'a> {
    plan: &'a Plan,
    interrupted: &'a AtomicBool,
    progress: &'a Progress<'a>,
    clock: Clock,
    workers: Vec<WorkerHandle>,
    publisher: Option<Publisher>,
    server: Server,
    start_ns: TimeNs,
    collected: Collected,
    /// Before and after the steady phase.
    steady: Option<(Checkpoint, Option<Checkpoint>)>,
    /// The server when all subscribers were connected.
    connected_usage: Option<Usage>,
    search: Vec<SearchStep>,
    /// Updates per second in the steady phase.
    rate: f64,
}

impl Runner<'_> {
    fn tell(&self, command: impl Fn() -> Command) -> Result<(), WorkerLost> {
        self.workers
            .iter()
            .try_for_each(|worker| worker.send(command()))
    }

    /// Asks all workers and waits for what they recorded.
    fn round(&self) -> Result<Round, WorkerLost> {
        self.tell(|| Command::Report)?;
        let mut reports = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            match worker.reply()? {
                Reply::Report(report) => reports.push(*report),
                _ => return Err(WorkerLost),
            }
        }
        Ok(Round::of(reports))
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Waits, unless the run is to end. Says whether it is not.
    fn wait_until(&self, at_ns: TimeNs) -> bool {
        while !self.is_interrupted() {
            let left_ns = at_ns - self.clock.now_ns();
            if left_ns <= 0 {
                return true;
            }
            // The main thread has nothing else to do.
            #[allow(clippy::disallowed_methods)]
            thread::sleep(LOOK_EVERY.min(Duration::from_nanos(left_ns as u64)));
        }
        false
    }

    fn observed(&self) -> Observed {
        Observed {
            published: self.published(),
            server: self.server.usage(),
        }
    }

    /// Updates published so far; the server's positions tell if it publishes.
    fn published(&self) -> u64 {
        match &self.publisher {
            Some(publisher) => publisher.progress.published.load(Ordering::Relaxed),
            None => self.collected.totals.position,
        }
    }

    fn checkpoint(&self) -> Checkpoint {
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

    /// Why the publisher has ended before it should, if it has.
    fn check_publisher(&mut self) -> Result<(), RunError> {
        match self.publisher.take_if(|publisher| publisher.has_ended()) {
            None => Ok(()),
            Some(publisher) => match publisher.finish() {
                Ok(_) => Err(PublishError::Lost.into()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Lets the publisher come to its end.
    fn end_publishing(&mut self) -> Result<Published, RunError> {
        let Some(publisher) = self.publisher.take() else {
            return Ok(Published::default());
        };
        if self.is_interrupted() {
            publisher.stop();
        }
        Ok(publisher.finish()?)
    }
}
