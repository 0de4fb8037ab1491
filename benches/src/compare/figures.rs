//! One measurement in figures, and many of them as medians and ratios. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{contender::Contender, ledger::Integrity, workload::Workload};

/// A load that worked for more of the time than this may have been the limit.
const LOAD_BUSY_MAX: f64 = 0.85;

/// The load's own lateness may be this share of the latency that it measures ...
const LATENESS_MAX: f64 = 0.10;

/// ... unless it is below this: nobody cares.
const LATENESS_MIN_MS: f64 = 0.1;

/// A contender that works for more of the time than this is at its limit.
const SATURATED: f64 = 0.95;

/// What was done in some measured time: in a turn, or in all turns of a run together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Its length.
    pub seconds: f64,
    /// Updates published in it.
    pub published: u64,
    /// Deliveries in it: updates that a subscriber got.
    pub deliveries: u64,
    /// What subscribers received for them, in bytes, with all that is around the payloads.
    pub bytes: u64,
    /// CPU time of the contender in it.
    pub cpu_s: f64,
    /// From when updates were due until subscribers had them, in ms.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// See `p50_ms`.
    pub p999_ms: Option<f64>,
}

/// One measurement of one contender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Whose.
    pub contender: Contender,
    /// The workload's letter.
    pub workload: String,
    /// In which run.
    pub run: usize,
    /// All turns together.
    pub whole: Span,
    /// Each for itself: ratios are those of the same turn.
    pub turns: Vec<Span>,
    /// See [`Workload::kept_up`].
    pub kept_up: Option<f64>,
    /// Of a coarser account: CPU time, and that in user space.
    pub coarse_s: f64,
    /// See `coarse_s`.
    pub user_s: f64,
    /// How much of the time its core worked, for whomever.
    pub core_busy: f64,
    /// Memory per connection: growth while they connected.
    pub connection_bytes: f64,
    /// Growth of memory from the start of each turn's measured time to its end.
    pub growth_bytes: f64,
    /// Of the whole run.
    pub integrity: Integrity,
    /// Connections that the contender closed.
    pub closed: usize,
    /// How much of the time the load worked.
    pub load_busy: f64,
    /// The longest that data may have waited for the load, but for one in a hundred times.
    pub load_late_p99_ms: f64,
    /// The whole run as the server and as we have counted it, if the server counts.
    pub counters: Option<Counters>,
    /// What was unusual, and how often.
    pub complaints: BTreeMap<String, u64>,
}

/// Two accounts of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// By the server.
    pub server: Counted,
    /// By the load.
    pub load: Counted,
}

/// What one side has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Updates that subscribers got.
    pub deliveries: u64,
    /// Updates that were told to be lost.
    pub lost: u64,
    /// Updates that newer ones took the place of.
    pub conflated: u64,
}

impl Span {
    /// CPU time per delivery in us.
    pub fn cpu_us(&self) -> Option<f64> {
        (self.deliveries > 0).then(|| self.cpu_s * 1e6 / self.deliveries as f64)
    }

    /// How much of the time the contender worked.
    pub fn busy(&self) -> f64 {
        self.cpu_s / self.seconds
    }

    /// Per second.
    pub fn deliveries_per_s(&self) -> f64 {
        self.deliveries as f64 / self.seconds
    }

    /// Bytes per delivery.
    pub fn bytes_each(&self) -> Option<f64> {
        (self.deliveries > 0).then(|| self.bytes as f64 / self.deliveries as f64)
    }
}

impl Measurement {
    /// Whether both sides have counted the same. What was on its way to a connection that was
    /// closed cannot be compared.
    fn counters_differ(&self) -> bool {
        self.closed == 0 && self.counters.is_some_and(|c| c.server != c.load)
    }

    /// All in a line, for those who look on.
    pub fn line(&self) -> String {
        let whole = &self.whole;
        let number = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let complaints: String = self
            .complaints
            .iter()
            .map(|(text, times)| format!(", {times} x {text}"))
            .collect();
        format!(
            "({}) {:18} {:>6} us, {:>9.0}/s, p50 {} ms, p99 {} ms, {:.2} % delivered, busy {:.0} %, \
             load {:.0} %, late {:.2} ms, {:.1} KiB each{complaints}",
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

    /// Why its latencies are upper bounds and its rate is a lower one, if they are.
    pub fn load_was_limit(&self) -> bool {
        let Span { p99_ms, .. } = self.whole;
        let late = p99_ms.is_some_and(|p99_ms| {
            self.load_late_p99_ms > (LATENESS_MAX * p99_ms).max(LATENESS_MIN_MS)
        });
        let is_throughput = p99_ms.is_none() && self.whole.busy() < SATURATED;
        late || (self.load_busy > LOAD_BUSY_MAX && (p99_ms.is_some() || is_throughput))
    }
}

/// Medians of several measurements of one contender with one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Whose.
    pub contender: Contender,
    /// What they are the medians of.
    #[serde(skip)]
    pub runs: Vec<Measurement>,
    /// CPU time per delivery in us.
    pub cpu_us: Option<f64>,
    /// The share of it in user space, of all runs together: that account is coarse.
    pub user_share: Option<f64>,
    /// How much of the time it worked.
    pub busy: f64,
    /// Per second.
    pub deliveries_per_s: f64,
    /// Bytes per delivery.
    pub bytes_each: Option<f64>,
    /// In ms, from when updates were due.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// See `p50_ms`.
    pub p999_ms: Option<f64>,
    /// See [`Workload::kept_up`].
    pub kept_up: Option<f64>,
    /// The share of what should arrive that did: of all runs together.
    pub completion: f64,
    /// Of all runs together.
    pub missing: u64,
    /// Of all runs together.
    pub doubled: u64,
    /// Announced as lost, of all runs together.
    pub announced: u64,
    /// Announced as lost that was not, of all runs together.
    pub overstated: u64,
    /// Connections that it closed, of all runs together.
    pub closed: usize,
    /// Memory per connection.
    pub connection_bytes: f64,
    /// Growth of memory while it was measured.
    pub growth_bytes: f64,
    /// Runs in which the load was the limit.
    pub limited_by_load: usize,
    /// Runs in which the server counted something else than the load.
    pub counters_differ: usize,
}

impl Figures {
    /// The medians of some measurements of the same.
    pub fn of(contender: Contender, runs: &[&Measurement]) -> Self {
        let optional = |of: &dyn Fn(&Measurement) -> Option<f64>| {
            median(runs.iter().filter_map(|run| of(run)).collect())
        };
        let plain =
            |of: &dyn Fn(&Measurement) -> f64| optional(&|run| Some(of(run))).unwrap_or(0.0);
        let sum = |of: &dyn Fn(&Integrity) -> u64| runs.iter().map(|run| of(&run.integrity)).sum();
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
    /// This figure divided by another contender's, as the median of the ratios of each turn of each
    /// run: what changes from turn to turn changes for both, and a moment at which the machine stands
    /// still spoils one turn of one of them.
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

/// The value in the middle; of two in the middle their mean.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// 1 s in which each delivery took 2 us.
    const SPAN: Span = Span {
        seconds: 1.0,
        published: 100,
        deliveries: 100_000,
        bytes: 6_600_000,
        cpu_s: 0.2,
        p50_ms: Some(1.0),
        p99_ms: Some(3.0),
        p999_ms: None,
    };

    /// A measurement of one turn.
    pub(in crate::compare) fn measurement(contender: Contender) -> Measurement {
        Measurement {
            contender,
            workload: "a".into(),
            run: 1,
            whole: SPAN,
            turns: vec![SPAN],
            kept_up: Some(1.0),
            coarse_s: 0.2,
            user_s: 0.02,
            core_busy: 0.3,
            connection_bytes: 2048.0,
            growth_bytes: 0.0,
            integrity: Integrity {
                expected: 100_000,
                received: 100_000,
                ..Integrity::default()
            },
            closed: 0,
            load_busy: 0.4,
            load_late_p99_ms: 0.05,
            counters: None,
            complaints: BTreeMap::new(),
        }
    }

    #[test]
    fn the_median_of_figures_is_taken_and_losses_are_added_up() {
        let runs: Vec<_> = [0.2, 0.9, 0.3]
            .into_iter()
            .map(|cpu_s| {
                let mut run = measurement(Contender::Nats);
                run.whole.cpu_s = cpu_s;
                run.integrity.missing = 2;
                run
            })
            .collect();
        let figures = Figures::of(Contender::Nats, &runs.iter().collect::<Vec<_>>());
        assert_eq!(figures.cpu_us, Some(3.0));
        assert_eq!(figures.missing, 6);
        assert_eq!(figures.p999_ms, None);
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }

    #[test]
    fn a_ratio_is_that_of_the_same_turn() {
        let figures = |contender, runs: [[f64; 2]; 2]| {
            let runs = (1..).zip(runs).map(|(run, turns)| Measurement {
                run,
                turns: turns.map(|cpu_s| Span { cpu_s, ..SPAN }).to_vec(),
                ..measurement(contender)
            });
            let runs: Vec<_> = runs.collect();
            Figures::of(contender, &runs.iter().collect::<Vec<_>>())
        };
        // Half as much in three turns of four, though all turns together are the same.
        let own = figures(Contender::TickcastJson, [[0.1, 0.2], [0.4, 0.8]]);
        let mut other = figures(Contender::Nats, [[0.2, 0.4], [0.8, 0.1]]);
        assert_eq!(own.ratio(&other, Span::cpu_us), Some(0.5));
        // What is missing is left out.
        other.runs[1].turns.remove(0);
        assert_eq!(own.ratio(&other, Span::cpu_us), Some(0.5));
        other.runs.remove(0);
        assert_eq!(own.ratio(&other, Span::cpu_us), Some(4.0));
        assert_eq!(own.ratio(&other, |span| span.p999_ms), None);
    }

    #[test]
    fn counters_that_differ_are_seen_unless_a_connection_was_cut() {
        let mut run = measurement(Contender::TickcastJson);
        let deliveries = |deliveries| Counted {
            deliveries,
            ..Counted::default()
        };
        let load = deliveries(5);
        for (server, closed, differ) in [(5, 0, 0), (6, 0, 1), (6, 1, 0)] {
            let server = deliveries(server);
            run.counters = Some(Counters { server, load });
            run.closed = closed;
            let figures = Figures::of(Contender::TickcastJson, &[&run]);
            assert_eq!(figures.counters_differ, differ);
        }
    }

    #[test]
    fn a_load_that_was_the_limit_says_so() {
        let good = measurement(Contender::Raw);
        assert!(!good.load_was_limit());
        let busy = Measurement {
            load_busy: 0.9,
            ..good.clone()
        };
        assert!(busy.load_was_limit());
        let late = Measurement {
            load_late_p99_ms: 0.4,
            ..good.clone()
        };
        assert!(late.load_was_limit());
        // As fast as it goes: a contender that works all the time is its own limit.
        let mut throughput = Measurement {
            load_busy: 0.99,
            ..good
        };
        throughput.whole.p99_ms = None;
        assert!(throughput.load_was_limit());
        let mut saturated = throughput;
        saturated.whole.cpu_s = 0.98;
        assert!(!saturated.load_was_limit());
    }
}
