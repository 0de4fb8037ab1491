//! Medians and ratios of many measurements.

use serde::Serialize;
use tickcast_loadtest::{ledger::DeliverySummary, number::median};

use super::{measurement::Measurement, span::Span};
use crate::compare::{contender::Contender, workload::Workload};

/// Medians of several measurements of one contender with one workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// The contender.
    pub contender: Contender,
    /// The measurements.
    #[serde(skip)]
    pub runs: Vec<Measurement>,
    /// CPU time per delivery, in us.
    pub cpu_us: Option<f64>,
    /// The share of CPU time in user space, over all runs, because its clock is coarse.
    pub user_share: Option<f64>,
    /// The share of the time in which it worked.
    pub busy: f64,
    /// Deliveries per second.
    pub deliveries_per_s: f64,
    /// Bytes per delivery.
    pub bytes_each: Option<f64>,
    /// Latency in ms, from when updates were due.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// See `p50_ms`.
    pub p999_ms: Option<f64>,
    /// See [`Workload::kept_up`].
    pub kept_up: Option<f64>,
    /// The share of the expected deliveries that arrived, over all runs.
    pub completion: f64,
    /// Missing deliveries, over all runs.
    pub missing: u64,
    /// Doubled deliveries, over all runs.
    pub doubled: u64,
    /// Deliveries announced as lost, over all runs.
    pub announced: u64,
    /// Deliveries announced as lost that were not lost, over all runs.
    pub overstated: u64,
    /// Connections that it closed, over all runs.
    pub closed: usize,
    /// Memory per connection, in bytes.
    pub connection_bytes: f64,
    /// Growth of memory in the measured time, in bytes.
    pub growth_bytes: f64,
    /// Runs in which the load was the limit.
    pub limited_by_load: usize,
    /// Runs in which the counters of server and load differ.
    pub counters_differ: usize,
}

impl Figures {
    /// The medians of measurements of one contender with one workload.
    pub fn of(contender: Contender, runs: &[&Measurement]) -> Self {
        let optional = |of: &dyn Fn(&Measurement) -> Option<f64>| {
            median(runs.iter().filter_map(|run| of(run)).collect())
        };
        let plain =
            |of: &dyn Fn(&Measurement) -> f64| optional(&|run| Some(of(run))).unwrap_or(0.0);
        let sum =
            |of: &dyn Fn(&DeliverySummary) -> u64| runs.iter().map(|run| of(&run.integrity)).sum();
        let user_s: f64 = runs.iter().map(|run| run.user_s).sum();
        let coarse_s: f64 = runs.iter().map(|run| run.coarse_s).sum();
        let received: u64 = sum(&|integrity| integrity.received);
        let expected: u64 = sum(&|integrity| integrity.expected);
        Self {
            contender,
            runs: runs.iter().copied().cloned().collect(),
            cpu_us: optional(&|run| run.whole.cpu_us()),
            user_share: (coarse_s > 0.0).then(|| user_s / coarse_s),
            busy: plain(&|run| run.whole.busy()),
            deliveries_per_s: plain(&|run| run.whole.deliveries_per_s()),
            bytes_each: optional(&|run| run.whole.bytes_each()),
            p50_ms: optional(&|run| run.whole.p50_ms),
            p99_ms: optional(&|run| run.whole.p99_ms),
            p999_ms: optional(&|run| run.whole.p999_ms),
            kept_up: optional(&|run| run.kept_up),
            completion: match expected {
                0 => 1.0,
                expected => received as f64 / expected as f64,
            },
            missing: sum(&|integrity| integrity.missing),
            doubled: sum(&|integrity| integrity.doubled),
            announced: sum(&|integrity| integrity.announced),
            overstated: sum(&|integrity| integrity.overstated),
            closed: runs.iter().map(|run| run.closed).sum(),
            connection_bytes: plain(&|run| run.connection_bytes),
            growth_bytes: plain(&|run| run.growth_bytes),
            limited_by_load: runs.iter().filter(|run| run.load_was_limit()).count(),
            counters_differ: runs.iter().filter(|run| run.counters_differ()).count(),
        }
    }
}

impl Figures {
    /// A figure divided by another contender's: the median of the per-turn ratios of all runs. What
    /// changes from turn to turn changes for both contenders, and a moment at which the machine
    /// stands still affects one turn of one of them.
    pub fn ratio(&self, other: &Self, of: impl Fn(&Span) -> Option<f64>) -> Option<f64> {
        let turns = self.runs.iter().flat_map(|own| {
            let same = other.runs.iter().find(|other| other.run == own.run);
            same.into_iter()
                .flat_map(|same| own.turns.iter().zip(&same.turns))
        });
        let ratios = turns.filter_map(|(own, same)| {
            let (dividend, divisor) = (of(own)?, of(same)?);
            (divisor > 0.0).then(|| dividend / divisor)
        });
        median(ratios.collect())
    }
}

/// The figures of a workload, in the order of the contenders.
pub fn figures(workload: &Workload, measurements: &[Measurement]) -> Vec<Figures> {
    let contenders = workload.contenders.iter().filter_map(|&contender| {
        let runs: Vec<_> = measurements
            .iter()
            .filter(|m| m.contender == contender && m.workload == workload.letter)
            .collect();
        (!runs.is_empty()).then(|| Figures::of(contender, &runs))
    });
    contenders.collect()
}
