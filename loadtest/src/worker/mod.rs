//! Many subscribers on one thread: one event loop, one read buffer, no task per connection.
//!
//! [`start`] starts the thread; [`Command`]s go in, [`Reply`]s come out.

mod event_loop;
mod subscriber;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use mio::Waker;
use serde::{Deserialize, Serialize};
use tickcast_protocol::{
    message::{Position, Seq, TimeNs},
    topic::Filter,
};

pub use event_loop::start;
pub use subscriber::Role;

use crate::{
    completion::Completion,
    integrity::{Baseline, Tally},
    latency::Histogram,
    process,
    recorder::{Recorded, Scope},
    session::{ServerInfo, Wish},
};

/// What all workers have in common.
#[derive(Debug)]
pub struct Settings {
    /// The server.
    pub address: SocketAddr,
    /// Its name and port, for the handshake.
    pub host: String,
    /// The path, for the handshake.
    pub path: String,
    /// Where connections come from, by turns; none lets the system choose.
    pub sources: Vec<IpAddr>,
    /// What subscribers ask for.
    pub wish: Wish,
    /// Of which topics.
    pub filters: FilterPlan,
    /// What is known of topics before publishing starts.
    pub baseline: Baseline,
    /// Whoever reads slowly on purpose reads so many bytes per second.
    pub slow_bytes_per_s: u64,
    /// For the pauses before reconnects.
    pub seed: u64,
}

/// Which filters a subscriber has.
#[derive(Debug, Clone)]
pub enum FilterPlan {
    /// Everybody the same.
    Same(Vec<Filter>),
    /// Everybody some of these, by turns.
    Some {
        /// To choose from.
        of: Vec<Filter>,
        /// How many each has.
        each: usize,
    },
}

impl FilterPlan {
    /// The filters of the subscriber with this index.
    pub fn of(&self, subscriber: usize) -> Vec<Filter> {
        match self {
            Self::Same(filters) => filters.clone(),
            Self::Some { of, each } => (0..*each)
                .map(|i| of[(subscriber * each + i) % of.len()].clone())
                .collect(),
        }
    }
}

/// A subscriber of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Its number in the whole run.
    pub index: usize,
    /// How it behaves.
    pub role: Role,
}

/// The newest seq of topics, by name.
pub type Newest = BTreeMap<String, Seq>;

/// What a worker is told.
#[derive(Debug)]
pub enum Command {
    /// Open all connections from a moment on, so many per second.
    Open {
        /// When the first one is opened.
        from_ns: TimeNs,
        /// How many per second.
        per_s: f64,
    },
    /// Publishing starts: begin to time.
    Start(Scope),
    /// Updates due in this range are measured.
    Measure(Range<TimeNs>),
    /// Those who are to be slow, stalled or gone are so from now on; the stalled ones until then.
    Hinder {
        /// When stalled readers go on.
        until_ns: TimeNs,
    },
    /// So many subscribers per second leave and come back; 0 ends it.
    Churn {
        /// How many per second.
        per_s: f64,
    },
    /// All healthy subscribers lose their connection and come back at once.
    Storm,
    /// Hand out what was recorded. Answered by [`Reply::Report`].
    Report,
    /// Say how many updates up to these are still to come, and where the subscribers are. Answered
    /// by [`Reply::Behind`].
    Behind(Arc<Newest>),
    /// Say which seqs came, of topics whose names start like this. Answered by [`Reply::Newest`].
    Newest(String),
    /// Count what never came; then close everything and end. Answered by [`Reply::Finished`].
    Finish(Arc<Newest>),
}

/// What a worker says.
#[derive(Debug)]
pub enum Reply {
    /// See [`Command::Report`].
    Report(Box<Report>),
    /// See [`Command::Behind`].
    Behind(Behind),
    /// See [`Command::Newest`].
    Newest(Newest),
    /// See [`Command::Finish`]. The last one.
    Finished {
        /// As for [`Command::Report`].
        report: Box<Report>,
        /// First and last arrivals.
        completion: Completion,
    },
}

/// How far subscribers that are healthy, or stalled and over it, are from the end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Behind {
    /// Updates that are still to come to them.
    pub updates: u64,
    /// The place of the one furthest behind.
    pub min_position: Position,
    /// The place of the one furthest ahead.
    pub max_position: Position,
}

/// What a worker has seen since the last report (histograms) or in all (numbers).
#[derive(Debug)]
pub struct Report {
    /// Latencies, since the last report.
    pub recorded: Recorded,
    /// An upper bound of the time that data had to wait for the thread; since the last report.
    pub lag: Histogram,
    /// From the start of a connection until its subscriptions stood; since the last report.
    pub connect: Histogram,
    /// Numbers, in all.
    pub counts: Counts,
    /// What went wrong, by kind, in all.
    pub errors: BTreeMap<String, u64>,
    /// What healthy subscribers saw, in all.
    pub healthy: Tally,
    /// What subscribers saw that are slow, stalled or gone on purpose, in all.
    pub hindered: Tally,
    /// The furthest position any subscriber has been told.
    pub position: Position,
    /// What the server says of itself.
    pub server: Option<ServerInfo>,
}

/// Numbers of connections and traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Connections whose subscriptions stand, now.
    pub open: u64,
    /// Subscriptions that were confirmed, per connection.
    pub subscribed: u64,
    /// Connections that never got that far.
    pub failed: u64,
    /// Connections that ended without being asked to.
    pub closed: u64,
    /// Of those, connections of subscribers that are slow, stalled or gone on purpose.
    pub hindered_closed: u64,
    /// Connections that were ended on purpose, to come back.
    pub churned: u64,
    /// Subscriptions that went on where they had ended.
    pub resumed: u64,
    /// Messages read.
    pub messages: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Updates that seem to have come before they were due.
    pub from_the_future: u64,
}

impl Counts {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.open += other.open;
        self.subscribed += other.subscribed;
        self.failed += other.failed;
        self.closed += other.closed;
        self.hindered_closed += other.hindered_closed;
        self.churned += other.churned;
        self.resumed += other.resumed;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.from_the_future += other.from_the_future;
    }
}

/// The other end of a worker's thread.
#[derive(Debug)]
pub struct WorkerHandle {
    commands: SyncSender<Command>,
    replies: Receiver<Reply>,
    waker: Arc<Waker>,
    thread_id: Arc<AtomicU32>,
    thread: thread::JoinHandle<()>,
}

/// The worker's thread has ended although it should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a receiver thread has ended or does not answer")]
pub struct WorkerLost;

/// Longest wait for an answer: a worker that is busy answers late, one that is stuck never.
const REPLY_MAX: Duration = Duration::from_secs(60);

impl WorkerHandle {
    /// Tells the worker something.
    pub fn send(&self, command: Command) -> Result<(), WorkerLost> {
        self.commands.send(command).map_err(|_| WorkerLost)?;
        self.waker.wake().map_err(|_| WorkerLost)
    }

    /// Waits for the answer to the oldest command that has one.
    pub fn reply(&self) -> Result<Reply, WorkerLost> {
        self.replies.recv_timeout(REPLY_MAX).map_err(|_| WorkerLost)
    }

    /// CPU time of the thread, in ns.
    pub fn cpu_ns(&self) -> Option<u64> {
        process::thread_cpu_ns(self.thread_id.load(Ordering::Relaxed))
    }

    /// Waits for the thread's end, after [`Reply::Finished`].
    pub fn join(self) -> Result<(), WorkerLost> {
        self.thread.join().map_err(|_| WorkerLost)
    }
}
