//! Measuring: a contender is started, everybody connects, updates are published for a while, and the
//! rest is waited for. Where contenders take turns this goes on until each has had all of its turns.

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
    workload::{Entry, Pace, Workload},
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
    /// How long each pass took in which there was something to do, while it was measured.
    passes: Histogram,
    is_measuring: bool,
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

/// What was spent and done between two checkpoints, of all turns together.
#[derive(Default)]
struct Spent {
    seconds: f64,
    usage: Usage,
    published: u64,
    received: u64,
    busy_s: f64,
}

/// A contender that takes part: it runs, and everybody is connected to it.
struct Entrant<'a> {
    contender: Contender,
    workload: &'a Workload,
    running: Running,
    load: Load,
    /// Before anybody connected, and when all had.
    before: Usage,
    connected: Usage,
    spent: Spent,
}

/// Measures the entries of a heat, see [`workload::heats`](super::workload::heats): all are started,
/// and then each has a turn while the others are held, again and again.
pub fn measure(run: usize, heat: &[Entry<'_>]) -> Vec<anyhow::Result<Measurement>> {
    let mut entrants: Vec<_> = heat
        .iter()
        .map(|entry| Entrant::start(entry.contender, entry.workload))
        .collect();
    let turns = heat.iter().map(|entry| entry.workload.turns).max();
    for turn in 0..turns.unwrap_or(0) {
        for at in 0..entrants.len() {
            // There and back again, so that nobody always comes behind the same one.
            let at = match turn % 2 {
                0 => at,
                _ => entrants.len() - 1 - at,
            };
            act(&mut entrants[at], |entrant| entrant.take_turn(turn));
        }
    }
    let measured = |entrant: anyhow::Result<Entrant<'_>>| {
        let entrant = entrant?;
        let measured = entrant.sum_up(run);
        measured.map_err(|error| entrant.running.explain(error))
    };
    entrants.into_iter().map(measured).collect()
}

/// Has an entrant do something, unless it has failed before.
fn act<'a>(
    entrant: &mut anyhow::Result<Entrant<'a>>,
    act: impl FnOnce(&mut Entrant<'a>) -> anyhow::Result<()>,
) {
    if let Ok(started) = entrant
        && let Err(error) = act(started)
    {
        *entrant = Err(started.running.explain(error));
    }
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
            let connected = usage(&running)?;
            running.hold()?;
            Ok((before, load, connected))
        };
        let (before, load, connected) = connect().map_err(|error| running.explain(error))?;
        Ok(Self {
            contender,
            workload,
            running,
            load,
            before,
            connected,
            spent: Spent::default(),
        })
    }

    /// Publishes and measures, and waits until all has arrived.
    fn take_turn(&mut self, turn: usize) -> anyhow::Result<()> {
        let Self {
            workload,
            running,
            load,
            ..
        } = self;
        running.let_go_on()?;
        let unmeasured = workload.unmeasured(turn);
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
        let begin = load.checkpoint(usage(running)?);
        load.work_until(to_ns)?;
        let end = load.checkpoint(usage(running)?);
        load.is_measuring = false;

        load.feed.stop();
        load.crowd.end_stall();
        let drain = if workload.stalled > 0 {
            DRAIN_STALLED_MAX
        } else {
            DRAIN_MAX
        };
        load.drain(drain)?;
        running.hold()?;
        self.spent.add(&begin, &end);
        Ok(())
    }

    fn sum_up(&self, run: usize) -> anyhow::Result<Measurement> {
        let mut measurement = self.figures(run);
        if self.contender.is_tickcast() {
            self.running.let_go_on()?;
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
            spent,
            ..
        } = self;
        let percentile_ms = |histogram: &Histogram, percent| {
            percentile(histogram, percent).map(|ns| ns as f64 / 1e6)
        };
        let latency_ms = |percent| percentile_ms(&crowd.latencies, percent);
        let is_closed = |subscriber| crowd.is_closed(subscriber);
        let connection_bytes = self.connected.rss_bytes - self.before.rss_bytes;
        Measurement {
            contender: *contender,
            workload: workload.letter.to_owned(),
            run,
            seconds: spent.seconds,
            published: spent.published,
            deliveries: spent.received,
            kept_up: workload.kept_up(spent.published, spent.received),
            cpu_s: spent.usage.cpu_s,
            coarse_s: spent.usage.coarse_s,
            user_s: spent.usage.user_s,
            core_busy: spent.usage.core_busy_s / spent.seconds,
            p50_ms: latency_ms(50.0),
            p99_ms: latency_ms(99.0),
            p999_ms: latency_ms(99.9),
            connection_bytes: connection_bytes / workload.subscribers as f64,
            growth_bytes: spent.usage.rss_bytes,
            integrity: crowd.ledger.finish(feed.published, is_closed),
            closed: crowd.closed(),
            load_busy: spent.busy_s / spent.seconds,
            load_late_p99_ms: percentile_ms(&self.load.passes, 99.0).unwrap_or(0.0),
            counters: None,
            complaints: crowd.complaints.clone(),
        }
    }
}

impl Spent {
    fn add(&mut self, begin: &Checkpoint, end: &Checkpoint) {
        self.seconds += (end.at_ns - begin.at_ns) as f64 / 1e9;
        self.usage += end.usage - begin.usage;
        self.published += end.published - begin.published;
        self.received += end.received - begin.received;
        self.busy_s += (end.busy_ns - begin.busy_ns) as f64 / 1e9;
    }
}

fn usage(running: &Running) -> anyhow::Result<Usage> {
    accounting::usage(running.pid, CONTENDER_CORE)
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
            is_measuring: false,
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
            if self.is_measuring {
                record(&mut self.passes, end_ns - begin_ns);
            }
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
}
