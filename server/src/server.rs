//! The whole server: binds its addresses, starts its threads, and ends them in order.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use tickcast_core::{
    candles::LongHistory,
    sequencer::{History, Sequencer, liveness::Liveness},
};
use tickcast_protocol::message::Epoch;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    audit::{AuditLog, Line},
    auth::Auth,
    clock::Clock,
    config::Settings,
    feed::{self, FeedSettings, decode::Decoder},
    ingest::{Handoff, Ingest, IngestThread},
    metrics::{FeedStats, Metrics, TaskStats},
    net::{
        admin::{self, Admin, QUESTIONS_MAX},
        admin_commands::Commands,
        client_questions::{Command, Question},
        descriptors::{self, Descriptors, TooFewDescriptors},
        echo::ECHO_BUDGET_BYTES,
        gate::Gate,
        identity_commands::ask,
        listener,
        log_command::LogFilter,
        permits::Permits,
        shard_thread::{ShardTasks, ShardThread},
        state::{ServerState, Stage},
        ws_reader::Budget,
    },
    tasks::{Failure, Task, panic_text},
};

/// The reason why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The setting.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The process may have too few file descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The audit file cannot be used.
    #[error("cannot write the audit to {}: {error}", path.display())]
    Audit {
        /// The setting.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The identities file has problems.
    #[error("the identities cannot be used: {}", .0.join("; "))]
    Identities(Vec<String>),
    /// The system could not create a thread or a timer.
    #[error("cannot start the {name} thread: {error}")]
    Thread {
        /// The thread's name.
        name: String,
        /// The system's error.
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
    handoff: Arc<Handoff>,
    end: watch::Sender<bool>,
    failure: watch::Sender<Option<Failure>>,
    ingest: JoinHandle<()>,
    shards: Vec<JoinHandle<()>>,
    /// The admin thread, which ends when the sender is dropped.
    admin: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
    /// The identities, if it has any.
    auth: Option<Arc<Auth>>,
    /// The audit, if there is one.
    audit: Option<Arc<AuditLog>>,
    /// How the log's filter is changed.
    log_filter: Arc<LogFilter>,
    /// The channel to each shard.
    questioned: Vec<mpsc::Sender<Question>>,
}

impl Server {
    /// Starts a server. It runs on its own threads until [`shutdown`](Self::shutdown).
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let Settings {
            server,
            feeds,
            decode,
            liveness,
            ..
        } = settings;
        descriptors::check(server.shards, feeds.len())?;
        let server = Arc::new(server);
        let auth = match &server.identities {
            Some(path) => {
                let auth = Auth::load(path.clone(), server.authenticate_timeout);
                Some(auth.map_err(StartError::Identities)?)
            }
            None => None,
        };
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

        let mut tasks = Tasks::default();
        let connections = tasks.add("connections");
        let ingest_task = tasks.add("ingest");
        let feed_tasks = feeds
            .iter()
            .map(|feed| tasks.add(format!("feed-{}", feed.name)));
        let feed_tasks: Vec<_> = feed_tasks.collect();
        let shard_tasks = (0..server.shards).map(|index| {
            let parts = ShardTasks {
                listener: tasks.add(format!("listener-{index}")),
                timers: tasks.add(format!("timers-{index}")),
                operators: tasks.add(format!("operators-{index}")),
                connections: connections.clone(),
            };
            (tasks.add(format!("shard-{index}")), parts)
        });
        let shard_tasks: Vec<_> = shard_tasks.collect();
        let mut admin_tasks = || (tasks.add("admin"), tasks.add("listener-admin"));
        let admin_tasks = server.admin.map(|_| admin_tasks());

        let metrics = Arc::new(Metrics {
            shards: (0..server.shards).map(|_| Arc::default()).collect(),
            feeds: feeds.iter().map(feed_stats).collect(),
            tasks: tasks.stats,
            ..Metrics::default()
        });
        let descriptors = Arc::new(Descriptors::new(Arc::clone(&metrics)));
        let state = Arc::new(ServerState::default());
        let handoff = Arc::new(Handoff::new(server.shards, server.tape_bytes));
        let (end, ended) = watch::channel(false);
        let clock = Clock::start();
        let (ingest, submissions) = Ingest::new(clock);
        let epoch = Epoch(rand::random());
        let audit = match &server.audit {
            Some(path) => Some(start_audit(path, server.audit_max_bytes, epoch, &metrics)?),
            None => None,
        };
        let gate = Gate::new(Arc::clone(&server), Arc::clone(&metrics));
        let gate = Arc::new(gate.with_audit(audit.clone()));
        let permits = Permits::new(server.connections_per_address_max);
        let echo_budget = Budget::new(ECHO_BUDGET_BYTES);
        let (busy_shards, _) = watch::channel(server.shards);

        let mut shards = Vec::new();
        let mut questioned = Vec::new();
        for (index, (listener, (task, tasks))) in listeners.into_iter().zip(shard_tasks).enumerate()
        {
            let (question_sender, questions) = mpsc::channel(QUESTIONS_MAX);
            questioned.push(question_sender);
            let shard = ShardThread {
                index,
                questions,
                epoch,
                listener,
                settings: Arc::clone(&server),
                metrics: Arc::clone(&metrics),
                state: Arc::clone(&state),
                handoff: Arc::clone(&handoff),
                permits: Arc::clone(&permits),
                gate: Arc::clone(&gate),
                echo_budget: Arc::clone(&echo_budget),
                descriptors: Arc::clone(&descriptors),
                tasks,
                busy_shards: busy_shards.clone(),
                ingest: ingest.clone(),
                clock,
                auth: auth.clone(),
                audit: audit.clone(),
            };
            let thread = Thread::new(task, &state, &handoff);
            let run = async move || shard.run().await;
            let busy_shards = busy_shards.clone();
            let leave = move |handoff: &Handoff| {
                handoff.leave(index);
                busy_shards.send_modify(|busy| *busy = busy.saturating_sub(1));
            };
            shards.push(thread.spawn(run, leave)?);
        }
        let thread = IngestThread {
            sequencer: Sequencer::new(server.topics_max)
                .with_liveness(Liveness::new(liveness))
                .with_history(History::new(server.core().history))
                .with_long_history(LongHistory::new(server.core().long_history))
                .with_new_topics(server.core().new_topics),
            clock,
            submissions,
            handoff: Arc::clone(&handoff),
            metrics: Arc::clone(&metrics),
        };
        let feed_metrics = Arc::clone(&metrics);
        let run = async move || {
            let feeds_ended = ended.clone();
            let start_feeds = |tasks: &mut JoinSet<()>| {
                let decoder = Decoder::new(decode);
                for ((id, settings), task) in (0..).zip(feeds).zip(feed_tasks) {
                    let stats = Arc::clone(&feed_metrics.feeds[usize::from(id)].metrics);
                    let ended = ended_signal(feeds_ended.clone());
                    let (decoder, ingest) = (decoder.clone(), ingest.of_feed(id));
                    tasks.spawn_local(feed::run(settings, decoder, ingest, stats, task, ended));
                }
            };
            thread.run(start_feeds, ended_signal(ended)).await;
            Ok(())
        };
        // The shards serve what they have until the server is shut down.
        let thread = Thread::new(ingest_task, &state, &handoff);
        let ingest = thread.spawn(run, |_: &Handoff| ())?;
        let questioned_by_owner = questioned.clone();
        let log_filter = Arc::<LogFilter>::default();
        let admin = |listener| Admin {
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
            gate: Arc::clone(&gate),
            commands: Commands {
                auth: auth.clone(),
                shards: questioned,
                gate,
                audit: audit.clone(),
                log_filter: Arc::clone(&log_filter),
                clock,
            },
            descriptors,
            task: listener,
            connections,
        };
        let admin = match admin_listener.zip(admin_tasks) {
            Some((listener, (task, accepting))) => {
                let (end, ended) = oneshot::channel();
                let thread = Thread::new(task, &state, &handoff);
                let admin = admin(accepting);
                let run = async move || admin.run(listener, ended).await;
                Some((end, thread.spawn(run, |_: &Handoff| ())?))
            }
            None => None,
        };
        Ok(Self {
            address,
            admin_address,
            metrics,
            state,
            handoff,
            end,
            failure: tasks.failure,
            ingest,
            shards,
            admin,
            auth,
            audit,
            log_filter,
            questioned: questioned_by_owner,
        })
    }

    /// Reads the identities file again, and applies it to all connections. If something is wrong,
    /// nothing changes. Returns the number of clients that are affected; `None` if the server has
    /// no identities.
    pub async fn reload_identities(&self) -> Result<Option<usize>, String> {
        let Some(auth) = &self.auth else {
            return Ok(None);
        };
        auth.reload().map_err(|problems| problems.join("; "))?;
        let reviewed = ask(&self.questioned, &Command::Review).await;
        let reviewed = reviewed.map_err(|silent| format!("the shards {silent:?} do not answer"))?;
        Ok(Some(reviewed.len()))
    }

    /// Says how operators change the filter of the program's log.
    pub fn log_filter_by(
        &self,
        change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.log_filter.set(Box::new(change));
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that it serves operators on.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The server's counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Completes when the server has failed: a thread has ended that cannot be started again, so
    /// that updates or clients are lost. The rest of the server still runs. Its owner decides
    /// whether to shut it down; the server never ends the process.
    pub fn failed(&self) -> impl Future<Output = Failure> + Send + use<> {
        let mut failure = self.failure.subscribe();
        async move {
            if let Ok(failure) = failure.wait_for(Option::is_some).await
                && let Some(failure) = failure.clone()
            {
                return failure;
            }
            // The server was shut down.
            std::future::pending().await
        }
    }

    /// Ends the server. It accepts no more connections and stops its feeds. It delivers all
    /// accepted updates, tells clients to reconnect, and closes them over the drain window. Returns
    /// when all threads have ended.
    pub fn shutdown(self) {
        self.state.drain();
        // An error means that the ingest thread has already ended.
        let _ = self.end.send(true);
        // A thread that has failed has said so.
        let _ = self.ingest.join();
        // It does so itself, unless it has failed.
        self.handoff.end();
        for thread in self.shards {
            let _ = thread.join();
        }
        // The admin address works until all clients are gone.
        if let Some((end, thread)) = self.admin {
            drop(end);
            let _ = thread.join();
        }
        if let Some(audit) = self.audit {
            audit.end();
        }
    }
}

fn start_audit(
    path: &Path,
    max_bytes: usize,
    epoch: Epoch,
    metrics: &Metrics,
) -> Result<Arc<AuditLog>, StartError> {
    let stats = Arc::clone(&metrics.audit);
    let audit = AuditLog::start(path, max_bytes as u64, stats);
    let audit = audit.map_err(|error| StartError::Audit {
        path: path.to_owned(),
        error,
    })?;
    let epoch = epoch.to_string();
    audit.note(&Line::Started { epoch: &epoch });
    Ok(audit)
}

fn feed_stats(feed: &FeedSettings) -> FeedStats {
    FeedStats {
        name: feed.name.clone(),
        kind: feed.source.kind(),
        metrics: Arc::default(),
    }
}

/// Completes when the server is to end.
async fn ended_signal(mut ended: watch::Receiver<bool>) {
    // An error means that the server was dropped, which ends it as well.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// The long-lived tasks, as they are named.
#[derive(Debug, Default)]
struct Tasks {
    stats: Vec<Arc<TaskStats>>,
    failure: watch::Sender<Option<Failure>>,
}

impl Tasks {
    fn add(&mut self, name: impl Into<String>) -> Task {
        let stats = Arc::new(TaskStats::new(name));
        self.stats.push(Arc::clone(&stats));
        Task::new(stats, self.failure.clone())
    }
}

/// A thread with a current-thread runtime.
struct Thread {
    task: Task,
    state: Arc<ServerState>,
    handoff: Arc<Handoff>,
}

impl Thread {
    fn new(task: Task, state: &Arc<ServerState>, handoff: &Arc<Handoff>) -> Self {
        let (state, handoff) = (Arc::clone(state), Arc::clone(handoff));
        Self {
            task,
            state,
            handoff,
        }
    }

    /// Starts the thread. If `body` ends although the server does not, the server has failed; then
    /// `leave` tells the other threads.
    fn spawn(
        self,
        body: impl AsyncFnOnce() -> Result<(), String> + Send + 'static,
        leave: impl FnOnce(&Handoff) + Send + 'static,
    ) -> Result<JoinHandle<()>, StartError> {
        let name = self.task.name().to_owned();
        let thread = thread::Builder::new().name(format!("tickcast-{name}"));
        let run = move || {
            let result = catch_unwind(AssertUnwindSafe(|| block_on(&self.task, body)));
            let result = result.unwrap_or_else(|panic| Err(panic_text(&*panic)));
            let reason = match result {
                Err(reason) => reason,
                Ok(()) if self.state.stage() == Stage::Draining => return,
                Ok(()) => "it ended although the server did not".to_owned(),
            };
            leave(&self.handoff);
            self.task.end(reason);
        };
        thread
            .spawn(run)
            .map_err(|error| StartError::Thread { name, error })
    }
}

fn block_on(task: &Task, body: impl AsyncFnOnce() -> Result<(), String>) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|error| format!("cannot create its runtime: {error}"))?;
    // A panic is caught before the runtime is dropped, so that nothing is dropped in a panic.
    runtime.block_on(task.caught(body())).flatten()
}
