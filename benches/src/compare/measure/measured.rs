//! A running contender with its load. It is measured in turns, when it is told to, and stopped in
//! between.

use std::{
    io::{BufRead, Write},
    mem,
    time::Duration,
};

use tickcast_loadtest::{
    busy_loop::{BusyLoad, PublishRate},
    latency::{Histogram, histogram, merge},
    observe::scrape,
};

use super::{
    load::load_settings,
    orders::{TurnAnswer, TurnOrder},
    usage::{ContenderUsage, usage},
};
use crate::compare::{
    contender::Contender,
    figures::{BothCounts, Counted, Measurement, Span, percentile_ms},
    program::{CONTENDER_CORE, RunningContender},
    workload::Workload,
};

/// Longest wait for the last updates of a turn. The next turn must not begin with them.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Longest wait for the last updates of the last turn. Stalled subscribers must catch up, and at
/// full speed a million deliveries may be on the way.
const LAST_DRAIN_MAX: Duration = Duration::from_secs(15);

/// Pause between the last connection and the first update, in which contenders tidy up.
const SETTLE: Duration = Duration::from_millis(500);

/// Pause after which the memory of an idle contender is read.
const IDLE: Duration = Duration::from_secs(1);

/// Starts a contender with its load, and follows orders until one fails or the input ends.
pub fn serve(
    contender: Contender,
    workload: &Workload,
    run: usize,
    orders: impl BufRead,
    mut answers: impl Write,
) -> anyhow::Result<()> {
    let mut answer = |answer: &TurnAnswer| -> anyhow::Result<()> {
        serde_json::to_writer(&mut answers, answer)?;
        Ok(writeln!(answers)?)
    };
    let failed = |error: anyhow::Error| TurnAnswer::Failed(format!("{error:#}"));
    let mut measured = match MeasuredContender::start(contender, workload) {
        Ok(measured) => measured,
        Err(error) => return answer(&failed(error)),
    };
    answer(&TurnAnswer::Done)?;
    for order in orders.lines() {
        let done = match serde_json::from_str(&order?)? {
            TurnOrder::Turn => measured.take_turn().map(|()| TurnAnswer::Done),
            TurnOrder::SumUp => measured.sum_up(run).map(Box::new).map(TurnAnswer::Measured),
        };
        match done {
            Ok(done) => answer(&done)?,
            Err(error) => return answer(&failed(measured.running.explain(error))),
        }
    }
    Ok(())
}

/// See the module.
struct MeasuredContender<'a> {
    contender: Contender,
    workload: &'a Workload,
    running: RunningContender,
    load: BusyLoad,
    /// Growth of memory while subscribers connected.
    connected_bytes: f64,
    turns: Vec<Span>,
    /// Usage in all turns.
    usage: ContenderUsage,
    busy_s: f64,
    latencies: Histogram,
}

/// All numbers at a moment.
struct LoadReading {
    at_ns: i64,
    usage: ContenderUsage,
    published: u64,
    received: u64,
    bytes: u64,
    busy_ns: i64,
}

impl<'a> MeasuredContender<'a> {
    fn start(contender: Contender, workload: &'a Workload) -> anyhow::Result<Self> {
        let running = RunningContender::start(contender, workload)?;
        let connect = || {
            let before = usage(running.pid, CONTENDER_CORE)?;
            let settings = load_settings(contender, workload, &running);
            let mut load = BusyLoad::connect(&settings)?;
            load.work_for(if workload.rate == PublishRate::Silent {
                IDLE
            } else {
                SETTLE
            })?;
            let connected = usage(running.pid, CONTENDER_CORE)? - before;
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
            usage: ContenderUsage::default(),
            busy_s: 0.0,
            latencies: histogram(),
        })
    }

    /// Publishes and measures, and waits until everything has arrived.
    fn take_turn(&mut self) -> anyhow::Result<()> {
        let workload = self.workload;
        self.running.resume()?;
        let load = &mut self.load;
        let unmeasured = workload.unmeasured(self.turns.len());
        let start_ns = load.clock.now_ns();
        let from_ns = start_ns + unmeasured.as_nanos() as i64;
        let to_ns = from_ns + workload.steady.as_nanos() as i64;
        if let PublishRate::PerSecond(_) = workload.rate {
            load.subscribers.measured_ns = from_ns..to_ns;
        }
        let duration = unmeasured + workload.steady;
        load.publish(workload.rate, start_ns, duration)?;
        load.work_until(from_ns)?;
        load.subscribers.is_stalling = workload.stalled > 0;
        load.is_measuring = true;
        let begin = LoadReading::of(&self.running, load)?;
        load.work_until(to_ns)?;
        let end = LoadReading::of(&self.running, load)?;
        load.is_measuring = false;

        load.stop_publishing();
        load.subscribers.end_stall();
        load.drain(DRAIN_MAX)?;
        self.running.hold()?;
        let latencies = mem::replace(&mut load.subscribers.latencies, histogram());
        self.turns.push(end.since(&begin, &latencies));
        self.usage += end.usage - begin.usage;
        self.busy_s += (end.busy_ns - begin.busy_ns) as f64 / 1e9;
        merge(&mut self.latencies, &latencies);
        Ok(())
    }

    fn sum_up(&mut self, run: usize) -> anyhow::Result<Measurement> {
        self.running.resume()?;
        self.load.drain(LAST_DRAIN_MAX)?;
        let mut measurement = self.figures(run);
        if self.contender.is_tickcast() {
            let address = self.running.address;
            let counted = scrape::fetch(
                address,
                self.running.tls.as_deref(),
                &address.to_string(),
                "/metrics",
            )?;
            let by_server = |name| counted.get(name).copied().unwrap_or(0.0) as u64;
            measurement.counters = Some(BothCounts {
                server: Counted {
                    deliveries: by_server(scrape::DELIVERIES),
                    lost: by_server(scrape::GAP_UPDATES),
                    conflated: by_server(scrape::CONFLATED),
                },
                load: Counted {
                    deliveries: self.load.subscribers.ledger.arrived(),
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
            load,
            turns,
            usage,
            ..
        } = self;
        let whole = Span::whole(turns, &self.latencies);
        let subscribers = &load.subscribers;
        let is_closed = |subscriber| subscribers.is_closed(subscriber);
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
            integrity: subscribers.ledger.finish(load.published(), is_closed),
            closed: subscribers.closed(),
            load_busy: self.busy_s / whole.seconds,
            load_late_p99_ms: percentile_ms(&load.passes, 99.0).unwrap_or(0.0),
            counters: None,
            errors: subscribers.errors.clone(),
        }
    }
}

impl LoadReading {
    fn of(running: &RunningContender, load: &BusyLoad) -> anyhow::Result<Self> {
        Ok(Self {
            at_ns: load.clock.now_ns(),
            usage: usage(running.pid, CONTENDER_CORE)?,
            published: load.published(),
            received: load.subscribers.ledger.received(),
            bytes: load.subscribers.bytes(),
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
