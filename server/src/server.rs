//! The whole server: binds its addresses, starts its threads, and ends them in order.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tickcast_core::sequencer::{History, Sequencer, liveness::Liveness};
use tickcast_protocol::message::Epoch;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Barrier, mpsc, oneshot, watch},
    task::JoinSet,
};

use crate::{
    clock::Clock,
    config::Settings,
    feed::{self, FeedSettings, decode::Decoder},
    ingest::{Handoff, Ingest, IngestThread},
    metrics::{FeedStats, Metrics},
    net::{
        admin::{self, Admin, QUESTIONS_MAX},
        echo::ECHO_BUDGET_BYTES,
        gate::Gate,
        listener,
        permits::Permits,
        shard_thread::ShardThread,
        state::ServerState,
        ws_reader::Budget,
    },
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
    end: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    /// The admin thread, which ends when the sender is dropped.
    admin: Option<(oneshot::Sender<Infallible>, JoinHandle<()>)>,
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
        let handoff = Arc::new(Handoff::new(server.shards, server.tape_bytes));
        let (end, ended) = watch::channel(false);
        let clock = Clock::start();
        let (ingest, submissions) = Ingest::new(clock);
        let epoch = Epoch(rand::random());
        let gate = Arc::new(Gate::new(Arc::clone(&server), Arc::clone(&metrics)));
        let permits = Permits::new(server.connections_per_address_max);
        let echo_budget = Budget::new(ECHO_BUDGET_BYTES);
        let drained = Arc::new(Barrier::new(server.shards));

        let mut threads = Vec::new();
        let mut shards = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            let (question_sender, questions) = mpsc::channel(QUESTIONS_MAX);
            shards.push(question_sender);
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
                echo_budget: Arc::clone(&echo_budget),
                gate: Arc::clone(&gate),
                drained: Arc::clone(&drained),
                ingest: ingest.clone(),
                clock,
            };
            let run = move || block_on(shard.run());
            threads.push(spawn(format!("shard-{index}"), run)?);
        }
        let thread = IngestThread {
            sequencer: Sequencer::new(server.topics_max)
                .with_liveness(Liveness::new(liveness))
                .with_history(History::new(server.core().history))
                .with_new_topics(server.core().new_topics),
            clock,
            submissions,
            handoff,
            metrics: Arc::clone(&metrics),
        };
        let feed_metrics = Arc::clone(&metrics);
        let run = move || {
            let feeds_ended = ended.clone();
            let start_feeds = |tasks: &mut JoinSet<()>| {
                let decoder = Decoder::new(decode);
                for (id, settings) in (0..).zip(feeds) {
                    let stats = Arc::clone(&feed_metrics.feeds[usize::from(id)].metrics);
                    let ended = ended_signal(feeds_ended.clone());
                    let ingest = ingest.of_feed(id);
                    tasks.spawn_local(feed::run(settings, decoder.clone(), ingest, stats, ended));
                }
            };
            block_on(thread.run(start_feeds, ended_signal(ended)));
        };
        threads.push(spawn("ingest".to_owned(), run)?);
        let admin = Admin {
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
            gate,
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

    /// Ends the server. It accepts no more connections and stops its feeds. It delivers all
    /// accepted updates, tells clients to reconnect, and closes them over the drain window. Returns
    /// when all threads have ended.
    pub fn shutdown(self) {
        self.state.drain();
        // An error means that the ingest thread has already ended.
        let _ = self.end.send(true);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server panicked");
            }
        }
        // The admin address works until all clients are gone.
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

/// Completes when the server is to end.
async fn ended_signal(mut ended: watch::Receiver<bool>) {
    // An error means that the server was dropped, which ends it as well.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Starts a thread that runs a current-thread runtime.
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
        Err(error) => tracing::error!(%error, "cannot create the runtime"),
    }
}
