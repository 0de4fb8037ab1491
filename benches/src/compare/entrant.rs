//! An entrant: a contender that runs, with everybody connected to it. It is measured in turns, when
//! it is told to, and held in between.

use std::{
    io::{BufRead, Write},
    mem,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tickcast_loadtest::{
    latency::{Histogram, histogram, merge, percentile},
    scrape,
};

use super::{
    accounting::{self, Usage},
    contender::{CONTENDER_CORE, Contender, Running},
    figures::{Counted, Counters, Measurement, Span},
    load::Load,
    workload::{Pace, Workload},
};

/// Longest wait for the last updates of a turn. The next one is not to begin with them.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// The same of the last turn: those who have stalled have to catch up, and where it goes as fast as
/// it can, a million deliveries may be under way.
const LAST_DRAIN_MAX: Duration = Duration::from_secs(15);

/// Between the last connection and the first update: contenders tidy up.
const SETTLE: Duration = Duration::from_millis(500);

/// Idle contenders are looked at after this long.
const IDLE: Duration = Duration::from_secs(1);

/// What an entrant is told to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Order {
    /// To take its next turn.
    Turn,
    /// To say what came of all of them.
    SumUp,
}

/// What it says when it has started, and to each order.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Started, or the turn is over.
    Done,
    /// What came of all turns.
    Measured(Box<Measurement>),
    /// Why it cannot go on.
    Failed(String),
}

/// Starts an entrant, and does as it is told until something fails or no more is said. Orders and
/// answers are JSON, one in a line.
pub fn serve(
    contender: Contender,
    workload: &Workload,
    run: usize,
    orders: impl BufRead,
    mut answers: impl Write,
) -> anyhow::Result<()> {
    let mut answer = |answer: &Answer| -> anyhow::Result<()> {
        serde_json::to_writer(&mut answers, answer)?;
        Ok(writeln!(answers)?)
    };
    let failed = |error: anyhow::Error| Answer::Failed(format!("{error:#}"));
    let mut entrant = match Entrant::start(contender, workload) {
        Ok(entrant) => entrant,
        Err(error) => return answer(&failed(error)),
    };
    answer(&Answer::Done)?;
    for order in orders.lines() {
        let done = match serde_json::from_str(&order?)? {
            Order::Turn => entrant.take_turn().map(|()| Answer::Done),
            Order::SumUp => entrant.sum_up(run).map(Box::new).map(Answer::Measured),
        };
        match done {
            Ok(done) => answer(&done)?,
            Err(error) => return answer(&failed(entrant.running.explain(error))),
        }
    }
    Ok(())
}

/// See the module.
struct Entrant<'a> {
    contender: Contender,
    workload: &'a Workload,
    running: Running,
    load: Load,
    /// Growth of memory while everybody connected.
    connected_bytes: f64,
    turns: Vec<Span>,
    /// Of all turns.
    usage: Usage,
    busy_s: f64,
    latencies: Histogram,
}

/// Everything at some moment.
struct Checkpoint {
    at_ns: i64,
    usage: Usage,
    published: u64,
    received: u64,
    bytes: u64,
    busy_ns: i64,
}

impl<'a> Entrant<'a> {
    fn start(contender: Contender, workload: &'a Workload) -> anyhow::Result<Self> {
        let running = Running::start(contender, workload)?;
        let connect = || {
            let before = usage(&running)?;
            let mut load = Load::connect(contender, workload, &running)?;
            load.work_for(if workload.pace == Pace::Silent {
                IDLE
            } else {
                SETTLE
            })?;
            let connected = usage(&running)? - before;
            running.hold()?;
            Ok((load, connected.rss_bytes))
        };
        let (load, connected_bytes) = connect().map_err(|error| running.explain(error))?;
        Ok(Self {
            contender,
            workload,
            running,
            load,
            connected_bytes,
            turns: Vec::new(),
            usage: Usage::default(),
            busy_s: 0.0,
            latencies: histogram(),
        })
    }

    /// Publishes and measures, and waits until all has arrived.
    fn take_turn(&mut self) -> anyhow::Result<()> {
        let workload = self.workload;
        self.running.let_go_on()?;
        let load = &mut self.load;
        let unmeasured = workload.unmeasured(self.turns.len());
        let start_ns = load.clock.now_ns();
        let from_ns = start_ns + unmeasured.as_nanos() as i64;
        let to_ns = from_ns + workload.steady.as_nanos() as i64;
        if let Pace::Rate(_) = workload.pace {
            load.crowd.measured = from_ns..to_ns;
        }
        let duration = unmeasured + workload.steady;
        load.feed.start(workload.pace, start_ns, duration)?;
        load.work_until(from_ns)?;
        load.crowd.is_stalling = workload.stalled > 0;
        load.is_measuring = true;
        let begin = Checkpoint::of(&self.running, load)?;
        load.work_until(to_ns)?;
        let end = Checkpoint::of(&self.running, load)?;
        load.is_measuring = false;

        load.feed.stop();
        load.crowd.end_stall();
        load.drain(DRAIN_MAX)?;
        self.running.hold()?;
        let latencies = mem::replace(&mut load.crowd.latencies, histogram());
        self.turns.push(end.since(&begin, &latencies));
        self.usage += end.usage - begin.usage;
        self.busy_s += (end.busy_ns - begin.busy_ns) as f64 / 1e9;
        merge(&mut self.latencies, &latencies);
        Ok(())
    }

    fn sum_up(&mut self, run: usize) -> anyhow::Result<Measurement> {
        self.running.let_go_on()?;
        self.load.drain(LAST_DRAIN_MAX)?;
        let mut measurement = self.figures(run);
        if self.contender.is_tickcast() {
            let address = self.running.address;
            let counted = scrape::fetch(address, &address.to_string(), "/metrics")?;
            let by_server = |name| counted.get(name).copied().unwrap_or(0.0) as u64;
            measurement.counters = Some(Counters {
                server: Counted {
                    deliveries: by_server(scrape::DELIVERIES),
                    lost: by_server(scrape::GAP_UPDATES),
                    conflated: by_server(scrape::CONFLATED),
                },
                load: Counted {
                    deliveries: self.load.crowd.ledger.arrived(),
                    lost: measurement.integrity.announced,
                    conflated: measurement.integrity.conflated,
                },
            });
        }
        Ok(measurement)
    }

    fn figures(&self, run: usize) -> Measurement {
        let Self {
            contender,
            workload,
            load: Load { crowd, feed, .. },
            turns,
            usage,
            ..
        } = self;
        let whole = Span::whole(turns, &self.latencies);
        let is_closed = |subscriber| crowd.is_closed(subscriber);
        Measurement {
            contender: *contender,
            workload: workload.letter.to_owned(),
            run,
            whole,
            turns: turns.clone(),
            kept_up: workload.kept_up(whole.published, whole.deliveries),
            coarse_s: usage.coarse_s,
            user_s: usage.user_s,
            core_busy: usage.core_busy_s / whole.seconds,
            connection_bytes: self.connected_bytes / workload.subscribers as f64,
            growth_bytes: usage.rss_bytes,
            integrity: crowd.ledger.finish(feed.published, is_closed),
            closed: crowd.closed(),
            load_busy: self.busy_s / whole.seconds,
            load_late_p99_ms: percentile_ms(&self.load.passes, 99.0).unwrap_or(0.0),
            counters: None,
            complaints: crowd.complaints.clone(),
        }
    }
}

impl Checkpoint {
    fn of(running: &Running, load: &Load) -> anyhow::Result<Self> {
        Ok(Self {
            at_ns: load.clock.now_ns(),
            usage: usage(running)?,
            published: load.feed.published,
            received: load.crowd.ledger.received(),
            bytes: load.crowd.bytes,
            busy_ns: load.busy_ns,
        })
    }

    fn since(&self, begin: &Self, latencies: &Histogram) -> Span {
        let span = Span {
            seconds: (self.at_ns - begin.at_ns) as f64 / 1e9,
            published: self.published - begin.published,
            deliveries: self.received - begin.received,
            bytes: self.bytes - begin.bytes,
            cpu_s: (self.usage - begin.usage).cpu_s,
            ..Span::default()
        };
        span.with_latencies(latencies)
    }
}

impl Span {
    /// All turns together.
    fn whole(turns: &[Self], latencies: &Histogram) -> Self {
        let sum = turns.iter().fold(Self::default(), |sum, turn| Self {
            seconds: sum.seconds + turn.seconds,
            published: sum.published + turn.published,
            deliveries: sum.deliveries + turn.deliveries,
            bytes: sum.bytes + turn.bytes,
            cpu_s: sum.cpu_s + turn.cpu_s,
            ..sum
        });
        sum.with_latencies(latencies)
    }

    fn with_latencies(self, latencies: &Histogram) -> Self {
        Self {
            p50_ms: percentile_ms(latencies, 50.0),
            p99_ms: percentile_ms(latencies, 99.0),
            p999_ms: percentile_ms(latencies, 99.9),
            ..self
        }
    }
}

fn percentile_ms(histogram: &Histogram, percent: f64) -> Option<f64> {
    percentile(histogram, percent).map(|ns| ns as f64 / 1e6)
}

fn usage(running: &Running) -> anyhow::Result<Usage> {
    accounting::usage(running.pid, CONTENDER_CORE)
}
