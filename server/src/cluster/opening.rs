//! Reads the stream up to its end and joins the cluster, before the server accepts clients.

use std::{pin::Pin, sync::Arc, thread::JoinHandle, time::Duration};

use tickcast_cluster::{Checkpoint, Event, Known, Node, NodeSettings, Refusal, Replica, checksum};
use tickcast_core::{
    restored::{Collector, Restored},
    sequencer::{Sequencer, liveness::LivenessSettings},
    tape::Strip,
};
use tickcast_protocol::{codec, message::Epoch};
use tokio::{
    runtime::Builder,
    sync::mpsc,
    time::{Instant, interval, sleep, sleep_until},
};

use super::{
    checkpoint_due::CheckpointDue,
    engine::ANSWER_TIMEOUT,
    link::{Incoming, Link, POLL_EVERY, link},
    settings::ClusterSettings,
    status::ClusterStatus,
    stream_thread::StreamThread,
};
use crate::{clock::Clock, data::Following, metrics::ClusterStats};

/// A node that is a member, and what the server begins with.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) joined: Joined,
    /// The stream's thread.
    pub(crate) thread: JoinHandle<()>,
    pub(crate) status: Arc<ClusterStatus>,
}

/// A node that is a member.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) node: Node,
    pub(crate) link: Link,
    pub(crate) epoch: Epoch,
    pub(crate) restored: Arc<Restored>,
    /// The feeds that it has, by their indices.
    pub(crate) feeds: Vec<u16>,
    pub(crate) checkpoint_due: CheckpointDue,
}

/// Why a node does not go on as it is.
pub(super) const OUTVOTED: &str = "other nodes have read something else in the stream than this one: \
                                   it is read again";

/// Time before the stream is read again from the start.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Why a node has not joined.
enum Unjoined {
    /// The stream must be read again.
    Again(String),
    Failed(String),
}

impl From<String> for Unjoined {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

/// What a node needs to begin.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) settings: ClusterSettings,
    /// Names of the feeds.
    pub(crate) feeds: Vec<String>,
    pub(crate) tape_bytes: usize,
    pub(crate) clock: Clock,
    /// What an earlier life of this node had read.
    pub(crate) known: Option<Known>,
}

impl Opening {
    /// Joins. `spawn` starts the stream's thread. A log follows what is read.
    pub(crate) fn open(
        self,
        mut log: Option<&mut Following>,
        sequencer: impl Fn() -> Sequencer + Sync,
        liveness: &LivenessSettings,
        topics_max: usize,
        stats: Arc<ClusterStats>,
        spawn: impl FnOnce(StreamBody) -> Result<JoinHandle<()>, String>,
    ) -> Result<Opened, String> {
        let name = self.settings.node();
        let stream = self.settings.stream.clone();
        let status = Arc::new(ClusterStatus::new(stats, name.clone(), stream));
        let (ends, taken) = mpsc::channel(1);
        let thread = StreamThread {
            settings: self.settings.clone(),
            ends: taken,
            status: Arc::clone(&status),
        };
        let thread = spawn(Box::new(move || Box::pin(thread.run())))?;
        // All nodes must make the same of the same messages.
        let rules = format!("{topics_max} {liveness:?}");
        let rules = checksum(rules.as_bytes());
        let mut pause = Duration::ZERO;
        loop {
            let (link, end) = link();
            // An error means that the thread has ended, which the node's end of the link tells.
            let _ = ends.try_send(end);
            let settings = NodeSettings {
                node: name.clone(),
                feeds: self.feeds.clone(),
                rules,
                seed: rand::random(),
            };
            let join = Join {
                opening: self.clone(),
                link,
                settings,
                pause,
                log: log.as_deref_mut(),
            };
            match join.wait(&sequencer) {
                Ok(joined) => {
                    status.count(&joined.node);
                    status.tell(&joined.node);
                    return Ok(Opened {
                        joined,
                        thread,
                        status,
                    });
                }
                Err(Unjoined::Failed(reason)) => return Err(reason),
                Err(Unjoined::Again(reason)) => {
                    tracing::warn!("the stream is read again from the start: {reason}");
                    pause = AGAIN_AFTER;
                }
            }
        }
    }
}

/// What the stream's thread does.
pub(crate) type StreamBody =
    Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<(), String>>>> + Send>;

struct Join<'a> {
    opening: Opening,
    link: Link,
    settings: NodeSettings,
    /// How long it waits before it reads.
    pause: Duration,
    log: Option<&'a mut Following>,
}

impl Join<'_> {
    /// Joins, in a runtime of its own: the caller may be inside one, which cannot wait.
    fn wait(self, sequencer: &(impl Fn() -> Sequencer + Sync)) -> Result<Joined, Unjoined> {
        std::thread::scope(|scope| {
            let joining = scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| error.to_string())?;
                runtime.block_on(self.run(sequencer))
            });
            let joined = joining.join();
            joined.unwrap_or_else(|_| Err(Unjoined::Failed("it has failed".to_owned())))
        })
    }

    async fn run(mut self, sequencer: impl Fn() -> Sequencer) -> Result<Joined, Unjoined> {
        let Opening {
            settings,
            tape_bytes,
            clock,
            known,
            ..
        } = self.opening;
        let timeout = settings.timeout;
        let now = || clock.now().uptime;
        sleep(self.pause).await;
        let mut deadline = Instant::now() + timeout;
        let (checkpoint, checkpoint_due) = tokio::select! {
            incoming = self.link.incoming.recv() => match incoming {
                Some(Incoming::Begins(checkpoint, due)) => (checkpoint, due),
                Some(Incoming::Failed(reason)) => return Err(reason.into()),
                _ => return Err("the stream's thread has ended".to_owned().into()),
            },
            () = sleep_until(deadline + ANSWER_TIMEOUT) => return Err(stands_still(timeout).into()),
        };
        let checkpoint = checkpoint.as_deref().map(Checkpoint::decode).transpose();
        let checkpoint =
            checkpoint.map_err(|error| format!("the checkpoint cannot be used: {error}"))?;
        let mut sequencer = sequencer();
        let mut collector = match &mut self.log {
            Some(log) => begin(log, checkpoint.as_ref(), tape_bytes, &mut sequencer)?,
            None => Collector::new(tape_bytes),
        };
        let replica = match checkpoint {
            Some(checkpoint) => Replica::resume(sequencer, checkpoint),
            None => Replica::new(sequencer),
        };
        collector.skip_to(replica.position() + 1);
        let mut node = Node::new(self.settings, replica, known);
        let mut feeds = Vec::new();
        let mut ticks = interval(POLL_EVERY);
        while !node.is_member() {
            tokio::select! {
                incoming = self.link.incoming.recv() => match incoming {
                    Some(Incoming::Message { message, is_last }) => {
                        deadline = Instant::now() + timeout;
                        let read = node.read(message.delivered(), now());
                        let read = read.map_err(|error| error.to_string())?;
                        for strip in &read.strips {
                            collect(&mut collector, strip);
                        }
                        if let Some(log) = &mut self.log
                            && let Some(lineage) = node.replica().book().lineage()
                        {
                            log.take(&read.strips, &lineage)?;
                        }
                        for event in read.events {
                            note(event, &mut feeds)?;
                        }
                        if is_last {
                            node.at_end(now());
                        }
                    }
                    Some(Incoming::AtEnd) => node.at_end(now()),
                    Some(Incoming::Moved) => node.moved(),
                    Some(Incoming::Other(reason)) => return Err(Unjoined::Again(reason)),
                    Some(Incoming::Failed(reason)) => return Err(reason.into()),
                    Some(Incoming::Begins(..)) => {}
                    None => return Err("the stream's thread has ended".to_owned().into()),
                },
                _ = ticks.tick() => node.poll(now()),
                () = sleep_until(deadline) => return Err(stands_still(timeout).into()),
            }
            self.link.write(&mut node, now());
        }
        let lineage = node.replica().book().lineage();
        let lineage = lineage.ok_or("a cluster with a member has an epoch".to_owned())?;
        let topics: Vec<_> = node.replica().newest().restored().collect();
        let next = node.replica().position() + 1;
        if let Some(log) = self.log {
            log.joined(&lineage, next, &topics)?;
        }
        tracing::info!(
            epoch = %lineage.epoch,
            members = node.replica().book().members().len(),
            next,
            "this server is a node of the cluster"
        );
        Ok(Joined {
            restored: Arc::new(collector.finish(topics, next, lineage.continues)),
            epoch: lineage.epoch,
            link: self.link,
            node,
            feeds,
            checkpoint_due,
        })
    }
}

/// Has a log follow what comes after a checkpoint, or after the beginning of the stream. Returns
/// what the log has of the time before.
fn begin(
    log: &mut Following,
    checkpoint: Option<&Checkpoint>,
    tape_bytes: usize,
    sequencer: &mut Sequencer,
) -> Result<Collector, String> {
    let lineage = checkpoint.and_then(Checkpoint::lineage);
    let position = checkpoint.map_or(0, Checkpoint::position);
    let topics = checkpoint.map(|checkpoint| checkpoint.newest().restored());
    let topics = topics.into_iter().flatten();
    log.begin(lineage.as_ref(), position, topics, tape_bytes, sequencer)
}

fn stands_still(timeout: Duration) -> String {
    format!(
        "nothing has come from it for {timeout:?} (cluster_timeout): do the servers of NATS have a \
         leader?"
    )
}

fn collect(collector: &mut Collector, strip: &Strip) {
    for update in strip.updates() {
        // The sequencer has just encoded it.
        if let Ok(head) = codec::decode_update_head_bincode(update.bincode) {
            collector.push(&head, update.bincode);
        }
    }
}

/// Notes what the node tells.
fn note(event: Event, feeds: &mut Vec<u16>) -> Result<(), Unjoined> {
    match event {
        Event::Runs { feed, is_own } => {
            feeds.retain(|known| *known != feed);
            feeds.extend(is_own.then_some(feed));
        }
        Event::Refused(refusal) => return Err(refused(refusal).to_owned().into()),
        Event::Outvoted => return Err(Unjoined::Again(OUTVOTED.to_owned())),
        // What was written before this node began concerns it no more. The last words of operators
        // are followed before clients come.
        Event::Ordered { .. }
        | Event::Joined
        | Event::Expelled { .. }
        | Event::Began(_)
        | Event::Disagrees(_) => {}
    }
    Ok(())
}

/// What a refusal means.
pub(super) fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::OtherRules => {
            "the other nodes have other settings: topics_max, [[liveness]] and [[wills]] must be \
             the same on all nodes"
        }
        Refusal::TooManyMembers => "the cluster has as many nodes as it may (limit 64)",
        Refusal::TooManyFeeds => {
            "the cluster has as many feeds as it may (limit 65535), or a name is too long"
        }
        Refusal::Outdated | Refusal::Known => "the request is out of date",
    }
}
