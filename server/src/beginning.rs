//! What a server begins with: nothing, the log on disk, or what a cluster shares; and the thread
//! that goes on from there.

use std::{path::Path, sync::Arc, thread::JoinHandle};

use tickcast_cluster::Known;
use tickcast_core::{
    candles::LongHistory,
    restored::Restored,
    sequencer::{
        History, NewTopics, Sequencer,
        liveness::{Liveness, LivenessSettings},
    },
};
use tickcast_log::{Folder, Log};
use tickcast_protocol::message::Epoch;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::{
    auth::Auth,
    clock::Clock,
    cluster::{self, ClusterThread, Obey, Opening, OrderQueue, Outdated, StreamBody},
    config::Settings,
    data::{self, DataThread, Following},
    ingest::{Arrival, Handoff, IngestThread, Way},
    metrics::Metrics,
    net::state::ServerState,
    settings::{ServerSettings, data::DataSettings},
    start_error::StartError,
    tasks::Task,
    threads::{Thread, ended_signal},
};

/// Starts a feed by its index, on the ingest thread. It ends when the value is `true`.
pub(crate) type StartFeed = cluster::StartFeed;

/// What the ingest thread of a node shares with the rest of the server.
pub(crate) struct OfNode {
    /// Set when the server must begin anew.
    pub(crate) outdated: watch::Sender<Option<Outdated>>,
    /// Orders of operators at this node.
    pub(crate) orders: OrderQueue,
    /// Carries out orders in the stream.
    pub(crate) obey: Obey,
}

/// The tasks of the threads that are started here.
#[derive(Debug)]
pub(crate) struct BeginningTasks {
    pub(crate) ingest: Task,
    /// If there is a log.
    pub(crate) data: Option<Task>,
    /// If there is a cluster.
    pub(crate) stream: Option<Task>,
}

/// What these threads share with the others.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) state: Arc<ServerState>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) metrics: Arc<Metrics>,
}

/// See the module.
pub(crate) struct Beginning {
    kind: Kind,
    ingest: Task,
}

enum Kind {
    Alone(Box<Sequencer>),
    Logged(Box<(Sequencer, data::Opened, Task)>),
    Clustered(Box<(cluster::Opened, NewTopics, Option<LogOfNode>)>),
}

/// The log of a node, and the task of its thread.
type LogOfNode = (Following, Task);

/// The threads, from the feeds to the handoff.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) ingest: JoinHandle<()>,
    /// The log's thread, if there is a log.
    pub(crate) data: Option<JoinHandle<()>>,
    /// The thread of the cluster's stream, if there is a cluster.
    pub(crate) stream: Option<JoinHandle<()>>,
}

impl Beginning {
    /// Opens the log, or joins the cluster. `known` is what an earlier life of the node had read.
    pub(crate) fn new(
        settings: &Settings,
        known: Option<Known>,
        tasks: BeginningTasks,
        shared: &Shared,
    ) -> Result<Self, StartError> {
        let Settings { server, data, .. } = settings;
        let BeginningTasks {
            ingest,
            data: data_task,
            stream,
        } = tasks;
        let kind = if let Some(task) = stream {
            let new_topics = NewTopics::new(server.core().new_topics);
            let mut log = match &data.data {
                Some(path) => Some(follow(path, data, shared.clock)?),
                None => None,
            };
            let opened = join(settings, known, log.as_mut(), task, shared)?;
            Kind::Clustered(Box::new((opened, new_topics, log.zip(data_task))))
        } else {
            let new_topics = server.core().new_topics;
            let sequencer = sequencer(server, &settings.liveness);
            let mut sequencer = sequencer.with_new_topics(new_topics);
            match data.data.as_ref().zip(data_task) {
                Some((path, task)) => {
                    let tape_bytes = server.tape_bytes;
                    let feeds = shared.metrics.feeds.iter().map(|feed| &*feed.name);
                    let feeds: Vec<_> = feeds.collect();
                    let of_server = (&feeds[..], shared.clock);
                    let opened = data::open(path, data, tape_bytes, &mut sequencer, of_server);
                    let opened = opened.map_err(|reason| StartError::data(path, reason))?;
                    Kind::Logged(Box::new((sequencer, opened, task)))
                }
                None => Kind::Alone(Box::new(sequencer)),
            }
        };
        Ok(Self { kind, ingest })
    }

    /// The epoch: of the log, of the cluster, or a new one.
    pub(crate) fn epoch(&self) -> Epoch {
        match &self.kind {
            Kind::Alone(_) => Epoch(rand::random()),
            Kind::Logged(logged) => logged.1.log.epoch(),
            Kind::Clustered(opened) => opened.0.joined.epoch,
        }
    }

    /// What the shards begin with, if it is anything.
    pub(crate) fn restored(&self) -> Option<Arc<Restored>> {
        match &self.kind {
            Kind::Alone(_) => None,
            Kind::Logged(logged) => Some(Arc::clone(&logged.1.restored)),
            Kind::Clustered(opened) => Some(Arc::clone(&opened.0.joined.restored)),
        }
    }

    /// Has the identities follow the last words of operators of the cluster. `lifts` is false if
    /// the stream may have forgotten some of them.
    pub(crate) fn follow_operators(
        &self,
        auth: Option<&Auth>,
        lifts: bool,
    ) -> Result<(), StartError> {
        if let (Kind::Clustered(opened), Some(auth)) = (&self.kind, auth) {
            let words = opened.0.joined.node.replica().last_words();
            let followed = auth.follow(words.iter(), lifts);
            followed.map_err(|problem| StartError::Identities(vec![problem]))?;
        }
        Ok(())
    }

    /// Starts the threads. `start_feed` makes, on the ingest thread, what starts a feed.
    pub(crate) fn start(
        self,
        data: DataSettings,
        submissions: mpsc::Receiver<Arrival>,
        start_feed: impl FnOnce() -> StartFeed + Send + 'static,
        ended: watch::Receiver<bool>,
        of_node: OfNode,
        shared: &Shared,
    ) -> Result<Begun, StartError> {
        // The shards serve what they have until the server is shut down.
        let ingest = Thread::new(self.ingest, &shared.state, &shared.handoff);
        let leave = |_: &Handoff| ();
        let way = |log| Self::way(log, data, shared);
        let (sequencer, (way, data)) = match self.kind {
            Kind::Alone(sequencer) => (*sequencer, way(None)?),
            Kind::Logged(logged) => {
                let (sequencer, opened, task) = *logged;
                (sequencer, way(Some((opened.log, task)))?)
            }
            Kind::Clustered(opened) => {
                let (opened, new_topics, log) = *opened;
                let cluster::Opened {
                    joined,
                    thread: stream,
                    status,
                } = opened;
                let (way, data) = way(log.map(|(log, task)| (log.into_log(), task)))?;
                let thread = ClusterThread {
                    node: joined.node,
                    link: joined.link,
                    status,
                    feeds: joined.feeds,
                    checkpoint_due: joined.checkpoint_due,
                    clock: shared.clock,
                    submissions,
                    handoff: Arc::clone(&shared.handoff),
                    way,
                    metrics: Arc::clone(&shared.metrics),
                    new_topics,
                    outdated: of_node.outdated,
                    orders: of_node.orders,
                };
                let ended = ended_signal(ended);
                let run = async move || thread.run(start_feed(), of_node.obey, ended).await;
                return Ok(Begun {
                    ingest: ingest.spawn(run, leave)?,
                    data,
                    stream: Some(stream),
                });
            }
        };
        let thread = IngestThread {
            sequencer,
            clock: shared.clock,
            submissions,
            handoff: Arc::clone(&shared.handoff),
            way,
            metrics: Arc::clone(&shared.metrics),
        };
        let feeds = 0..shared.metrics.feeds.len();
        let run = async move || {
            let feeds_ended = ended.clone();
            let start_feeds = |tasks: &mut JoinSet<()>| {
                let mut start = start_feed();
                for feed in feeds {
                    tasks.spawn_local(start(feed as u16, feeds_ended.clone()));
                }
            };
            thread.run(start_feeds, ended_signal(ended)).await;
            Ok(())
        };
        let ingest = ingest.spawn(run, leave)?;
        Ok(Begun {
            ingest,
            data,
            stream: None,
        })
    }

    /// The way to the shards, and the thread of the log if it leads through one.
    fn way(
        log: Option<(Log<Folder>, Task)>,
        settings: DataSettings,
        shared: &Shared,
    ) -> Result<(Way, Option<JoinHandle<()>>), StartError> {
        let Some((log, task)) = log else {
            return Ok((Way::Straight(Arc::clone(&shared.handoff)), None));
        };
        let (way, queue) = Way::logged(Arc::clone(&shared.metrics.data));
        let data = DataThread {
            log,
            queue,
            handoff: Arc::clone(&shared.handoff),
            settings,
            metrics: Arc::clone(&shared.metrics),
            state: Arc::clone(&shared.state),
            clock: shared.clock,
        };
        let thread = Thread::new(task, &shared.state, &shared.handoff);
        let run = async move || data.run().await;
        // Without it nothing is delivered, so nothing may be accepted.
        let leave = |handoff: &Handoff| handoff.set_stopped(true);
        Ok((way, Some(thread.spawn(run, leave)?)))
    }
}

fn follow(path: &Path, settings: &DataSettings, clock: Clock) -> Result<Following, StartError> {
    let following = Following::open(path, settings, clock);
    following.map_err(|reason| StartError::data(path, reason))
}

/// A sequencer, without a limit for single clients.
fn sequencer(server: &ServerSettings, liveness: &LivenessSettings) -> Sequencer {
    let core = server.core();
    Sequencer::new(server.topics_max)
        .with_liveness(Liveness::new(liveness.clone()))
        .with_history(History::new(core.history))
        .with_long_history(LongHistory::new(core.long_history))
}

fn join(
    settings: &Settings,
    known: Option<Known>,
    log: Option<&mut Following>,
    task: Task,
    shared: &Shared,
) -> Result<cluster::Opened, StartError> {
    let Settings {
        server, liveness, ..
    } = settings;
    let feeds = settings.feeds.iter().map(|feed| feed.name.clone());
    let opening = Opening {
        settings: settings.cluster.clone(),
        feeds: feeds.collect(),
        tape_bytes: server.tape_bytes,
        clock: shared.clock,
        known,
    };
    let stats = shared.metrics.cluster.clone().unwrap_or_default();
    let spawn = |body: StreamBody| {
        let thread = Thread::new(task, &shared.state, &shared.handoff);
        let spawned = thread.spawn(async move || body().await, |_: &Handoff| ());
        spawned.map_err(|error| error.to_string())
    };
    let sequencer = || sequencer(server, liveness);
    let opened = opening.open(log, sequencer, liveness, server.topics_max, stats, spawn);
    opened.map_err(StartError::Cluster)
}
