//! Draws the conclusion from the numbers of a run. Pure.

use super::{
    cost::Generator,
    document::RunSummary,
    verdict::{Outcome, Verdict},
};
use crate::{
    latency::{Latency, format_ns},
    publish::OWN_SLIP_MAX_NS,
    worker::ConnectionCounts,
};

/// A thread that used more than this share of its core has waited for the core.
pub const CPU_MAX: f64 = 0.85;

/// Share of the measured p99 that may be the receivers' lag.
const LAG_SHARE_MAX: f64 = 0.1;

/// A lag of the receivers below this is accepted: a thread cannot be woken and read a handful of
/// sockets in much less.
const LAG_MIN_NS: u64 = 100_000;

impl RunSummary {
    /// Draws the conclusion from everything else, the worst first: an invalid run proves no
    /// latency, but a loss is a loss in any run.
    pub fn conclude(&mut self, interrupted: bool) {
        let mut reasons = self.broken();
        let mut outcome = Outcome::Passed;
        if !reasons.is_empty() {
            outcome = Outcome::IntegrityFailed;
        }
        let mut invalid = self
            .generator
            .objections(&self.latencies.response, &self.connections);
        if self.measured_nothing() {
            invalid.push("invalid: no update of the steady phase was timed".to_owned());
        }
        if !invalid.is_empty() && outcome == Outcome::Passed {
            outcome = Outcome::Invalid;
        }
        reasons.extend(invalid);
        for failed in self.assertions.iter().filter(|result| !result.passed) {
            reasons.push(format!(
                "assertion failed: {} (measured: {})",
                failed.assertion, failed.actual
            ));
            if outcome == Outcome::Passed {
                outcome = Outcome::AssertionFailed;
            }
        }
        if interrupted {
            outcome = Outcome::Interrupted;
        }
        self.verdict = Verdict { outcome, reasons };
    }

    /// Whether there is nothing that a latency could be told of.
    pub fn measured_nothing(&self) -> bool {
        self.latencies.response.count == 0
    }

    /// Breaches of the contract between server and subscribers.
    fn broken(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (tally, subscribers) in [
            (&self.integrity.healthy, "healthy"),
            (&self.integrity.hindered, "hindered"),
        ] {
            for (count, what) in [
                (tally.missing, "updates missing"),
                (tally.duplicated, "updates doubled"),
                (tally.reordered, "updates out of order"),
                (tally.misplaced, "updates outside their batch"),
                (
                    tally.not_introduced,
                    "updates of topics that were not introduced",
                ),
                (tally.chain_breaks, "breaks of the chain of positions"),
                (tally.overstated, "updates announced as lost that were not"),
            ] {
                if count > 0 {
                    reasons.push(format!("{count} {what} ({subscribers} subscribers)"));
                }
            }
        }
        if !self.integrity.drained {
            reasons.push("the last updates did not reach all subscribers in time".to_owned());
        }
        if self.integrity.never_arrived > 0 {
            reasons.push(format!(
                "{} published updates reached no subscriber",
                self.integrity.never_arrived
            ));
        }
        if self.reconciliation.remark.is_none() {
            for pair in &self.reconciliation.counters {
                if pair.server != pair.ours {
                    reasons.push(format!(
                        "{}: the server counted {}, the load tester {}",
                        pair.name, pair.server, pair.ours
                    ));
                }
            }
        }
        reasons
    }
}

impl Generator {
    /// Why the measured latencies may be the load tester's own.
    fn objections(&self, response: &Latency, counts: &ConnectionCounts) -> Vec<String> {
        let mut objections = Vec::new();
        let mut check_cpu = |name: &str, cpu: f64| {
            if cpu > CPU_MAX {
                objections.push(format!(
                    "invalid: the {name} used {:.0} % of a core (limit {:.0} %)",
                    cpu * 100.0,
                    CPU_MAX * 100.0
                ));
            }
        };
        check_cpu("publisher", self.publisher_cpu);
        for &cpu in &self.receiver_cpu {
            check_cpu("receiver thread", cpu);
        }
        if let Some(slip_ns) = self.own_slip.percentile(99.0)
            && slip_ns > OWN_SLIP_MAX_NS
        {
            objections.push(format!(
                "invalid: the publisher was late by {} at p99 (limit {})",
                format_ns(slip_ns as f64),
                format_ns(OWN_SLIP_MAX_NS as f64)
            ));
        }
        if let (Some(lag_ns), Some(p99_ns)) = (self.lag.percentile(99.0), response.percentile(99.0))
            && lag_ns > LAG_MIN_NS
            && lag_ns as f64 > LAG_SHARE_MAX * p99_ns as f64
        {
            objections.push(format!(
                "invalid: data waited {} for the receivers at p99 (limit: a tenth of the response \
                 p99, which is {})",
                format_ns(lag_ns as f64),
                format_ns(p99_ns as f64)
            ));
        }
        if counts.from_the_future > 0 {
            objections.push(format!(
                "invalid: {} updates arrived before they were due, so the clocks differ",
                counts.from_the_future
            ));
        }
        objections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        latency::Percentile,
        summary::{AssertionResult, CounterPair},
    };

    fn p99(ns: u64) -> Latency {
        Latency {
            count: 1000,
            percentiles: vec![Percentile { percent: 99.0, ns }],
            ..Latency::default()
        }
    }

    fn good() -> RunSummary {
        let mut summary = RunSummary::default();
        summary.latencies.response = p99(5_000_000);
        summary.integrity.drained = true;
        summary.generator = Generator {
            publisher_cpu: 0.3,
            receiver_cpu: vec![0.8, 0.85],
            own_slip: p99(1_000_000),
            lag: p99(500_000),
            blocked_s: 0.0,
        };
        summary
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut RunSummary), expected: Outcome) {
        let mut summary = good();
        change(&mut summary);
        summary.conclude(false);
        let Verdict { outcome, reasons } = &summary.verdict;
        assert_eq!(*outcome, expected, "{reasons:?}");
        assert_eq!(reasons.is_empty(), expected == Outcome::Passed);
    }

    #[test]
    fn a_run_is_invalid_when_the_load_tester_was_the_limit() {
        check(|_| {}, Outcome::Passed);
        check(|s| s.generator.publisher_cpu = 0.86, Outcome::Invalid);
        check(|s| s.generator.receiver_cpu[1] = 0.9, Outcome::Invalid);
        check(|s| s.generator.own_slip = p99(1_000_001), Outcome::Invalid);
        check(|s| s.generator.lag = p99(500_001), Outcome::Invalid);
        check(|s| s.connections.from_the_future = 1, Outcome::Invalid);
        check(
            |s| s.latencies.response = Latency::default(),
            Outcome::Invalid,
        );
    }

    #[test]
    fn a_lag_that_no_scheduler_avoids_is_accepted() {
        let quick = |s: &mut RunSummary| {
            s.latencies.response = p99(300_000);
            s.generator.lag = p99(100_000);
        };
        check(quick, Outcome::Passed);
    }

    #[test]
    fn a_loss_outweighs_an_invalid_run_which_outweighs_an_assertion() {
        let assertion = |passed| AssertionResult {
            assertion: "gaps == 0".into(),
            passed,
            actual: "1".into(),
        };
        check(|s| s.assertions = vec![assertion(true)], Outcome::Passed);
        let failed = |s: &mut RunSummary| s.assertions = vec![assertion(false)];
        check(failed, Outcome::AssertionFailed);
        let invalid = |s: &mut RunSummary| {
            failed(s);
            s.generator.publisher_cpu = 0.9;
        };
        check(invalid, Outcome::Invalid);
        let lost = |s: &mut RunSummary| {
            invalid(s);
            s.integrity.healthy.missing = 1;
        };
        check(lost, Outcome::IntegrityFailed);
        check(|s| s.integrity.never_arrived = 1, Outcome::IntegrityFailed);
        check(
            |s| s.integrity.hindered.overstated = 1,
            Outcome::IntegrityFailed,
        );
    }

    #[test]
    fn counters_that_differ_are_a_failure_unless_the_difference_is_explained() {
        let differ = |s: &mut RunSummary| {
            s.reconciliation.counters = vec![CounterPair {
                name: "deliveries".into(),
                server: 5,
                ours: 4,
            }];
        };
        check(differ, Outcome::IntegrityFailed);
        let explained = |s: &mut RunSummary| {
            differ(s);
            s.reconciliation.remark = Some("connections were cut".into());
        };
        check(explained, Outcome::Passed);
    }
}
