//! Measures what clients notice that stay connected while thousands of others lose their
//! connections at once and come back with new TLS handshakes. See benches/README.md.

use std::{
    cell::Cell,
    fmt::{self, Display},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use tempfile::TempDir;
use tickcast_benches::{
    compare::program::{CONTENDER_CORE, Certificate, LOAD_CORE, beside, free_port, tls_settings},
    processes::{Priority, Program, pinned, run_on, set_priority, until_within},
};
use tickcast_loadtest::{
    cli::Cli,
    latency::{Histogram, percentile, sum},
    plan::{PhaseKind, Plan},
    run::{self, ProgressDisplay, start_workers},
    schedule::RunClock,
    worker::{WorkerCommand, WorkerHandle, WorkerReply, WorkerReport},
};

/// Measures what clients notice that stay while thousands of others come back at once.
///
/// Needs tickcast-server beside this program. The server runs on one core, all clients on another.
#[derive(Debug, Parser)]
struct Arguments {
    /// Clients that lose their connections and come back
    #[arg(long, default_value_t = 5_000)]
    clients: u32,
    /// Clients that stay
    #[arg(long, default_value_t = 200)]
    staying: u32,
    /// Updates per second, which only the clients get that stay
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Repetitions
    #[arg(long, default_value_t = 4)]
    turns: usize,
    /// Clients that stay go first on the core that they share with the others. Otherwise what the
    /// others' handshakes cost the clients is part of the latency. Needs root
    #[arg(long)]
    real_time: bool,
    /// A server other than the one beside this program. May be repeated, then they take turns
    #[arg(long, value_name = "PROGRAM")]
    server: Vec<PathBuf>,
}

/// Where updates come from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Feed,
    Client,
}

/// Seconds whose latencies do not count.
const WARMUP_S: u32 = 2;

/// Seconds before the storm.
const BEFORE_S: u32 = 5;

/// Seconds from the storm on. All clients must be back in them.
const STORM_S: u32 = 10;

/// Longest wait for all clients to connect before the storm.
const CONNECT_MAX: Duration = Duration::from_secs(60);

/// Connections per second before the storm.
const RAMP_PER_S: f64 = 2_000.0;

fn main() -> anyhow::Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.server.is_empty() {
        arguments.server.push(beside("tickcast-server")?);
    }
    run_on(LOAD_CORE, process::id())?;
    let mut out = io::stdout().lock();
    for turn in 1..=arguments.turns {
        for program in &arguments.server {
            for source in [Source::Feed, Source::Client] {
                let measured = measure(&arguments, program, source)?;
                let program = program.display();
                writeln!(out, "turn {turn}, {program}, {source:?}: {measured}")?;
            }
        }
    }
    Ok(())
}

/// What a storm has cost.
struct Measured {
    /// Latencies before the storm.
    before: Histogram,
    /// Latencies of the whole seconds in which clients came back.
    storm: Histogram,
    /// Seconds until all were back.
    back_s: f64,
}

impl Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |all: &Histogram, percent| percentile(all, percent).unwrap_or(0) as f64 / 1e6;
        let [before, storm] = [&self.before, &self.storm].map(|all| ms(all, 99.0));
        write!(
            f,
            "p50 {:.2} ms, p99 {before:.2} ms; in the storm p50 {:.2} ms, p99 {storm:.2} ms ({:.2} \
             of before), max {:.1} ms; all back after {:.2} s",
            ms(&self.before, 50.0),
            ms(&self.storm, 50.0),
            storm / before,
            self.storm.max() as f64 / 1e6,
            self.back_s,
        )
    }
}

fn measure(arguments: &Arguments, program: &Path, source: Source) -> anyhow::Result<Measured> {
    let site = Site::start(program, source, arguments.rate)?;
    let others = site.plan(&[
        format!("--subscribers={}", arguments.clients),
        "--source=server".into(),
        "--filter=storm/silent".into(),
    ])?;
    let others = Others::connect(&others)?;
    let source = match source {
        Source::Feed => ["--source=server", "--filter=#"],
        Source::Client => ["--source=websocket", "--topics=1"],
    };
    let mut words = vec![
        format!("--subscribers={}", arguments.staying),
        format!("--rate={}", arguments.rate),
        format!("--warmup={WARMUP_S}s"),
        format!("--duration={}s", BEFORE_S + STORM_S),
    ];
    words.extend(source.map(String::from));
    let plan = site.plan(&words)?;
    // Threads that begin from here on inherit it: those of the clients that stay.
    if arguments.real_time {
        set_priority(process::id(), Priority::RealTime)?;
    }
    let seconds = stay(&plan, &others)?;
    set_priority(process::id(), Priority::Ordinary)?;
    let back_s = others.back_s(arguments.clients)?;
    let of = |from: u32, to: u32| {
        let within = seconds
            .iter()
            .filter(|(second, _)| (from..to).contains(second));
        sum(within.map(|(_, latencies)| latencies))
    };
    let begin = WARMUP_S + BEFORE_S;
    Ok(Measured {
        before: of(WARMUP_S, begin),
        storm: of(begin, begin + back_s.ceil() as u32),
        back_s,
    })
}

/// Lets some clients stay while the others lose their connections. Returns latencies by second.
fn stay(plan: &Plan, others: &Others) -> anyhow::Result<Vec<(u32, Histogram)>> {
    let lost = Cell::new(Ok(()));
    let progress = ProgressDisplay::Watched(Box::new(|view| {
        if view.phase == PhaseKind::Steady.name() && view.done_s == BEFORE_S {
            lost.set(others.0.send(WorkerCommand::Storm));
        }
    }));
    let finished = run::run(plan, &AtomicBool::new(false), &progress)?;
    drop(progress);
    lost.into_inner()?;
    let integrity = finished.summary.integrity;
    ensure!(integrity.healthy.missing == 0, "updates are missing");
    Ok(finished.seconds)
}

/// The clients that lose their connections, all in one thread.
struct Others(WorkerHandle);

impl Others {
    /// Connects all of them.
    fn connect(plan: &Plan) -> anyhow::Result<Self> {
        let clock = RunClock::monotonic();
        let mut workers = start_workers(plan, clock)?;
        let others = Self(workers.pop().context("no thread")?);
        ensure!(workers.is_empty(), "more than one thread");
        others.0.send(WorkerCommand::Open {
            from_ns: clock.now_ns(),
            per_s: RAMP_PER_S,
        })?;
        until_within(CONNECT_MAX, "all clients are connected", || {
            Ok(others.report()?.counts.open == plan.subscribers as u64)
        })?;
        Ok(others)
    }

    fn report(&self) -> anyhow::Result<WorkerReport> {
        self.0.send(WorkerCommand::Report)?;
        match self.0.reply()? {
            WorkerReply::Report(report) => Ok(*report),
            other => bail!("a reply to another question: {other:?}"),
        }
    }

    /// Seconds from the storm until the last of them was back.
    fn back_s(&self, clients: u32) -> anyhow::Result<f64> {
        let WorkerReport {
            counts, connect, ..
        } = self.report()?;
        ensure!(
            counts.open == u64::from(clients) && counts.failed == 0,
            "not all of them came back at once: {counts:?}"
        );
        ensure!(connect.len() == u64::from(clients), "no storm");
        Ok(connect.max() as f64 / 1e9)
    }
}

/// A server with TLS, and what its clients trust.
struct Site {
    server: Program,
    certificate: Certificate,
    _folder: TempDir,
}

impl Site {
    fn start(program: &Path, source: Source, rate: u32) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let certificate = Certificate::write(folder.path())?;
        let port = free_port()?;
        let settings = folder.path().join("tickcast.toml");
        fs::write(&settings, tls_settings(port, &certificate))?;
        let mut command = pinned(program, Some(CONTENDER_CORE));
        command
            .current_dir(folder.path())
            .arg("--config")
            .arg(settings);
        command.args(["--shards=1", "--ping=1h", "--heartbeat=1h"]);
        command.args(match source {
            Source::Feed => vec!["--feed=simulated".into(), format!("--sim-rate={rate}")],
            Source::Client => vec!["--feed=none".into()],
        });
        Ok(Self {
            server: Program::start(&mut command, port)?,
            certificate,
            _folder: folder,
        })
    }

    /// A plan of the load tester for this server.
    fn plan(&self, words: &[String]) -> anyhow::Result<Plan> {
        let common = [
            "tickcast-loadtest".into(),
            "--no-metrics".into(),
            "--threads=1".into(),
            format!("--url=wss://{}/ws", self.server.address),
            format!("--ca={}", self.certificate.authority.display()),
        ];
        let cli = Cli::try_parse_from(common.iter().chain(words))?;
        cli.run.plan(String::new()).map_err(anyhow::Error::msg)
    }
}
