//! What a run is to do: settings that have been checked and fit each other.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use tickcast_protocol::topic::Filter;

use crate::{
    assertion::Assertion,
    integrity::Baseline,
    publisher::Outlet,
    schedule::Timing,
    session::Wish,
    worker::{FilterPlan, Member, Role},
};

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it was given.
    pub url: String,
    /// Resolved.
    pub address: SocketAddr,
    /// Name and port.
    pub host: String,
    /// Of the WebSocket.
    pub path: String,
}

/// Who publishes.
#[derive(Debug, Clone)]
pub enum Source {
    /// We do.
    Own(Outlet),
    /// The server's own feed is measured, from ingest on.
    Server,
}

/// How many subscribers behave badly on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hindered {
    /// Read slowly.
    pub slow: usize,
    /// Stop reading for a while.
    pub stalled: usize,
    /// Vanish.
    pub gone: usize,
}

/// How to look for the highest rate.
#[derive(Debug, Clone)]
pub struct SearchPlan {
    /// What must hold.
    pub goal: Assertion,
    /// How long each rate is tried.
    pub step_s: u32,
    /// Highest rate to try.
    pub rate_max: f64,
}

/// Lengths of the phases, in seconds; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Publishing that does not count yet.
    pub warmup_s: u32,
    /// The phase that counts.
    pub steady_s: u32,
    /// Subscribers leave and come back.
    pub churn_s: u32,
    /// All leave and come back at once at the start of this.
    pub storm_s: u32,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server is.
    pub target: Target,
    /// Path of the server's counters, unless they are not to be looked at.
    pub metrics_path: Option<String>,
    /// The server's process, if it is not to be found by its port.
    pub server_pid: Option<u32>,
    /// Who publishes.
    pub source: Source,
    /// Updates per second. Without meaning if the server publishes.
    pub rate: f64,
    /// How they are spread.
    pub timing: Timing,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// What is published to.
    pub topics: Vec<String>,
    /// What all those topics start with.
    pub prefix: String,
    /// The run's number.
    pub run: u32,
    /// Subscribers.
    pub subscribers: usize,
    /// Threads for them.
    pub threads: usize,
    /// Those among them who time every update.
    pub probes: usize,
    /// Those among them who behave badly.
    pub hindered: Hindered,
    /// How long the stalled ones stall.
    pub stall_s: u32,
    /// How fast the slow ones read.
    pub slow_bytes_per_s: u64,
    /// What they ask for.
    pub wish: Wish,
    /// Of which topics.
    pub filters: FilterPlan,
    /// What is known of these topics.
    pub baseline: Baseline,
    /// Addresses to connect from.
    pub sources: Vec<IpAddr>,
    /// Connections opened per second.
    pub ramp_per_s: f64,
    /// Longest time for all to be subscribed, besides what the ramp takes.
    pub ramp_max: Duration,
    /// The phases.
    pub durations: Durations,
    /// Subscribers per second that leave and come back in the churn phase.
    pub churn_per_s: f64,
    /// Look for the highest rate instead of holding one.
    pub search: Option<SearchPlan>,
    /// Longest time for the last updates to arrive.
    pub drain_max: Duration,
    /// What must hold.
    pub assertions: Vec<Assertion>,
    /// Where to write reports.
    pub out: Option<PathBuf>,
    /// Whether to say nothing while running.
    pub quiet: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// How the program was called.
    pub command: String,
}

/// A stretch of publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// What happens in it.
    pub kind: PhaseKind,
    /// Its first second, from the start of publishing.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
}

/// What happens in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseKind {
    /// Thrown away.
    Warmup,
    /// What counts.
    Steady,
    /// Subscribers leave and come back.
    Churn,
    /// All leave at once and come back.
    Storm,
}

impl PhaseKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warm-up",
            Self::Steady => "steady",
            Self::Churn => "churn",
            Self::Storm => "storm",
        }
    }
}

/// Deliveries per second that receivers time one by one: a record costs about 50 ns, so this is 2 %
/// of a core.
const TIMED_PER_S_MAX: f64 = 400_000.0;

impl Plan {
    /// The phases that have a length, in order.
    pub fn phases(&self) -> Vec<Phase> {
        let durations = self.durations;
        let mut from_s = 0;
        [
            (PhaseKind::Warmup, durations.warmup_s),
            (PhaseKind::Steady, durations.steady_s),
            (PhaseKind::Churn, durations.churn_s),
            (PhaseKind::Storm, durations.storm_s),
        ]
        .into_iter()
        .filter(|(_, len_s)| *len_s > 0)
        .map(|(kind, len_s)| {
            let phase = Phase {
                kind,
                from_s,
                to_s: from_s + len_s,
            };
            from_s = phase.to_s;
            phase
        })
        .collect()
    }

    /// Each how manieth update everybody times, so that timing stays cheap and notes stay small.
    pub fn stride(&self) -> u64 {
        let rate = match &self.search {
            Some(search) => search.rate_max,
            None => self.rate,
        };
        let deliveries = rate * self.subscribers as f64 / self.topic_share();
        let by_cost = deliveries / TIMED_PER_S_MAX;
        let seconds = self.phases().last().map_or(0, |phase| phase.to_s);
        let by_memory = rate * f64::from(seconds) / crate::completion::FOLLOWED_MAX as f64;
        by_cost.max(by_memory).ceil().max(1.0) as u64
    }

    /// How many subscribers share an update's topic: 1 stands for all of them.
    fn topic_share(&self) -> f64 {
        match &self.filters {
            FilterPlan::Same(_) => 1.0,
            FilterPlan::Some { of, each } => of.len() as f64 / *each as f64,
        }
    }

    /// The subscribers of each thread. Those who behave badly, and the probes, are spread evenly.
    pub fn members(&self) -> Vec<Vec<Member>> {
        let roles = self.roles();
        let mut members = vec![Vec::new(); self.threads];
        for (index, role) in roles.into_iter().enumerate() {
            members[index * self.threads / self.subscribers].push(Member { index, role });
        }
        members
    }

    fn roles(&self) -> Vec<Role> {
        let mut roles = vec![Role::Sample; self.subscribers];
        let kinds = [
            (Role::Slow, self.hindered.slow),
            (Role::Stalled, self.hindered.stalled),
            (Role::Gone, self.hindered.gone),
            (Role::Probe, self.probes),
        ];
        for (role, count) in kinds {
            let free: Vec<usize> = (0..roles.len())
                .filter(|&i| roles[i] == Role::Sample)
                .collect();
            let count = count.min(free.len());
            for i in 0..count {
                roles[free[i * free.len() / count]] = role;
            }
        }
        roles
    }

    /// The filters of the published topics, if each subscriber has only some of them.
    pub fn topic_filters(topics: &[String]) -> Result<Vec<Filter>, String> {
        topics
            .iter()
            .map(|topic| Filter::new(topic).map_err(|error| format!("topic {topic:?}: {error}")))
            .collect()
    }
}
