//! What workers are told, and what they reply.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use tickcast_protocol::message::{Position, Seq, TimeNs};

use super::{counts::ConnectionCounts, session::ServerInfo};
use crate::{
    latency::{Completion, Histogram, Recorded, Scope},
    ledger::Tally,
};

/// The newest seq of topics, by name.
pub type Newest = BTreeMap<String, Seq>;

/// What a worker is told.
#[derive(Debug)]
pub enum WorkerCommand {
    /// Open all connections.
    Open {
        /// When the first one is opened.
        from_ns: TimeNs,
        /// Connections per second.
        per_s: f64,
    },
    /// Publishing starts: begin to time updates.
    Start(Scope),
    /// Updates due in this range are measured.
    Measure(Range<TimeNs>),
    /// Subscribers that are to be slow, stalled or gone are so from now on.
    Hinder {
        /// When stalled readers continue.
        until_ns: TimeNs,
    },
    /// Subscribers leave and reconnect. 0 ends it.
    Churn {
        /// Subscribers per second.
        per_s: f64,
    },
    /// All healthy subscribers lose their connection and reconnect at once.
    Storm,
    /// Return what was recorded, in a [`WorkerReply::Report`].
    Report,
    /// Return how many updates up to these are still to come, and the subscribers' positions, in a
    /// [`WorkerReply::Behind`].
    Behind(Arc<Newest>),
    /// Return the newest seqs of topics whose names start like this, in a [`WorkerReply::Newest`].
    Newest(String),
    /// Count the updates that never came, close everything and end, with a
    /// [`WorkerReply::Finished`].
    Finish(Arc<Newest>),
}

/// What a worker replies.
#[derive(Debug)]
pub enum WorkerReply {
    /// See [`WorkerCommand::Report`].
    Report(Box<WorkerReport>),
    /// See [`WorkerCommand::Behind`].
    Behind(Backlog),
    /// See [`WorkerCommand::Newest`].
    Newest(Newest),
    /// See [`WorkerCommand::Finish`]. The last reply.
    Finished {
        /// As for [`WorkerCommand::Report`].
        report: Box<WorkerReport>,
        /// First and last arrivals.
        completion: Completion,
    },
}

/// How far subscribers are from the end. Subscribers that are slow or gone are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backlog {
    /// Updates that are still to come.
    pub updates: u64,
    /// The position of the subscriber that is furthest behind.
    pub min_position: Position,
    /// The position of the subscriber that is furthest ahead.
    pub max_position: Position,
}

/// What a worker has seen: histograms since the last report, numbers in all.
#[derive(Debug)]
pub struct WorkerReport {
    /// Latencies.
    pub recorded: Recorded,
    /// An upper bound of the time that data waited for the thread.
    pub lag: Histogram,
    /// From the start of a connection until its subscriptions were confirmed.
    pub connect: Histogram,
    /// Connections and traffic.
    pub counts: ConnectionCounts,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// What healthy subscribers saw.
    pub healthy: Tally,
    /// What subscribers saw that are slow, stalled or gone on purpose.
    pub hindered: Tally,
    /// The furthest position that any subscriber was told.
    pub position: Position,
    /// What the server says about itself.
    pub server: Option<ServerInfo>,
}
