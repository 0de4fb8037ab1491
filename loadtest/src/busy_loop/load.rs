//! The load: subscribers and publisher of one server, served by one thread.

use std::{io::ErrorKind, time::Duration};

use mio::{Events, Poll, Token};

use super::{
    connect,
    error::LoadError,
    settings::{LoadSettings, PublishRate},
    subscribers::Subscribers,
};
use crate::{
    dialect::ClientRole,
    latency::{Histogram, histogram, record},
    publish::{AppendLimit, Emitter, PublishContent, PublishError, PublishTarget},
    schedule::{DueSlots, RunClock, Schedule, Timing},
};

/// Connections read before events are fetched again.
const EVENTS_MAX: usize = 256;

/// The publisher's token. Subscribers have their numbers.
const PUBLISHER: Token = Token(usize::MAX);

/// The run's number in stamps. Servers start afresh for each run, so it can be constant.
const RUN: u32 = 1;

/// What is appended before the next subscriber is read. Updates beyond a full socket are appended
/// late, and count as late.
const APPEND_LIMIT: AppendLimit = AppendLimit {
    updates: 64,
    waiting_bytes: 1 << 20,
};

/// Pause between two checks whether everything has arrived: a check takes longer than a pass.
const DRAIN_CHECK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
enum Publishing {
    Scheduled(DueSlots),
    Window(u64),
    Ended,
}

/// See the module.
#[derive(Debug)]
pub struct BusyLoad {
    poll: Poll,
    events: Events,
    /// The clock of due times and latencies.
    pub clock: RunClock,
    /// The subscribers.
    pub subscribers: Subscribers,
    emitter: Emitter,
    publishing: Publishing,
    /// Duration of each pass that had something to do, while measuring.
    pub passes: Histogram,
    /// Whether passes are measured.
    pub is_measuring: bool,
    /// Total duration of the passes that had something to do, in ns.
    pub busy_ns: i64,
}

impl BusyLoad {
    /// Connects all subscribers and the publisher.
    pub fn connect(settings: &LoadSettings) -> Result<Self, LoadError> {
        let mut poll = Poll::new()?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        let clock = RunClock::monotonic();
        let mut subscribers = Subscribers::new(settings, clock);
        connect::subscribers(
            &settings.subscribers,
            &mut subscribers,
            &mut poll,
            &mut events,
        )?;
        let dialect = settings.dialect.of_publisher();
        let target = PublishTarget::WebSocket {
            address: settings.address,
            host: settings.address.to_string(),
            path: dialect.path(ClientRole::Publisher),
            dialect,
            source: Some(settings.publisher_source),
            tls: settings.tls.clone(),
            token: None,
        };
        let content = PublishContent {
            run: RUN,
            topics: (0..settings.topics)
                .map(|topic| dialect.topic_name(topic))
                .collect(),
            payload_bytes: settings.payload_bytes,
        };
        let mut emitter = Emitter::open(&target, content, clock, PUBLISHER, poll.registry())?;
        connect::publisher(
            PUBLISHER,
            &mut emitter,
            &mut subscribers,
            &mut poll,
            &mut events,
        )?;
        Ok(Self {
            poll,
            events,
            clock,
            subscribers,
            emitter,
            publishing: Publishing::Ended,
            passes: histogram(),
            is_measuring: false,
            busy_ns: 0,
        })
    }

    /// Updates published so far.
    pub fn published(&self) -> u64 {
        self.emitter.published()
    }

    /// Publishes from `start_ns` on, for at most `duration` if there is a schedule.
    pub fn publish(
        &mut self,
        rate: PublishRate,
        start_ns: i64,
        duration: Duration,
    ) -> Result<(), LoadError> {
        self.publishing = match rate {
            PublishRate::PerSecond(rate) => {
                let schedule = Schedule::new(&Timing::Constant, rate, duration)?;
                Publishing::Scheduled(DueSlots::new(start_ns, schedule))
            }
            PublishRate::Window(updates) => Publishing::Window(updates),
            PublishRate::Silent => Publishing::Ended,
        };
        Ok(())
    }

    /// Publishes nothing more. Appended updates are still written.
    pub fn stop_publishing(&mut self) {
        self.publishing = Publishing::Ended;
    }

    /// Works until a moment.
    pub fn work_until(&mut self, at_ns: i64) -> Result<(), LoadError> {
        while self.pass()? < at_ns {}
        Ok(())
    }

    /// Works for a while.
    pub fn work_for(&mut self, duration: Duration) -> Result<(), LoadError> {
        self.work_until(self.clock.now_ns() + duration.as_nanos() as i64)
    }

    /// Works until all published updates have arrived, for at most `max`.
    pub fn drain(&mut self, max: Duration) -> Result<(), LoadError> {
        let deadline_ns = self.clock.now_ns() + max.as_nanos() as i64;
        loop {
            self.work_for(DRAIN_CHECK_EVERY)?;
            let published = self.emitter.published();
            let is_complete = self.emitter.is_written() && self.subscribers.is_complete(published);
            if is_complete || self.clock.now_ns() > deadline_ns {
                return Ok(());
            }
        }
    }

    /// Serves everything that is ready once, without sleeping. Returns the time afterwards.
    fn pass(&mut self) -> Result<i64, LoadError> {
        match self.poll.poll(&mut self.events, Some(Duration::ZERO)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        let begin_ns = self.clock.now_ns();
        let Self {
            clock,
            events,
            subscribers,
            emitter,
            publishing,
            ..
        } = self;
        publish_due(publishing, emitter, subscribers, begin_ns)?;
        for event in &*events {
            match event.token() {
                PUBLISHER => emitter.listen()?,
                Token(subscriber) => {
                    subscribers.read(subscriber);
                    publish_due(publishing, emitter, subscribers, clock.now_ns())?;
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
}

/// Publishes what is due, and writes what the socket takes.
fn publish_due(
    publishing: &mut Publishing,
    emitter: &mut Emitter,
    subscribers: &Subscribers,
    now_ns: i64,
) -> Result<(), PublishError> {
    match publishing {
        Publishing::Scheduled(slots) => emitter.append_due(slots, now_ns, APPEND_LIMIT, |_| {}),
        Publishing::Window(updates) if emitter.is_written() => {
            let allowed = subscribers.ledger.completed() + *updates;
            let room = allowed.saturating_sub(emitter.published());
            for _ in 0..room.min(APPEND_LIMIT.updates as u64) {
                emitter.append(now_ns, now_ns);
            }
        }
        Publishing::Window(_) | Publishing::Ended => {}
    }
    emitter.flush()?;
    Ok(())
}
