//! The whole server: binds its addresses, starts its threads, and ends them in order.

use std::{
    convert::Infallible,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::JoinHandle,
};

use tickcast_cluster::Known;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::{
    audit::AuditLog,
    auth::Auth,
    beginning::{self, Beginning, BeginningTasks, OfNode, StartFeed},
    clock::Clock,
    cluster::{self, Outdated},
    config::Settings,
    data::ReadingThread,
    entrances::{Entrances, Listening},
    feed::{self, FeedSettings, decode::Decoder},
    ingest::{Handoff, Ingest},
    metrics::Metrics,
    net::{
        acceptor::{self, ARRIVALS_MAX, Acceptor, FailureLog},
        admin::{self, Admin, QUESTIONS_MAX},
        admin_commands::Commands,
        descriptors::{self, Descriptors},
        echo::ECHO_BUDGET_BYTES,
        gate::Gate,
        log_command::LogFilter,
        operator_questions::Question,
        other_nodes,
        permits::Permits,
        shard_thread::{ShardTasks, ShardThread},
        state::ServerState,
        ws_reader::Budget,
    },
    output::{OutputSettings, OutputThread},
    passed::PassedSockets,
    settings::endpoint::Endpoint,
    start_error::StartError,
    tasks::Failure,
    threads::{Tasks, Thread, ended_signal},
    tls::CurrentTls,
};

/// A running server.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listening>,
    pub(crate) certificates: Vec<Arc<CurrentTls>>,
    admin_address: Option<SocketAddr>,
    metrics: Arc<Metrics>,
    state: Arc<ServerState>,
    handoff: Arc<Handoff>,
    end: watch::Sender<bool>,
    failure: watch::Sender<Option<Failure>>,
    ingest: JoinHandle<()>,
    /// The log's thread, if there is a log.
    data: Option<JoinHandle<()>>,
    /// The thread of the cluster's stream, if it is a node.
    stream: Option<JoinHandle<()>>,
    /// The settings, to start again.
    again: (Settings, PassedSockets),
    /// Set when it must start again.
    pub(crate) outdated: watch::Receiver<Option<Outdated>>,
    /// The thread that reads the log, if there is one.
    reading: Option<JoinHandle<()>>,
    shards: Vec<JoinHandle<()>>,
    /// The thread of the outputs, if there are any.
    outputs: Option<JoinHandle<()>>,
    /// The acceptors, each of which ends when its sender is dropped.
    acceptors: Vec<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
    /// The admin thread, which ends when the sender is dropped.
    admin: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
    /// The identities, if it has any.
    pub(crate) auth: Option<Arc<Auth>>,
    /// The audit, if there is one.
    audit: Option<Arc<AuditLog>>,
    /// How the log's filter is changed.
    pub(crate) log_filter: Arc<LogFilter>,
    /// The channel to each shard.
    pub(crate) questioned: Vec<mpsc::Sender<Question>>,
}

impl Server {
    /// Starts a server. It runs on its own threads until [`shutdown`](Self::shutdown).
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, PassedSockets::default())
    }

    /// Starts a server with sockets that are open already, each of which a listener must use.
    pub fn start_with(settings: Settings, passed: PassedSockets) -> Result<Self, StartError> {
        Self::start_knowing(settings, passed, None)
    }

    /// Starts a server. `known` is what an earlier life of this node of a cluster had read.
    pub(crate) fn start_knowing(
        settings: Settings,
        passed: PassedSockets,
        known: Option<Known>,
    ) -> Result<Self, StartError> {
        let mut again = settings.clone();
        let Settings {
            server,
            listeners,
            feeds,
            outputs,
            data,
            decode,
            ..
        } = settings;
        let further = Entrances::further_sockets(&listeners, &passed, &server);
        descriptors::check(server.shards, feeds.len() + outputs.len(), further)?;
        let server = Arc::new(server);
        let clock = Clock::start();
        let auth = match &server.identities {
            Some(path) => {
                let auth = Auth::load(path.clone(), server.authenticate_timeout, clock);
                Some(auth.map_err(StartError::Identities)?)
            }
            None => None,
        };
        let admin_listener = server.admin.map(|address| {
            let failed = |error| StartError::Listen {
                endpoint: Endpoint::Tcp(address),
                error,
            };
            let listener = admin::bind(address).map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            Ok::<_, StartError>((listener, address))
        });
        let (admin_listener, admin_address) = admin_listener.transpose()?.unzip();

        let is_node = !again.cluster.servers.is_empty();
        let mut tasks = Tasks::default();
        let passed_again = passed.if_again(is_node)?;
        let bound = Entrances::bind(&listeners, passed, &server, |name| tasks.add(name))?;
        for (listener, bound) in again.listeners.iter_mut().zip(bound.bound) {
            listener.endpoint = bound;
        }
        again.server.admin = admin_address;
        let connections = tasks.add("connections");
        let ingest_task = tasks.add("ingest");
        let data_task = data.data.is_some().then(|| tasks.add("data"));
        let stream_task = is_node.then(|| tasks.add("stream"));
        let reading_task = data.data.is_some().then(|| tasks.add("reading"));
        let feed_tasks = feeds
            .iter()
            .map(|feed| tasks.add(format!("feed-{}", feed.name)));
        let feed_tasks: Vec<_> = feed_tasks.collect();
        let outputs_task = (!outputs.is_empty()).then(|| tasks.add("outputs"));
        let name = |output: &OutputSettings| format!("output-{}", output.name);
        let output_tasks: Vec<_> = outputs.iter().map(|one| tasks.add(name(one))).collect();
        let shard_tasks = (0..server.shards).map(|index| {
            let parts = ShardTasks {
                timers: tasks.add(format!("timers-{index}")),
                operators: tasks.add(format!("operators-{index}")),
                connections: connections.clone(),
            };
            (tasks.add(format!("shard-{index}")), parts)
        });
        let shard_tasks: Vec<_> = shard_tasks.collect();
        let mut admin_tasks = || (tasks.add("admin"), tasks.add("listener-admin"));
        let admin_tasks = server.admin.map(|_| admin_tasks());

        let has_acceptors = !bound.of_acceptors.is_empty();
        let arrival_tasks = (0..server.shards)
            .filter(|_| has_acceptors)
            .map(|index| tasks.add(format!("arrivals-{index}")));
        let mut arrival_tasks: Vec<_> = arrival_tasks.rev().collect();

        let metrics = Arc::new(Metrics {
            shards: (0..server.shards).map(|_| Arc::default()).collect(),
            feeds: feeds.iter().map(FeedSettings::stats).collect(),
            outputs: outputs.iter().map(OutputSettings::stats).collect(),
            tasks: tasks.stats,
            certificates: bound.certificate_stats,
            cluster: is_node.then(Arc::default),
            ..Metrics::default()
        });
        let descriptors = Arc::new(Descriptors::new(Arc::clone(&metrics)));
        let state = Arc::new(ServerState::default());
        // The outputs take strips as one more shard.
        let takers = server.shards + usize::from(!outputs.is_empty());
        let handoff = Arc::new(Handoff::new(takers, server.tape_bytes));
        let (end, ended) = watch::channel(false);
        let (ingest, submissions) = Ingest::new(clock);
        let shared = beginning::Shared {
            clock,
            state: Arc::clone(&state),
            handoff: Arc::clone(&handoff),
            metrics: Arc::clone(&metrics),
        };
        let tasks_of_beginning = BeginningTasks {
            ingest: ingest_task,
            data: data_task,
            stream: stream_task,
        };
        let lifts = known.is_none();
        let beginning = Beginning::new(&again, known, tasks_of_beginning, &shared)?;
        beginning.follow_operators(auth.as_deref(), lifts)?;
        let (epoch, restored) = (beginning.epoch(), beginning.restored());
        let audit = match &server.audit {
            Some(path) => {
                let (path, stats) = (path.clone(), Arc::clone(&metrics.audit));
                let audit = AuditLog::begin(&path, server.audit_max_bytes, epoch, stats);
                Some(audit.map_err(|error| StartError::Audit { path, error })?)
            }
            None => None,
        };
        let gate = Gate::new(Arc::clone(&server), Arc::clone(&metrics));
        let gate = Arc::new(gate.with_audit(audit.clone()));
        let permits = Permits::new(server.connections_per_address_max, clock);
        let socket_io = Arc::default();
        let echo_budget = Budget::new(ECHO_BUDGET_BYTES);
        let (busy_shards, _) = watch::channel(server.shards);

        let (reading, log_reads) = match &data.data {
            Some(path) => Some(ReadingThread::new(path.clone())).unzip(),
            None => (None, None),
        };
        let mut shards = Vec::new();
        let mut questioned = Vec::new();
        let mut arriving = Vec::new();
        let of_shards = bound.of_shards.into_iter().zip(shard_tasks);
        for (index, (listeners, (task, tasks))) in of_shards.enumerate() {
            let arrivals = arrival_tasks.pop().map(|task| {
                let (sender, arrivals) = mpsc::channel(ARRIVALS_MAX);
                arriving.push(sender);
                (arrivals, task)
            });
            let (question_sender, questions) = mpsc::channel(QUESTIONS_MAX);
            questioned.push(question_sender);
            let shard = ShardThread {
                index,
                questions,
                epoch,
                restored: restored.clone(),
                listeners,
                arrivals,
                settings: Arc::clone(&server),
                metrics: Arc::clone(&metrics),
                state: Arc::clone(&state),
                handoff: Arc::clone(&handoff),
                permits: Arc::clone(&permits),
                gate: Arc::clone(&gate),
                socket_io: Arc::clone(&socket_io),
                echo_budget: Arc::clone(&echo_budget),
                descriptors: Arc::clone(&descriptors),
                tasks,
                busy_shards: busy_shards.clone(),
                ingest: ingest.clone(),
                clock,
                auth: auth.clone(),
                audit: audit.clone(),
                log_reads: log_reads.clone(),
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
        let outputs = OutputThread {
            place: server.shards,
            handoff: Arc::clone(&handoff),
            restored,
            outputs: outputs.into_iter().zip(output_tasks).collect(),
            metrics: Arc::clone(&metrics),
            clock,
        };
        let outputs = match outputs_task {
            Some(task) => {
                let thread = Thread::new(task, &state, &handoff);
                let place = outputs.place;
                let run = async move || outputs.run().await;
                Some(thread.spawn(run, move |handoff: &Handoff| handoff.leave(place))?)
            }
            None => None,
        };
        // Only the shards keep the sending ends of it.
        drop(log_reads);
        let reading = match reading.zip(reading_task) {
            Some((reading, task)) => {
                let thread = Thread::new(task, &state, &handoff);
                let run = async move || reading.run().await;
                Some(thread.spawn(run, |_: &Handoff| ())?)
            }
            None => None,
        };
        let feed_metrics = Arc::clone(&metrics);
        let start_feed = move || {
            let decoder = Decoder::new(decode);
            let start: StartFeed = Box::new(move |id, ended| {
                let index = usize::from(id);
                let stats = Arc::clone(&feed_metrics.feeds[index].metrics);
                let (settings, task) = (feeds[index].clone(), feed_tasks[index].clone());
                let (decoder, ingest) = (decoder.clone(), ingest.of_feed(id));
                let ended = ended_signal(ended);
                Box::pin(feed::run(settings, decoder, ingest, stats, task, ended))
            });
            start
        };
        let (outdate, outdated) = watch::channel(None);
        let (orders, order_queue) = cluster::orders();
        let of_node = OfNode {
            outdated: outdate,
            orders: order_queue,
            obey: other_nodes::obey(auth.clone(), questioned.clone(), Arc::clone(&metrics)),
        };
        let begun = beginning.start(data, submissions, start_feed, ended, of_node, &shared)?;
        let questioned_by_owner = questioned.clone();
        let log_filter = Arc::<LogFilter>::default();
        let of_address = acceptor::handshakes_of_address(server.handshakes_max);
        let shared = acceptor::Shared {
            settings: Arc::clone(&server),
            metrics: Arc::clone(&metrics),
            gate: Arc::clone(&gate),
            permits,
            descriptors: Arc::clone(&descriptors),
            places: Arc::new(Semaphore::new(server.handshakes_max)),
            places_of_addresses: Permits::new(of_address, clock),
            failures: Arc::new(FailureLog::new(Arc::clone(&metrics))),
            shards: arriving,
            connections: connections.clone(),
        };
        let mut acceptors = Vec::new();
        for (index, (task, doors)) in bound.of_acceptors.into_iter().enumerate() {
            let (end, ended) = oneshot::channel();
            let acceptor = Acceptor {
                index,
                doors,
                shared: shared.clone(),
            };
            let thread = Thread::new(task, &state, &handoff);
            let run = async move || acceptor.run(ended).await;
            acceptors.push((end, thread.spawn(run, |_: &Handoff| ())?));
        }
        // Only the acceptors keep the shards' ends of it.
        drop(shared);
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
                orders: is_node.then_some(orders),
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
            listeners: bound.listening,
            certificates: bound.certificates,
            admin_address,
            metrics,
            state,
            handoff,
            end,
            failure: tasks.failure,
            ingest: begun.ingest,
            data: begun.data,
            stream: begun.stream,
            again: (again, passed_again),
            outdated,
            reading,
            shards,
            outputs,
            acceptors,
            admin,
            auth,
            audit,
            log_filter,
            questioned: questioned_by_owner,
        })
    }

    /// The first address of TCP that it listens on. If it listens on Unix sockets alone, this is
    /// the unspecified address with port 0.
    pub fn address(&self) -> SocketAddr {
        let mut addresses = self
            .listeners
            .iter()
            .flat_map(|one| one.endpoint.addresses());
        let unspecified = (Ipv4Addr::UNSPECIFIED, 0).into();
        addresses.next().copied().unwrap_or(unspecified)
    }

    /// Everything that it listens on.
    pub fn listeners(&self) -> &[Listening] {
        &self.listeners
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
        self.shut_down();
    }

    /// The same. Returns what is needed to start again.
    pub(crate) fn shut_down(self) -> (Settings, PassedSockets) {
        self.state.drain();
        // An error means that the ingest thread has already ended.
        let _ = self.end.send(true);
        // A thread that has failed has said so.
        let _ = self.ingest.join();
        if let Some(data) = self.data {
            let _ = data.join();
        }
        if let Some(stream) = self.stream {
            let _ = stream.join();
        }
        // It does so itself, unless it has failed.
        self.handoff.end();
        for thread in self.shards {
            let _ = thread.join();
        }
        if let Some(outputs) = self.outputs {
            let _ = outputs.join();
        }
        if let Some(reading) = self.reading {
            let _ = reading.join();
        }
        for (end, thread) in self.acceptors {
            drop(end);
            let _ = thread.join();
        }
        self.listeners.iter().for_each(Listening::remove_file);
        // The admin address works until all clients are gone.
        if let Some((end, thread)) = self.admin {
            drop(end);
            let _ = thread.join();
        }
        if let Some(audit) = self.audit {
            audit.end();
        }
        self.again
    }
}
