//! The thread: reads whatever is readable, and lets each subscriber understand it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread,
    time::Duration,
};

use mio::{Events, Poll, Token, Waker};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tickcast_protocol::{codec::SERVER_MESSAGE_MAX_BYTES, message::TimeNs};

use super::{
    context::WorkerContext,
    counts::ConnectionCounts,
    handle::WorkerHandle,
    messages::{WorkerCommand, WorkerReply, WorkerReport},
    queries,
    role::{Member, Role},
    session::WorkerShared,
    settings::WorkerSettings,
    subscriber::{Flow, Subscriber},
};
use crate::{
    connection::SocketReader,
    latency::{Histogram, histogram, record},
    ledger::Baseline,
    observe::process,
    schedule::RunClock,
};

/// Events fetched per poll. Commands get a turn before the next events are fetched.
const EVENTS_MAX: usize = 1024;

/// Commands and replies on the way. There are a handful per second.
const QUEUE_MAX: usize = 64;

/// Time between two reads of a slow reader.
const SLOW_TICK_NS: i64 = 20_000_000;

/// Mean pause before a subscriber that lost its connection reconnects.
const RECONNECT_NS: f64 = 100e6;

const WAKER: Token = Token(usize::MAX);

/// Starts a thread with these subscribers. It opens no connections yet.
pub fn start(
    number: usize,
    settings: Arc<WorkerSettings>,
    members: Vec<Member>,
    clock: RunClock,
) -> io::Result<WorkerHandle> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (commands, command_receiver) = sync_channel(QUEUE_MAX);
    let (reply_sender, replies) = sync_channel(QUEUE_MAX);
    let mut worker = Worker {
        poll,
        clock,
        subscribers: members.into_iter().map(Subscriber::new).collect(),
        reader: SocketReader::new(clock, SERVER_MESSAGE_MAX_BYTES),
        context: WorkerContext {
            shared: WorkerShared::default(),
            counts: ConnectionCounts::default(),
            errors: BTreeMap::new(),
            connect: histogram(),
            baseline: settings.baseline,
            is_ending: false,
        },
        timers: BinaryHeap::new(),
        commands: command_receiver,
        replies: reply_sender,
        lag: histogram(),
        churn_per_s: 0.0,
        churn_next: 0,
        rng: StdRng::seed_from_u64(settings.seed ^ number as u64),
        is_started: false,
        settings,
    };
    let thread_id = Arc::new(AtomicU32::new(0));
    let own_id = thread_id.clone();
    let thread = thread::Builder::new()
        .name(format!("receiver-{number}"))
        .spawn(move || {
            own_id.store(process::thread_id().unwrap_or(0), Ordering::Relaxed);
            worker.run();
        })?;
    Ok(WorkerHandle {
        commands,
        replies,
        waker,
        thread_id,
        thread,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Open,
    Read,
    Churn,
}

/// See the module.
struct Worker {
    poll: Poll,
    clock: RunClock,
    settings: Arc<WorkerSettings>,
    subscribers: Vec<Subscriber>,
    reader: SocketReader,
    context: WorkerContext,
    timers: BinaryHeap<Reverse<(TimeNs, Timer, usize)>>,
    commands: Receiver<WorkerCommand>,
    replies: SyncSender<WorkerReply>,
    lag: Histogram,
    churn_per_s: f64,
    churn_next: usize,
    rng: StdRng,
    is_started: bool,
}

impl Worker {
    fn run(&mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut busy_before_ns = 0;
        loop {
            let timeout = self.timers.peek().map(|Reverse((at_ns, ..))| {
                Duration::from_nanos((at_ns - self.clock.now_ns()).max(0) as u64)
            });
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                self.context.error(format!("poll: {error}"));
                return;
            }
            let polled_ns = self.clock.now_ns();
            for event in &events {
                if event.token() == WAKER {
                    continue;
                }
                let flow = self.on_event(event, polled_ns - busy_before_ns);
                self.follow(event.token().0, flow);
            }
            self.run_timers(polled_ns);
            if self.run_commands().is_err() {
                return;
            }
            busy_before_ns = self.clock.now_ns() - polled_ns;
        }
    }

    /// `idle_ns` is the last moment at which the thread certainly had nothing to do.
    fn on_event(&mut self, event: &mio::event::Event, idle_ns: TimeNs) -> Flow {
        let token = event.token().0;
        let subscriber = &mut self.subscribers[token];
        let settings = &self.settings;
        if event.is_writable() {
            let flow = subscriber.on_writable(&mut self.context);
            if flow != Flow::Continue {
                return flow;
            }
        }
        if !event.is_readable() && !event.is_error() {
            return Flow::Continue;
        }
        if subscriber.is_hindered() {
            return subscriber.on_event_while_hindered(event, &mut self.context);
        }
        let flow = subscriber.read(None, &mut self.reader, settings, &mut self.context);
        if self.is_started && subscriber.role().is_healthy() {
            record(&mut self.lag, self.clock.now_ns() - idle_ns);
        }
        flow
    }

    /// Does what a subscriber cannot do itself.
    fn follow(&mut self, token: usize, flow: Flow) {
        match flow {
            Flow::Continue => {}
            Flow::Reconnect => {
                let pause_ns = RECONNECT_NS * self.rng.random_range(0.5..1.5);
                self.set_timer(pause_ns as i64, Timer::Open, token);
            }
            Flow::Gone => {}
        }
    }

    fn set_timer(&mut self, in_ns: i64, timer: Timer, token: usize) {
        let at_ns = self.clock.now_ns() + in_ns;
        self.timers.push(Reverse((at_ns, timer, token)));
    }

    fn run_timers(&mut self, now_ns: TimeNs) {
        while let Some(&Reverse((at_ns, timer, token))) = self.timers.peek()
            && at_ns <= now_ns
        {
            self.timers.pop();
            match timer {
                Timer::Open => self.open(token, at_ns),
                Timer::Read => self.read_hindered(token),
                Timer::Churn => self.churn(at_ns),
            }
        }
    }

    fn open(&mut self, token: usize, now_ns: TimeNs) {
        if self.context.is_ending {
            return;
        }
        let registry = self.poll.registry();
        let subscriber = &mut self.subscribers[token];
        let opened = subscriber.open(Token(token), registry, &self.settings, now_ns);
        if let Err(error) = opened {
            let flow = subscriber.fail(format!("connect: {error}"), &mut self.context);
            self.follow(token, flow);
        }
    }

    fn read_hindered(&mut self, token: usize) {
        let now_ns = self.clock.now_ns();
        let subscriber = &mut self.subscribers[token];
        if subscriber.stalled_until(now_ns) {
            return;
        }
        let tick_bytes = self.settings.slow_bytes_per_s * SLOW_TICK_NS as u64 / 1_000_000_000;
        let is_slow = subscriber.role() == Role::Slow;
        let max_bytes = is_slow.then_some(tick_bytes.max(1) as usize);
        let (reader, context) = (&mut self.reader, &mut self.context);
        let flow = subscriber.read(max_bytes, reader, &self.settings, context);
        if is_slow && flow == Flow::Continue {
            self.set_timer(SLOW_TICK_NS, Timer::Read, token);
        }
        self.follow(token, flow);
    }

    fn churn(&mut self, now_ns: TimeNs) {
        if self.churn_per_s <= 0.0 || self.context.is_ending {
            return;
        }
        let next_ns = (1e9 / self.churn_per_s) as i64;
        self.timers
            .push(Reverse((now_ns + next_ns, Timer::Churn, 0)));
        let len = self.subscribers.len();
        for _ in 0..len {
            self.churn_next = (self.churn_next + 1) % len;
            let subscriber = &mut self.subscribers[self.churn_next];
            if subscriber.leave(&mut self.context) {
                self.open(self.churn_next, now_ns);
                return;
            }
        }
    }

    fn storm(&mut self) {
        let now_ns = self.clock.now_ns();
        for token in 0..self.subscribers.len() {
            if self.subscribers[token].leave(&mut self.context) {
                self.open(token, now_ns);
            }
        }
    }

    /// Fails when the thread must end.
    fn run_commands(&mut self) -> Result<(), TryRecvError> {
        loop {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(error) => return Err(error),
            };
            self.run_command(command)?;
        }
    }

    fn run_command(&mut self, command: WorkerCommand) -> Result<(), TryRecvError> {
        let reply = match command {
            WorkerCommand::Open { from_ns, per_s } => {
                for token in 0..self.subscribers.len() {
                    let at_ns = from_ns + (token as f64 / per_s * 1e9) as i64;
                    self.timers.push(Reverse((at_ns, Timer::Open, token)));
                }
                return Ok(());
            }
            WorkerCommand::Start(scope) => {
                self.is_started = true;
                self.context.baseline = Baseline::Unknown;
                self.context.shared.recorder.start(scope);
                return Ok(());
            }
            WorkerCommand::Measure(range) => {
                self.context.shared.recorder.measure(range);
                return Ok(());
            }
            WorkerCommand::Hinder { until_ns } => {
                self.hinder(until_ns);
                return Ok(());
            }
            WorkerCommand::Churn { per_s } => {
                self.churn_per_s = per_s;
                self.churn(self.clock.now_ns());
                return Ok(());
            }
            WorkerCommand::Storm => {
                self.storm();
                return Ok(());
            }
            WorkerCommand::Report => WorkerReply::Report(Box::new(self.report())),
            WorkerCommand::Behind(newest) => {
                let context = &mut self.context;
                WorkerReply::Behind(queries::behind(&self.subscribers, &newest, context))
            }
            WorkerCommand::Newest(prefix) => {
                let newest = queries::newest(&self.subscribers, &prefix, &self.context);
                WorkerReply::Newest(newest)
            }
            WorkerCommand::Finish(newest) => {
                self.context.is_ending = true;
                queries::finish(&mut self.subscribers, &newest, &mut self.context);
                let report = Box::new(self.report());
                let completion = self.context.shared.recorder.take_completion();
                WorkerReply::Finished { report, completion }
            }
        };
        let is_last = matches!(reply, WorkerReply::Finished { .. });
        match self.replies.send(reply) {
            Ok(()) if !is_last => Ok(()),
            _ => Err(TryRecvError::Disconnected),
        }
    }

    fn hinder(&mut self, until_ns: TimeNs) {
        for token in 0..self.subscribers.len() {
            let subscriber = &mut self.subscribers[token];
            match subscriber.role() {
                Role::Probe | Role::Sample => continue,
                Role::Slow => self.timers.push(Reverse((0, Timer::Read, token))),
                Role::Stalled => self.timers.push(Reverse((until_ns, Timer::Read, token))),
                Role::Gone => {}
            }
            subscriber.hinder(until_ns);
        }
    }

    fn report(&mut self) -> WorkerReport {
        let context = &mut self.context;
        context.counts.from_the_future = context.shared.recorder.from_the_future;
        context.counts.bytes = self.reader.bytes;
        WorkerReport {
            recorded: context.shared.recorder.take(),
            lag: std::mem::replace(&mut self.lag, histogram()),
            connect: std::mem::replace(&mut context.connect, histogram()),
            counts: context.counts,
            errors: context.errors.clone(),
            healthy: context.shared.healthy,
            hindered: context.shared.hindered,
            position: context.shared.position,
            server: context.shared.server.clone(),
        }
    }
}
