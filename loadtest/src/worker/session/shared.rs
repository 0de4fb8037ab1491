//! What the subscribers of one worker share.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::{Limits, Position};

use super::types::ReceiverTiming;
use crate::{
    latency::LatencyRecorder,
    ledger::{Tally, WorkerTopics},
};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct WorkerShared {
    /// The topics that the subscribers have met.
    pub(crate) topics: WorkerTopics,
    /// Latencies.
    pub(crate) recorder: LatencyRecorder,
    /// What healthy receivers saw.
    pub(crate) healthy: Tally,
    /// What receivers saw that are hindered on purpose.
    pub(crate) hindered: Tally,
    /// The furthest position that any receiver was told.
    pub(crate) position: Position,
    /// What the server says about itself.
    pub(crate) server: Option<ServerInfo>,
}

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Name and version.
    pub name: String,
    /// A heartbeat comes at least this often.
    pub heartbeat_ms: u32,
    /// What a connection may do.
    pub limits: Limits,
}

impl WorkerShared {
    /// The tally of receivers that are timed like this.
    pub(crate) fn tally(&mut self, timing: ReceiverTiming) -> &mut Tally {
        match timing {
            ReceiverTiming::Probe | ReceiverTiming::Sample => &mut self.healthy,
            ReceiverTiming::None => &mut self.hindered,
        }
    }
}
