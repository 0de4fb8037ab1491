//! The load: subscribers and publisher of one contender, worked by one thread.

use std::{io::ErrorKind, time::Duration};

use anyhow::Context;
use mio::{Events, Poll, Token};
use tickcast_loadtest::{
    clock::Clock,
    latency::{Histogram, histogram, record},
};

use super::{
    connect,
    contender::{Contender, Running},
    crowd::Crowd,
    dialect::Who,
    feed::Feed,
    ledger::Ledger,
    workload::Workload,
};

/// Connections looked at before the schedule is looked at again.
const EVENTS_MAX: usize = 256;

/// The publisher's token; subscribers have their numbers.
const PUBLISHER: Token = Token(usize::MAX);

/// See the module.
pub struct Load {
    poll: Poll,
    events: Events,
    /// What latencies are measured with.
    pub clock: Clock,
    /// The subscribers.
    pub crowd: Crowd,
    /// The publisher.
    pub feed: Feed,
    /// How long each pass took in which there was something to do, while it was measured.
    pub passes: Histogram,
    /// Whether it is measured now.
    pub is_measuring: bool,
    /// For how long there was something to do, in ns.
    pub busy_ns: i64,
}

impl Load {
    /// Connects everybody to a contender that runs.
    pub fn connect(
        contender: Contender,
        workload: &Workload,
        running: &Running,
    ) -> anyhow::Result<Self> {
        let dialect = contender.dialect();
        let poll = Poll::new()?;
        let clock = Clock::monotonic();
        let mut crowd = Crowd::new(dialect, clock, Ledger::new(workload));
        let open = |dialect, number, who, is_to_stall| {
            let source = connect::source(contender, number);
            connect::open(running.address, source, dialect, who, workload, is_to_stall)
                .with_context(|| format!("{who:?} did not come in"))
        };
        for number in 0..workload.subscribers {
            let who = Who::Subscriber(workload.selection(number));
            // Those who stall are spread among the others.
            let is_to_stall = workload.stalls(number);
            let opened = open(dialect, number, who, is_to_stall)?;
            crowd.add(opened, is_to_stall, poll.registry())?;
        }
        let dialect = dialect.of_publisher();
        let opened = open(dialect, 0, Who::Publisher, false)?;
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

    /// Works until some moment.
    pub fn work_until(&mut self, at_ns: i64) -> anyhow::Result<()> {
        while self.pass()? < at_ns {}
        Ok(())
    }

    /// Works for a while.
    pub fn work_for(&mut self, duration: Duration) -> anyhow::Result<()> {
        self.work_until(self.clock.now_ns() + duration.as_nanos() as i64)
    }

    /// Works until all that was published has arrived, but not longer than this.
    pub fn drain(&mut self, max: Duration) -> anyhow::Result<()> {
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
}
