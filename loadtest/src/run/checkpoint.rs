//! What threads and processes had used at a moment.

use tickcast_protocol::message::TimeNs;

use crate::observe::process::Usage;

const NS_PER_S: f64 = 1e9;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Checkpoint {
    pub(super) at_ns: TimeNs,
    pub(super) publisher_ns: Option<u64>,
    pub(super) workers_ns: Vec<Option<u64>>,
    pub(super) server: Option<Usage>,
    pub(super) published: u64,
    pub(super) received: u64,
    pub(super) bytes: u64,
    pub(super) position: u64,
}

impl Checkpoint {
    pub(super) fn seconds_since(&self, before: &Self) -> f64 {
        (self.at_ns - before.at_ns) as f64 / NS_PER_S
    }

    /// The share of a core that the publisher used.
    pub(super) fn publisher_since(&self, before: &Self) -> f64 {
        share(
            self.publisher_ns,
            before.publisher_ns,
            self.seconds_since(before),
        )
    }

    /// The share of a core that each worker used.
    pub(super) fn workers_since(&self, before: &Self) -> Vec<f64> {
        let seconds = self.seconds_since(before);
        let workers = self.workers_ns.iter().zip(&before.workers_ns);
        workers
            .map(|(after, before)| share(*after, *before, seconds))
            .collect()
    }

    /// The share of a core that the busiest thread of the load tester used.
    pub(super) fn busiest_since(&self, before: &Self) -> f64 {
        let workers = self.workers_since(before).into_iter();
        workers.fold(self.publisher_since(before), f64::max)
    }
}

fn share(after_ns: Option<u64>, before_ns: Option<u64>, seconds: f64) -> f64 {
    let used = after_ns.zip(before_ns);
    used.map_or(0.0, |(after, before)| {
        after.saturating_sub(before) as f64 / NS_PER_S / seconds
    })
}
