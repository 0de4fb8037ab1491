//! The whole plan of a run.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{
    phases::{Durations, Phase, SearchPlan},
    roles::{self, Hindered},
    target::{Endpoint, UpdateSource},
};
use crate::{
    assertion::Assertion,
    dialect::SubscribeParams,
    latency::FOLLOWED_MAX,
    ledger::Baseline,
    schedule::Timing,
    worker::{FilterPlan, Member},
};

/// Deliveries per second that receivers time one by one. A record takes about 50 ns, so this is 2 %
/// of a core.
const TIMED_PER_S_MAX: f64 = 400_000.0;

/// See the module.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server is.
    pub target: Endpoint,
    /// Path of the server's counters, unless they are not compared.
    pub metrics_path: Option<String>,
    /// The server's process, if it is not found by its port.
    pub server_pid: Option<u32>,
    /// The publisher.
    pub source: UpdateSource,
    /// Updates per second. Without meaning if the server publishes.
    pub rate: f64,
    /// How updates are spread over time.
    pub timing: Timing,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// Topics to publish to.
    pub topics: Vec<String>,
    /// What the names of all those topics start with.
    pub prefix: String,
    /// The run's number.
    pub run: u32,
    /// Number of subscribers.
    pub subscribers: usize,
    /// Threads for the subscribers.
    pub threads: usize,
    /// Number of subscribers that time every update.
    pub probes: usize,
    /// Number of subscribers that are hindered on purpose.
    pub hindered: Hindered,
    /// How long stalled subscribers stall.
    pub stall_s: u32,
    /// How fast slow subscribers read.
    pub slow_bytes_per_s: u64,
    /// What subscribers ask for.
    pub params: SubscribeParams,
    /// The topics that they ask for.
    pub filters: FilterPlan,
    /// What is known of these topics.
    pub baseline: Baseline,
    /// Local addresses of connections.
    pub sources: Vec<IpAddr>,
    /// Connections opened per second.
    pub ramp_per_s: f64,
    /// Longest time until all are subscribed, after the ramp.
    pub ramp_max: Duration,
    /// Lengths of the phases.
    pub durations: Durations,
    /// Subscribers per second that leave and reconnect in the churn phase.
    pub churn_per_s: f64,
    /// Look for the highest rate before the phases.
    pub search: Option<SearchPlan>,
    /// Longest time until the last updates have arrived.
    pub drain_max: Duration,
    /// Assertions on the result.
    pub assertions: Vec<Assertion>,
    /// Where to write reports.
    pub out: Option<PathBuf>,
    /// Whether to print nothing while running.
    pub quiet: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// The command line.
    pub command: String,
}

impl Plan {
    /// The phases that have a length, in order.
    pub fn phases(&self) -> Vec<Phase> {
        self.durations.phases()
    }

    /// All receivers time every n-th update, where n keeps timing cheap and notes small.
    pub fn stride(&self) -> u64 {
        let rate = match &self.search {
            Some(search) => search.rate_max,
            None => self.rate,
        };
        let deliveries = rate * self.subscribers as f64 / self.topic_share();
        let by_cost = deliveries / TIMED_PER_S_MAX;
        let seconds = self.phases().last().map_or(0, |phase| phase.to_s);
        let by_memory = rate * f64::from(seconds) / FOLLOWED_MAX as f64;
        by_cost.max(by_memory).ceil().max(1.0) as u64
    }

    /// One in this many subscribers gets an update. 1 means all of them.
    fn topic_share(&self) -> f64 {
        match &self.filters {
            FilterPlan::Same(_) => 1.0,
            FilterPlan::Some { of, each } => of.len() as f64 / *each as f64,
        }
    }

    /// The subscribers of each thread.
    pub fn members(&self) -> Vec<Vec<Member>> {
        roles::members(self.subscribers, self.threads, self.probes, self.hindered)
    }
}
