//! A shard's thread: its listener, its rounds, and its timers.

use std::{rc::Rc, sync::Arc, time::Duration};

use tickcast_core::{restored::Restored, settings::CoreSettings, shard::Shard};
use tickcast_protocol::message::Epoch;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::{spawn_local, yield_now},
    time::{Instant, interval, sleep_until, timeout_at},
};

use super::{
    arrival::{Arrival, ListenerInfo},
    descriptors::Descriptors,
    echo::Echo,
    gate::Gate,
    history::HISTORIES_MAX,
    identity_commands,
    listener::Accept,
    operator_questions::Question,
    permits::Permits,
    ring_writer::RingWriter,
    routes::Routes,
    shard_handle::ShardHandle,
    socket_io::Sessions,
    state::ServerState,
    stream::Stream,
    turned_away::TURNED_AWAY_MAX,
    ws_reader::Budget,
};
use crate::{
    audit::{AuditLog, ShardAudit},
    auth::{Auth, Verifier},
    clock::Clock,
    data::LogReads,
    ingest::{Handoff, Ingest},
    metrics::Metrics,
    settings::ServerSettings,
    tasks::{Restarts, Task},
};

/// Approximate number of connections whose timers run together: if all of them get a heartbeat, an
/// update waits for a millisecond.
const TICK_CONNECTIONS: usize = 200;

/// Shortest time between two parts of a tick. Shorter ones would cost noticeable CPU time while the
/// server is otherwise idle.
const TICK_PART_MIN: Duration = Duration::from_millis(10);

/// The interval while draining, so that connections are closed evenly over the window.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// Maximum time for clients to answer the close frame of a drain.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// A round that elapsed this long wrote to about a hundred clients or more.
const LONG_ROUND: Duration = Duration::from_micros(400);

/// A busy shard rests for this fraction (1/16) of its last round. With 200 subscribers at 2,000
/// updates/s, a sixteenth saves a ninth of the work, and an eighth saves a seventh. But an update
/// waits for the round and the rest: the p99 is 1.3 ms and 1.7 ms, respectively.
const REST_PART: u32 = 16;

/// Longest rest after a round.
const REST_MAX: Duration = Duration::from_millis(1);

/// One shard with its listener.
pub(crate) struct ShardThread {
    pub(crate) index: usize,
    /// Questions of operators.
    pub(crate) questions: mpsc::Receiver<Question>,
    pub(crate) epoch: Epoch,
    /// What the last server knew, if there is a log.
    pub(crate) restored: Option<Arc<Restored>>,
    pub(crate) listeners: Vec<ShardListener>,
    /// Connections that acceptors hand over, if there are any, and the task that takes them.
    pub(crate) arrivals: Option<(mpsc::Receiver<Arrival>, Task)>,
    pub(crate) settings: Arc<ServerSettings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) state: Arc<ServerState>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) gate: Arc<Gate>,
    /// Clients of Socket.IO that poll, of all shards.
    pub(crate) socket_io: Arc<Sessions>,
    /// Memory for long messages of the clients of `/echo`.
    pub(crate) echo_budget: Arc<Budget>,
    pub(crate) descriptors: Arc<Descriptors>,
    pub(crate) tasks: ShardTasks,
    /// Number of shards that may still have clients. They wait for each other at the end.
    pub(crate) busy_shards: watch::Sender<usize>,
    pub(crate) ingest: Ingest,
    pub(crate) clock: Clock,
    /// The identities, if the server has any.
    pub(crate) auth: Option<Arc<Auth>>,
    /// The audit, if there is one.
    pub(crate) audit: Option<Arc<AuditLog>>,
    /// How the log on disk is read, if there is one.
    pub(crate) log_reads: Option<LogReads>,
}

/// A listener whose connections a shard accepts itself.
#[derive(Debug)]
pub(crate) struct ShardListener {
    pub(crate) socket: std::net::TcpListener,
    pub(crate) info: Arc<ListenerInfo>,
    /// Accepts connections.
    pub(crate) task: Task,
}

/// The tasks of a shard's thread.
#[derive(Debug)]
pub(crate) struct ShardTasks {
    /// Pings, heartbeats and timeouts.
    pub(crate) timers: Task,
    /// Answers operators.
    pub(crate) operators: Task,
    /// Stands for the tasks of single connections.
    pub(crate) connections: Task,
}

impl ShardThread {
    /// Runs until the last strip is sent and all clients are gone. An error is why it cannot.
    pub(crate) async fn run(self) -> Result<(), String> {
        let tasks = self.tasks;
        let stats = Arc::clone(&self.metrics.shards[self.index]);
        let core = Arc::new(CoreSettings {
            is_node: self.metrics.cluster.is_some(),
            ..self.settings.core()
        });
        let tick_interval = core.tick();
        let echo = Echo::new(
            Arc::clone(&self.settings),
            Arc::clone(&stats),
            self.echo_budget,
        );
        let mut shard = Shard::new(self.index, self.epoch, core, stats);
        if let Some(restored) = self.restored {
            shard.restore(&restored);
        }
        if self.log_reads.is_some() {
            shard = shard.with_log();
        }
        if let Some(auth) = &self.auth {
            shard = shard.with_verify(Box::new(Verifier(Arc::clone(auth))));
        }
        if let Some(log) = &self.audit {
            shard = shard.with_audit(Box::new(ShardAudit {
                shard: self.index,
                log: Arc::clone(log),
            }));
        }
        if self.settings.io_uring {
            match RingWriter::new() {
                Ok(writer) => shard = shard.with_write_many(writer),
                // The other shards run on the same kernel, so only the first one warns.
                Err(error) if self.index > 0 => {
                    tracing::debug!(%error, "io_uring is not available")
                }
                Err(error) => tracing::info!(
                    %error,
                    "no io_uring: each client costs a system call, which is about a seventh more CPU"
                ),
            }
        }
        let handoff = Arc::clone(&self.handoff);
        let knows = (self.auth, self.audit, self.log_reads);
        let shard = ShardHandle::new(shard, handoff, self.ingest, self.clock, knows);
        let window = self.settings.drain;
        let routes = Rc::new(Routes {
            shard: Rc::clone(&shard),
            echo: Rc::clone(&echo),
            settings: Arc::clone(&self.settings),
            state: self.state,
            metrics: self.metrics,
            gate: self.gate,
            socket_io: self.socket_io,
            permits: Arc::clone(&self.permits),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
            histories: Arc::new(Semaphore::new(HISTORIES_MAX)),
            connections: tasks.connections,
        });
        for listener in self.listeners {
            let socket = tokio::net::TcpListener::from_std(listener.socket)
                .map_err(|error| format!("cannot use the listening socket: {error}"))?;
            let accept = Rc::new(Accept {
                listener: socket,
                info: listener.info,
                settings: Arc::clone(&self.settings),
                permits: Arc::clone(&self.permits),
                descriptors: Arc::clone(&self.descriptors),
            });
            let routes = Rc::clone(&routes);
            spawn_local(Restarts::new(listener.task).run(move || {
                let (accept, routes) = (Rc::clone(&accept), Rc::clone(&routes));
                async move {
                    let begin = |stream, peer, admission| {
                        routes.accepted(Stream::new(stream), peer, &accept.info, admission);
                    };
                    accept.run(begin).await;
                }
            }));
        }
        if let Some((arrivals, task)) = self.arrivals {
            spawn_part(&shard, task, take_arrivals(routes, arrivals));
        }
        let timers = tick(Rc::clone(&shard), tick_interval);
        spawn_part(&shard, tasks.timers, timers);
        let operators = identity_commands::answer_all(Rc::clone(&shard), self.questions);
        spawn_part(&shard, tasks.operators, operators);
        rounds(self.index, &self.handoff, &shard).await;
        let deadline = Instant::now() + window + DRAIN_GRACE;
        drain(&shard, &echo, window, deadline).await;
        if shard.has_failed() {
            return Err("a call of the shard panicked".to_owned());
        }
        // The listener keeps telling new clients that the server is draining until no shard has
        // clients; a closed listener would reset them. No shard takes longer than this one may.
        self.busy_shards
            .send_modify(|busy| *busy = busy.saturating_sub(1));
        let mut busy = self.busy_shards.subscribe();
        let _ = timeout_at(deadline, busy.wait_for(|busy| *busy == 0)).await;
        Ok(())
    }
}

/// Starts a task without which the shard is incomplete: its panic is a failure of the shard.
fn spawn_part(shard: &Rc<ShardHandle>, task: Task, part: impl Future<Output = ()> + 'static) {
    let shard = Rc::clone(shard);
    spawn_local(async move {
        if let Err(panic) = task.caught(part).await {
            task.end(panic);
            shard.fail();
        }
    });
}

/// Runs the timers of each connection once per interval: pings, heartbeats, timeouts.
async fn tick(shard: Rc<ShardHandle>, interval: Duration) {
    let parts_max = (interval.as_millis() / TICK_PART_MIN.as_millis()).max(1) as usize;
    let mut due = Instant::now();
    loop {
        let connections = shard.with(|shard, _| shard.connections());
        let parts = connections.div_ceil(TICK_CONNECTIONS);
        let parts = parts.clamp(1, parts_max);
        for part in 0..parts {
            // Measured from the time that was due, because sleeping takes longer than asked for.
            due = (due + interval / parts as u32).max(Instant::now());
            sleep_until(due).await;
            shard.with(|shard, now| shard.tick_part(part, parts, now));
        }
    }
}

/// Serves the connections of acceptors.
async fn take_arrivals(routes: Rc<Routes>, mut arrivals: mpsc::Receiver<Arrival>) {
    while let Some(arrival) = arrivals.recv().await {
        let peer = arrival.peer;
        let stream = match arrival.stream.into_stream() {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%peer, %error, "cannot use a connection");
                continue;
            }
        };
        routes.accepted(stream, peer, &arrival.info, arrival.admission);
        // If thousands come back at once, updates are sent between two of them.
        yield_now().await;
    }
}

/// Runs rounds until the last strip is sent.
async fn rounds(index: usize, handoff: &Handoff, shard: &Rc<ShardHandle>) {
    let wake = handoff.wake(index);
    let mut begin = Instant::now();
    loop {
        if shard.has_failed() {
            return;
        }
        let has_ended = handoff.has_ended();
        let turn = shard.turn();
        if has_ended && turn.is_idle && !turn.has_unsent {
            return;
        }
        // Clients are read between two turns, even if there is much to send. In the first yield the
        // runtime finds the readable clients; in the second it reads them.
        yield_now().await;
        yield_now().await;
        if turn.has_served_log {
            // Threads that bring live updates may wait for this core.
            std::thread::yield_now();
        }
        // After the end no wake-up comes.
        if turn.has_more || has_ended {
            continue;
        }
        let rested = rested_after(begin);
        if !turn.has_unsent {
            // While no strips arrive there is no reason to poll.
            let quiet_until = turn.quiet_until.filter(|_| !turn.is_idle);
            handoff.doze(index, quiet_until.is_some());
            match turn.due.into_iter().chain(quiet_until).min() {
                None => wake.notified().await,
                Some(due) => {
                    let due = Instant::from_std(shard.clock.instant(due));
                    tokio::select! {
                        () = wake.notified() => {}
                        () = sleep_until(due) => {}
                    }
                }
            }
            handoff.doze(index, false);
        }
        rest_until(rested);
        begin = Instant::now();
    }
}

/// The earliest time of the next round after one that has just ended. A round costs about the same
/// whatever its number of updates, so a shard that would always be busy saves work by waiting for
/// more. A shard that is busy for less than sixteen seventeenths of the time never rests.
fn rested_after(begin: Instant) -> Instant {
    let end = Instant::now();
    let elapsed = end - begin;
    if elapsed < LONG_ROUND {
        return end;
    }
    end + (elapsed / REST_PART).min(REST_MAX)
}

#[allow(
    clippy::disallowed_methods,
    reason = "shorter than an uninterrupted round; the runtime's timers step by 1 ms"
)]
fn rest_until(rested: Instant) {
    let rest = rested.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        std::thread::sleep(rest);
    }
}

/// Disconnects all clients, spread over the window, and waits for them until the deadline.
async fn drain(shard: &Rc<ShardHandle>, echo: &Echo, window: Duration, deadline: Instant) {
    if shard.has_failed() {
        return;
    }
    shard.with(|shard, now| shard.drain(window, now));
    echo.drain(window);
    let mut ticks = interval(DRAIN_TICK);
    let all_gone = async {
        while shard.with(|shard, now| {
            shard.round(&[], now);
            shard.work(now);
            shard.catch_up(now);
            shard.tick(now);
            shard.connections() > 0 || echo.clients() > 0
        }) {
            ticks.tick().await;
            if shard.has_failed() {
                return;
            }
        }
    };
    if timeout_at(deadline, all_gone).await.is_err() {
        let left = shard.with(|shard, _| shard.connections()) + echo.clients() as usize;
        tracing::warn!(left, "clients did not answer the close frame in time");
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::{permissions::Access, tape::StripBuilder};
    use tickcast_protocol::{
        codec::Encoding,
        message::{ClientMessage, Mode, Quality, Subscribe, TopicInfo, Update},
        topic::Topic,
        value::Value,
    };
    use tokio::{
        net::{TcpListener, TcpStream},
        task::LocalSet,
        time::timeout,
    };

    use super::*;
    use crate::net::{outlet::Outlet, stream::Stream};

    const DEADLINE: Duration = Duration::from_secs(30);

    /// A shard that finds the last strip after the end was announced gets only one wake-up for
    /// both.
    #[tokio::test]
    async fn rounds_end_when_the_last_strip_and_the_end_arrive_together() {
        let handoff = Arc::new(Handoff::new(1, 1 << 20));
        let clock = Clock::start();
        let mut shard = Shard::new(0, Epoch(1), Arc::default(), Arc::default());
        // A client that gets each update at once keeps the shard from polling.
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let outlet = Outlet::Tcp(Stream::new(stream));
        let key = shard.connect(outlet, Encoding::Json, Access::READER, clock.now());
        let request = Subscribe {
            id: 1,
            filters: vec!["a".into()],
            mode: Mode::Every,
            max_rate_hz: None,
        };
        let nothing_else = shard.handle(key, ClientMessage::Subscribe(request), clock.now());
        assert_eq!(nothing_else, None);
        let (ingest, _queue) = Ingest::new(clock);
        let shard = ShardHandle::new(
            shard,
            Arc::clone(&handoff),
            ingest,
            clock,
            (None, None, None),
        );

        let mut strip = StripBuilder::new(1);
        strip.introduce(TopicInfo::new(0, Topic::new("a").expect("it is a topic")));
        strip.push(&Update {
            topic: 0,
            position: 1,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: Quality::Live,
            value: Value::Reading(1.0),
        });
        handoff.push(Arc::new(strip.build())).await;
        handoff.end();
        handoff.wake(0).notified().await;
        let rounds = async { timeout(DEADLINE, rounds(0, &handoff, &shard)).await };
        LocalSet::new()
            .run_until(rounds)
            .await
            .expect("the rounds end");
        assert_eq!(handoff.taken(0), handoff.pushed());
    }
}
