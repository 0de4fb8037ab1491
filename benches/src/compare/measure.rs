//! One measurement: a contender is started, everybody connects, updates are published for a while,
//! and the rest is waited for.

use std::{io::ErrorKind, time::Duration};

use mio::{Events, Poll, Token};
use tickcast_loadtest::{
    clock::Clock,
    latency::{Histogram, histogram, percentile, record},
    scrape,
};

use super::{
    accounting::{self, Usage},
    connect,
    contender::{CONTENDER_CORE, Contender, Running},
    crowd::Crowd,
    dialect::Who,
    feed::Feed,
    figures::{Counted, Counters, Measurement},
    ledger::Ledger,
    workload::{Pace, Workload},
};

/// Longest wait for the last updates.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// The same where some do not read for a while: they have to catch up.
const DRAIN_STALLED_MAX: Duration = Duration::from_secs(15);

/// Between the last connection and the first update: contenders tidy up.
const SETTLE: Duration = Duration::from_millis(500);

/// Idle contenders are looked at after this long.
const IDLE: Duration = Duration::from_secs(1);

/// Connections looked at before the schedule is looked at again.
const EVENTS_MAX: usize = 256;

/// The publisher's token; subscribers have their numbers.
const PUBLISHER: Token = Token(usize::MAX);

/// The load: subscribers and publisher, worked by this thread.
struct Load {
    poll: Poll,
    events: Events,
    clock: Clock,
    crowd: Crowd,
    feed: Feed,
    /// How long each pass took in which there was something to do.
    passes: Histogram,
    busy_ns: i64,
}

/// Everything at some moment.
struct Checkpoint {
    at_ns: i64,
    usage: Usage,
    published: u64,
    received: u64,
    busy_ns: i64,
}

/// Measures a contender once.
pub fn measure(contender: Contender, workload: &Workload) -> anyhow::Result<Measurement> {
    let running = Running::start(contender, workload)?;
    let result = measure_running(contender, workload, &running);
    result.map_err(|error| match running.log() {
        log if log.is_empty() => error,
        log => error.context(format!("it said: {}", log.trim_end())),
    })
}

fn measure_running(
    contender: Contender,
    workload: &Workload,
    running: &Running,
) -> anyhow::Result<Measurement> {
    let usage = || accounting::usage(running.pid, CONTENDER_CORE);
    let before = usage()?;
    let mut load = Load::connect(contender, workload, running)?;
    load.work_for(if workload.pace == Pace::Silent {
        IDLE
    } else {
        SETTLE
    })?;
    let connected = usage()?;

    let start_ns = load.clock.now_ns();
    let from_ns = start_ns + workload.warm_up.as_nanos() as i64;
    let to_ns = from_ns + workload.steady.as_nanos() as i64;
    if let Pace::Rate(_) = workload.pace {
        load.crowd.measured = from_ns..to_ns;
    }
    load.feed.start(workload, start_ns)?;
    load.work_until(from_ns)?;
    load.crowd.is_stalling = workload.stalled > 0;
    load.passes.reset();
    let begin = load.checkpoint(usage()?);
    load.work_until(to_ns)?;
    let end = load.checkpoint(usage()?);

    load.feed.stop();
    load.crowd.end_stall();
    let drain = if workload.stalled > 0 {
        DRAIN_STALLED_MAX
    } else {
        DRAIN_MAX
    };
    load.drain(drain)?;
    let mut measurement = load.sum_up(contender, workload, &before, &connected, &begin, &end);
    if contender.is_tickcast() {
        let host = running.address.to_string();
        let counted = scrape::fetch(running.address, &host, "/metrics")?;
        let by_server = |name| counted.get(name).copied().unwrap_or(0.0) as u64;
        measurement.counters = Some(Counters {
            server: Counted {
                deliveries: by_server(scrape::DELIVERIES),
                lost: by_server(scrape::GAP_UPDATES),
                conflated: by_server(scrape::CONFLATED),
            },
            load: Counted {
                deliveries: load.crowd.ledger.arrived(),
                lost: measurement.integrity.announced,
                conflated: measurement.integrity.conflated,
            },
        });
    }
    Ok(measurement)
}

impl Load {
    fn connect(
        contender: Contender,
        workload: &Workload,
        running: &Running,
    ) -> anyhow::Result<Self> {
        let dialect = contender.dialect();
        let poll = Poll::new()?;
        let clock = Clock::monotonic();
        let mut crowd = Crowd::new(dialect, clock, Ledger::new(workload));
        let open = |dialect, source, who, is_to_stall| {
            connect::open(running.address, source, dialect, who, workload, is_to_stall)
        };
        for number in 0..workload.subscribers {
            let who = Who::Subscriber(workload.selection(number));
            // Those who stall are spread among the others.
            let is_to_stall = workload.stalls(number);
            let opened = open(dialect, connect::source(number), who, is_to_stall)?;
            crowd.add(opened, is_to_stall, poll.registry())?;
        }
        let dialect = dialect.of_publisher();
        let opened = open(dialect, connect::source(0), Who::Publisher, false)?;
        let feed = Feed::new(opened, dialect, workload, poll.registry(), PUBLISHER)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_MAX),
            clock,
            crowd,
            feed,
            passes: histogram(),
            busy_ns: 0,
        })
    }

    /// Looks once at everything; never sleeps.
    fn pass(&mut self) -> anyhow::Result<i64> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        let begin_ns = self.clock.now_ns();
        self.step(begin_ns)?;
        for event in &self.events {
            match event.token() {
                PUBLISHER => self.feed.listen()?,
                Token(subscriber) => {
                    self.crowd.read(subscriber);
                    let now_ns = self.clock.now_ns();
                    let ledger = &self.crowd.ledger;
                    self.feed.step(now_ns, || ledger.completed())?;
                }
            }
        }
        let end_ns = self.clock.now_ns();
        if !self.events.is_empty() {
            record(&mut self.passes, end_ns - begin_ns);
            self.busy_ns += end_ns - begin_ns;
        }
        Ok(end_ns)
    }

    fn step(&mut self, now_ns: i64) -> anyhow::Result<()> {
        let ledger = &self.crowd.ledger;
        Ok(self.feed.step(now_ns, || ledger.completed())?)
    }

    fn work_until(&mut self, at_ns: i64) -> anyhow::Result<()> {
        while self.pass()? < at_ns {}
        Ok(())
    }

    fn work_for(&mut self, duration: Duration) -> anyhow::Result<()> {
        self.work_until(self.clock.now_ns() + duration.as_nanos() as i64)
    }

    /// Works until all that was published has arrived, if it does.
    fn drain(&mut self, max: Duration) -> anyhow::Result<()> {
        /// Looking whether everybody has everything takes longer than a pass.
        const LOOK_EVERY: Duration = Duration::from_millis(20);

        let deadline_ns = self.clock.now_ns() + max.as_nanos() as i64;
        loop {
            self.work_for(LOOK_EVERY)?;
            let is_complete = self.feed.is_written() && self.crowd.is_complete(self.feed.published);
            if is_complete || self.clock.now_ns() > deadline_ns {
                return Ok(());
            }
        }
    }

    fn checkpoint(&self, usage: Usage) -> Checkpoint {
        Checkpoint {
            at_ns: self.clock.now_ns(),
            usage,
            published: self.feed.published,
            received: self.crowd.ledger.received(),
            busy_ns: self.busy_ns,
        }
    }

    fn sum_up(
        &self,
        contender: Contender,
        workload: &Workload,
        before: &Usage,
        connected: &Usage,
        begin: &Checkpoint,
        end: &Checkpoint,
    ) -> Measurement {
        let seconds = (end.at_ns - begin.at_ns) as f64 / 1e9;
        let percentile_ms = |histogram: &Histogram, percent| {
            percentile(histogram, percent).map(|ns| ns as f64 / 1e6)
        };
        let latency_ms = |percent| percentile_ms(&self.crowd.latencies, percent);
        let growth = |from: &Usage, to: &Usage| to.rss_bytes as f64 - from.rss_bytes as f64;
        let is_closed = |subscriber| self.crowd.is_closed(subscriber);
        Measurement {
            contender,
            workload: workload.letter.to_owned(),
            seconds,
            published: end.published - begin.published,
            deliveries: end.received - begin.received,
            cpu_s: (end.usage.cpu_ns - begin.usage.cpu_ns) as f64 / 1e9,
            coarse_s: end.usage.coarse_s - begin.usage.coarse_s,
            user_s: end.usage.user_s - begin.usage.user_s,
            core_busy: (end.usage.core_busy_s - begin.usage.core_busy_s) / seconds,
            p50_ms: latency_ms(50.0),
            p99_ms: latency_ms(99.0),
            p999_ms: latency_ms(99.9),
            connection_bytes: growth(before, connected) / workload.subscribers as f64,
            growth_bytes: growth(&begin.usage, &end.usage),
            integrity: self.crowd.ledger.finish(self.feed.published, is_closed),
            closed: self.crowd.closed(),
            load_busy: (end.busy_ns - begin.busy_ns) as f64 / 1e9 / seconds,
            load_late_p99_ms: percentile_ms(&self.passes, 99.0).unwrap_or(0.0),
            counters: None,
            complaints: self.crowd.complaints.clone(),
        }
    }
}
