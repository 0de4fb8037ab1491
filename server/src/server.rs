//! The whole server: binds, starts the ingest thread and the shards, and ends them in order.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tickcast_protocol::message::Epoch;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc, oneshot, watch},
    task::{JoinSet, spawn_local},
    time::{Instant, interval, sleep_until, timeout},
};

use crate::{
    admin::{self, Admin, QUESTIONS_MAX, SlowQuestion},
    clock::Clock,
    config::Settings,
    decode::Decoder,
    feed::{self, FeedMetrics, FeedSettings},
    head::Head,
    history::History,
    http::Site,
    ingest::{Ingest, Work},
    listener::{self, ConnectionCounts},
    liveness::Liveness,
    metrics::{FeedStats, Metrics},
    sequencer::Sequencer,
    session::ShardContext,
    settings::ServerSettings,
    shard::Shard,
    state::ServerState,
};

/// Submissions the sequencer takes at once, at most.
const WORK_AT_ONCE: usize = 1024;

/// How much later than due a silent topic may be found if nothing else happens, so that many of
/// them do not wake the ingest thread one by one.
const SILENCE_SLACK: Duration = Duration::from_millis(50);

/// How long feeds may take to end.
const FEEDS_END_TIMEOUT: Duration = Duration::from_secs(3);

/// How often connections are looked after: pings, heartbeats, timeouts.
const TICK: Duration = Duration::from_millis(500);

/// The same while draining, so that connections end spread over the window.
const DRAIN_TICK: Duration = Duration::from_millis(20);

/// How long clients may take to answer the close frame of a drain.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// A round that took so long wrote to about a hundred clients or more.
const LONG_ROUND: Duration = Duration::from_micros(400);

/// Longest rest after a round.
const REST_MAX: Duration = Duration::from_millis(1);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The setting.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The system gave no thread or no timer.
    #[error("cannot start the {name} thread: {error}")]
    Thread {
        /// Which one.
        name: String,
        /// What the system says.
        error: io::Error,
    },
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    state: Arc<ServerState>,
    end: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    /// Its thread, which ends when the sender is dropped.
    admin: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
}

impl Server {
    /// Starts a server; it runs on threads of its own until [`shutdown`](Self::shutdown).
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings {
            server,
            feeds,
            decode,
            liveness,
            ..
        } = settings;
        let server = Arc::new(server);
        let listen = |error| StartError::Listen {
            address: server.listen,
            error,
        };
        let listeners = listener::bind(server.listen, server.shards).map_err(listen)?;
        let address = listeners[0].local_addr().map_err(listen)?;

        let admin_listener = server.admin.map(|address| {
            admin::bind(address).map_err(|error| StartError::Listen { address, error })
        });
        let admin_listener = admin_listener.transpose()?;
        let admin_address = match &admin_listener {
            Some(listener) => Some(listener.local_addr().map_err(listen)?),
            None => None,
        };

        let metrics = Arc::new(Metrics {
            shards: (0..server.shards).map(|_| Arc::default()).collect(),
            feeds: feeds.iter().map(feed_stats).collect(),
            ..Metrics::default()
        });
        let state = Arc::new(ServerState::default());
        let head = Arc::new(Head::new(server.shards, server.tape_bytes));
        let (end, ended) = watch::channel(false);
        let (ingest, submissions) = Ingest::new();
        let epoch = Epoch(rand::random());
        let clock = Clock::start();
        let counts = ConnectionCounts::new(server.connections_per_address_max);

        let mut threads = Vec::new();
        let mut shards = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
            shards.push(questions);
            let shard = ShardThread {
                index,
                asked,
                epoch,
                listener,
                settings: Arc::clone(&server),
                metrics: Arc::clone(&metrics),
                state: Arc::clone(&state),
                head: Arc::clone(&head),
                counts: Arc::clone(&counts),
                ingest: ingest.clone(),
                clock,
            };
            threads.push(spawn(format!("shard-{index}"), move || shard.run())?);
        }
        let thread = IngestThread {
            sequencer: Sequencer::new(server.topics_max)
                .with_liveness(Liveness::new(liveness))
                .with_history(History::new(server.history)),
            clock,
            feeds,
            decoder: Decoder::new(decode),
            ingest,
            submissions,
            head,
            metrics: Arc::clone(&metrics),
            ended,
        };
        threads.push(spawn("ingest".to_owned(), move || thread.run())?);
        let admin = Admin {
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
            shards,
        };
        let admin = match admin_listener {
            Some(listener) => {
                let (end, ended) = oneshot::channel();
                let run = move || block_on(admin.run(listener, ended));
                Some((end, spawn("admin".to_owned(), run)?))
            }
            None => None,
        };
        Ok(Self {
            address,
            admin_address,
            metrics,
            state,
            end,
            threads,
            admin,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers operators.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Its numbers.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Ends it: no more connections, feeds stop, what was accepted is delivered, clients are told
    /// to reconnect and closed over the drain window. Returns when all threads have ended.
    pub fn shutdown(self) {
        self.state.drain();
        // Nobody listening any more means that the ingest thread has ended already.
        let _ = self.end.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server panicked");
            }
        }
        // Operators are answered until all clients are gone.
        if let Some((end, thread)) = self.admin {
            drop(end);
            if thread.join().is_err() {
                tracing::error!("the admin thread panicked");
            }
        }
    }
}

fn feed_stats(feed: &FeedSettings) -> FeedStats {
    FeedStats {
        name: feed.name.clone(),
        kind: feed.source.kind(),
        metrics: Arc::default(),
    }
}

/// Starts a thread with a current-thread runtime on it.
fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    let thread = thread::Builder::new().name(format!("tickcast-{name}"));
    thread
        .spawn(body)
        .map_err(|error| StartError::Thread { name, error })
}

fn block_on(body: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(body),
        Err(error) => tracing::error!(%error, "the runtime could not be made"),
    }
}

/// Feeds and the sequencer.
struct IngestThread {
    sequencer: Sequencer,
    clock: Clock,
    feeds: Vec<FeedSettings>,
    decoder: Decoder,
    ingest: Ingest,
    submissions: mpsc::Receiver<Work>,
    head: Arc<Head>,
    metrics: Arc<Metrics>,
    ended: watch::Receiver<bool>,
}

impl IngestThread {
    fn run(self) {
        block_on(async move {
            let Self {
                sequencer,
                clock,
                feeds,
                decoder,
                ingest,
                submissions,
                head,
                metrics,
                ended,
            } = self;
            let mut tasks = JoinSet::new();
            for (id, (settings, stats)) in (0..).zip(feeds.into_iter().zip(&metrics.feeds)) {
                let stats: Arc<FeedMetrics> = Arc::clone(&stats.metrics);
                let end = ended_signal(ended.clone());
                tasks.spawn_local(feed::run(
                    settings,
                    decoder.clone(),
                    ingest.of_feed(id),
                    stats,
                    end,
                ));
            }
            drop(ingest);
            let feeds_ended = Rc::new(Notify::new());
            let told = Rc::clone(&feeds_ended);
            spawn_local(async move {
                ended_signal(ended).await;
                let all = async { while tasks.join_next().await.is_some() {} };
                if timeout(FEEDS_END_TIMEOUT, all).await.is_err() {
                    tracing::warn!("a feed did not end in time");
                }
                told.notify_one();
            });
            let sequencing = Sequencing {
                sequencer,
                clock,
                head: &head,
                metrics: &metrics,
            };
            sequencing.run(submissions, &feeds_ended).await;
            head.end();
        });
    }
}

/// Ready when the server is to end.
async fn ended_signal(mut ended: watch::Receiver<bool>) {
    // An error means that the server was dropped: that is an end, too.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Takes what feeds and clients bring, as much as there is, and makes strips of it.
struct Sequencing<'a> {
    sequencer: Sequencer,
    clock: Clock,
    head: &'a Head,
    metrics: &'a Metrics,
}

impl Sequencing<'_> {
    async fn run(mut self, mut queue: mpsc::Receiver<Work>, feeds_ended: &Notify) {
        let mut taken = Vec::with_capacity(WORK_AT_ONCE);
        loop {
            let silence = self.sequencer.liveness().next_due();
            tokio::select! {
                biased;
                () = feeds_ended.notified() => {
                    // What is in the queue is still sequenced; nothing more gets in.
                    queue.close();
                    continue;
                }
                count = queue.recv_many(&mut taken, WORK_AT_ONCE) => if count == 0 {
                    return;
                },
                () = until_silent(self.clock, silence) => {}
            }
            for work in taken.drain(..) {
                self.take(work).await;
                if self.sequencer.is_full() {
                    self.push_strip().await;
                }
            }
            self.sequencer.poll(self.clock.now());
            while self.push_strip().await {}
            self.count();
        }
    }

    async fn take(&mut self, work: Work) {
        let now = self.clock.now();
        match work {
            Work::Updates(submission) => self.sequencer.push(submission, now),
            Work::FeedDown(feed) => self.sequencer.feed_down(feed, now),
            Work::History(question) => {
                // What the answer tells of must be with the shard before it.
                while self.push_strip().await {}
                let answer = self.sequencer.recall(question);
                self.head.answer(answer).await;
            }
        }
    }

    /// `false` if there was nothing to push.
    async fn push_strip(&mut self) -> bool {
        let Some(strip) = self.sequencer.take_strip() else {
            return false;
        };
        self.metrics.ingest.strips.add(1);
        self.head.push(strip).await;
        true
    }

    fn count(&self) {
        let stats = &self.metrics.ingest;
        stats.position.set(self.sequencer.position());
        stats.refused.set(self.sequencer.refused());
        stats.waits.set(self.head.waits());
        let history = self.sequencer.history();
        stats.history_bytes.set(history.bytes() as u64);
        stats.history_forgotten.set(history.forgotten());
        let counts = self.sequencer.liveness().counts();
        for (number, count) in stats.statuses.iter().zip(counts) {
            number.set(count);
        }
    }
}

/// Ready when topics may have been silent for too long; never if none can be.
async fn until_silent(clock: Clock, due: Option<Duration>) {
    match due {
        // Not for each topic by itself: those that are due soon are found together.
        Some(due) => sleep_until(Instant::from_std(clock.instant(due + SILENCE_SLACK))).await,
        None => std::future::pending().await,
    }
}

/// One shard with its listener.
struct ShardThread {
    index: usize,
    /// What operators ask.
    asked: mpsc::Receiver<SlowQuestion>,
    epoch: Epoch,
    listener: std::net::TcpListener,
    settings: Arc<ServerSettings>,
    metrics: Arc<Metrics>,
    state: Arc<ServerState>,
    head: Arc<Head>,
    counts: Arc<ConnectionCounts>,
    ingest: Ingest,
    clock: Clock,
}

impl ShardThread {
    fn run(self) {
        block_on(async move {
            let listener = match tokio::net::TcpListener::from_std(self.listener) {
                Ok(listener) => listener,
                Err(error) => {
                    tracing::error!(%error, "the listening socket could not be used");
                    return;
                }
            };
            let stats = Arc::clone(&self.metrics.shards[self.index]);
            let shard = Shard::new(self.index, self.epoch, Arc::clone(&self.settings), stats);
            let settings = Arc::clone(&self.settings);
            let context = ShardContext::new(
                shard,
                Arc::clone(&self.head),
                settings,
                self.ingest,
                self.clock,
            );
            let site = Rc::new(Site {
                context: Rc::clone(&context),
                state: self.state,
                metrics: self.metrics,
            });
            spawn_local(listener::accept(listener, site, self.counts));
            spawn_local(tick(Rc::clone(&context)));
            spawn_local(answer_operators(Rc::clone(&context), self.asked));
            rounds(self.index, &self.head, &context).await;
            drain(&context, self.settings.drain).await;
        });
    }
}

async fn tick(context: Rc<ShardContext>) {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
        context.with(|shard, now| shard.tick(now));
    }
}

async fn answer_operators(context: Rc<ShardContext>, mut asked: mpsc::Receiver<SlowQuestion>) {
    while let Some(SlowQuestion { limit, answer }) = asked.recv().await {
        // Whoever asked may have stopped waiting.
        let _ = answer.send(context.slowest(limit));
    }
}

/// Runs rounds until the last strip has gone out.
async fn rounds(index: usize, head: &Head, context: &Rc<ShardContext>) {
    let wake = head.wake(index);
    loop {
        let has_ended = head.has_ended();
        let begin = Instant::now();
        let round = context.round();
        let rested = rested_after(begin);
        let is_last = has_ended && round.is_idle;
        if is_last {
            return;
        }
        // Clients are read between two rounds, however much there is to send.
        tokio::task::yield_now().await;
        if round.has_more {
            continue;
        }
        // While nothing comes there is nothing to look for either.
        let quiet_until = round.quiet_until.filter(|_| !round.is_idle);
        head.doze(index, quiet_until.is_some());
        match round.due.into_iter().chain(quiet_until).min() {
            None => wake.notified().await,
            Some(due) => {
                let due = Instant::from_std(context.clock.instant(due));
                tokio::select! {
                    () = wake.notified() => {}
                    () = sleep_until(due) => {}
                }
            }
        }
        head.doze(index, false);
        rest_until(rested);
    }
}

/// When the next round may follow one that has just ended: a round costs about the same however many
/// updates it has, so a shard that would be busy all the time saves a third of its work by waiting
/// for more. One that is busy for less than two thirds of the time never rests.
fn rested_after(begin: Instant) -> Instant {
    let end = Instant::now();
    let took = end - begin;
    if took < LONG_ROUND {
        return end;
    }
    end + (took / 2).min(REST_MAX)
}

#[allow(
    clippy::disallowed_methods,
    reason = "shorter than a round, which nothing interrupts either; the runtime's timers step by 1 ms"
)]
fn rest_until(rested: Instant) {
    let rest = rested.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        std::thread::sleep(rest);
    }
}

/// Lets all clients go, spread over the window.
async fn drain(context: &Rc<ShardContext>, window: Duration) {
    context.with(|shard, now| shard.drain(window, now));
    let mut ticks = interval(DRAIN_TICK);
    let all_gone = async {
        while context.with(|shard, now| {
            shard.round(&[], now);
            shard.catch_up(now);
            shard.tick(now);
            shard.connections() > 0
        }) {
            ticks.tick().await;
        }
    };
    if timeout(window + DRAIN_GRACE, all_gone).await.is_err() {
        let left = context.with(|shard, _| shard.connections());
        tracing::warn!(left, "clients did not answer the close frame in time");
    }
}
