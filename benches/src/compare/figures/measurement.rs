//! One measurement of one contender.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tickcast_loadtest::ledger::DeliverySummary;

use super::span::Span;
use crate::compare::contender::Contender;

/// A load that worked for more of the time than this may have been the limit.
const LOAD_BUSY_MAX: f64 = 0.85;

/// Share of the measured latency that the load's own lateness may be.
const LATENESS_MAX: f64 = 0.10;

/// A lateness of the load below this does not matter.
const LATENESS_MIN_MS: f64 = 0.1;

/// A contender that works for more of the time than this is at its limit.
const SATURATED: f64 = 0.95;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The contender.
    pub contender: Contender,
    /// The workload's letter.
    pub workload: String,
    /// The run, from 1.
    pub run: usize,
    /// All turns together.
    pub whole: Span,
    /// Each turn. Ratios are made within the same turn.
    pub turns: Vec<Span>,
    /// See [`Workload::kept_up`](crate::compare::workload::Workload::kept_up).
    pub kept_up: Option<f64>,
    /// CPU time in seconds (resolution: 10 ms). `user_s` is compared with it.
    pub coarse_s: f64,
    /// CPU time in user space, in seconds (resolution: 10 ms).
    pub user_s: f64,
    /// The share of the time in which its core worked, for any process.
    pub core_busy: f64,
    /// Growth of memory per connection, while subscribers connected.
    pub connection_bytes: f64,
    /// Growth of memory in the measured times.
    pub growth_bytes: f64,
    /// Deliveries of the whole run.
    pub integrity: DeliverySummary,
    /// Connections that the contender closed.
    pub closed: usize,
    /// The share of the time in which the load worked.
    pub load_busy: f64,
    /// Upper bound of the time that data waited for the load, at p99.
    pub load_late_p99_ms: f64,
    /// The whole run as counted by the server and by the load, if the server counts.
    pub counters: Option<BothCounts>,
    /// Errors and closed connections, by kind.
    #[serde(alias = "complaints")]
    pub errors: BTreeMap<String, u64>,
}

/// The same numbers as counted by both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BothCounts {
    /// The server's numbers.
    pub server: Counted,
    /// The load's numbers.
    pub load: Counted,
}

/// What one side counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Deliveries.
    pub deliveries: u64,
    /// Updates announced as lost.
    pub lost: u64,
    /// Updates that newer ones replaced.
    pub conflated: u64,
}

impl Measurement {
    /// Whether both sides counted differently. Updates on the way to a closed connection cannot be
    /// compared.
    pub(super) fn counters_differ(&self) -> bool {
        self.closed == 0 && self.counters.is_some_and(|c| c.server != c.load)
    }

    /// Everything in a line, for the terminal.
    pub fn line(&self) -> String {
        let whole = &self.whole;
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let errors: String = self
            .errors
            .iter()
            .map(|(text, times)| format!(", {times} x {text}"))
            .collect();
        format!(
            "({}) {:18} {:>6} us, {:>9.0}/s, p50 {} ms, p99 {} ms, {:.2} % delivered, busy {:.0} %, \
             load {:.0} %, late {:.2} ms, {:.1} KiB each{errors}",
            self.workload,
            self.contender.name(),
            number(whole.cpu_us()),
            whole.deliveries_per_s(),
            number(whole.p50_ms),
            number(whole.p99_ms),
            self.integrity.completion() * 100.0,
            whole.busy() * 100.0,
            self.load_busy * 100.0,
            self.load_late_p99_ms,
            self.connection_bytes / 1024.0,
        )
    }

    /// Whether the load was the limit. Then latencies are upper bounds and the rate is a lower
    /// bound.
    pub fn load_was_limit(&self) -> bool {
        let Span { p99_ms, .. } = self.whole;
        let late = p99_ms.is_some_and(|p99_ms| {
            self.load_late_p99_ms > (LATENESS_MAX * p99_ms).max(LATENESS_MIN_MS)
        });
        let is_throughput = p99_ms.is_none() && self.whole.busy() < SATURATED;
        late || (self.load_busy > LOAD_BUSY_MAX && (p99_ms.is_some() || is_throughput))
    }
}
