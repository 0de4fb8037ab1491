//! The phases of publishing, one after the other.

use std::time::Duration;

use super::{error::RunError, progress::View, runner::Runner, search::RateSearch};
use crate::{
    plan::{Phase, PhaseKind},
    publish::Segment,
    schedule::{Schedule, Timing},
    worker::WorkerCommand,
};

const NS_PER_S: i64 = 1_000_000_000;

impl Runner<'_> {
    /// Publishes everything. Returns the second in which the steady phase began.
    pub(super) fn search_and_hold(&mut self) -> Result<u32, RunError> {
        let mut shift_s = 0;
        if let Some(search) = &self.plan.search {
            let mut rates = RateSearch::new(self.plan.rate, search.rate_max);
            while let Some(rate) = rates.next() {
                if self.is_interrupted() {
                    break;
                }
                let step = self.search_step(rate)?;
                let verdict = if step.passed { "passed" } else { "failed" };
                let why = step.reason.as_deref().unwrap_or_default();
                self.progress
                    .say(&format!("{rate:.0} updates/s {verdict} {why}"));
                rates.tried(rate, step.passed);
                self.search.push(step);
            }
            self.rate = rates.best().unwrap_or(self.plan.rate);
            shift_s = self.next_second();
        }
        let mut steady_from_s = 0;
        let mut phases = self.plan.phases();
        for phase in &mut phases {
            phase.from_s += shift_s;
            phase.to_s += shift_s;
        }
        for phase in &phases {
            if phase.kind == PhaseKind::Steady {
                steady_from_s = phase.from_s;
                let measured = self.at_ns(phase.from_s)..self.at_ns(phase.to_s);
                self.tell(|| WorkerCommand::Measure(measured.clone()))?;
            }
            self.schedule(phase.from_s, phase.to_s - phase.from_s, phase.kind)?;
        }
        for phase in &phases {
            if !self.hold(*phase)? {
                break;
            }
        }
        Ok(steady_from_s)
    }

    /// One phase. Returns whether to continue.
    fn hold(&mut self, phase: Phase) -> Result<bool, RunError> {
        let is_steady = phase.kind == PhaseKind::Steady;
        // A search may end in the middle of a second.
        while self.next_second() <= phase.from_s {
            if !self.second("search", phase.from_s - 1, phase.from_s, false)? {
                return Ok(false);
            }
        }
        match phase.kind {
            PhaseKind::Warmup => {}
            PhaseKind::Steady => {
                let until_ns = self.at_ns(phase.from_s + self.plan.stall_s);
                self.tell(|| WorkerCommand::Hinder { until_ns })?;
                self.steady = Some((self.checkpoint(), None));
            }
            PhaseKind::Churn => {
                let per_s = self.plan.churn_per_s / self.workers.len() as f64;
                self.tell(|| WorkerCommand::Churn { per_s })?;
            }
            PhaseKind::Storm => self.tell(|| WorkerCommand::Storm)?,
        }
        let mut goes_on = true;
        while goes_on && self.next_second() <= phase.to_s {
            goes_on = self.second(phase.kind.name(), phase.from_s, phase.to_s, is_steady)?;
        }
        if is_steady {
            let after = self.checkpoint();
            if let Some((_, end)) = &mut self.steady {
                *end = Some(after);
            }
        }
        if phase.kind == PhaseKind::Churn {
            self.tell(|| WorkerCommand::Churn { per_s: 0.0 })?;
        }
        Ok(goes_on)
    }

    /// Waits for the end of the current second, and collects its reports. Returns whether to
    /// continue.
    pub(super) fn second(
        &mut self,
        name: &str,
        from_s: u32,
        to_s: u32,
        is_steady: bool,
    ) -> Result<bool, RunError> {
        let ends_s = self.next_second();
        let goes_on = self.wait_until(self.at_ns(ends_s));
        self.check_publisher()?;
        let reports = self.reports()?;
        let arrived = reports.arrived();
        self.collected
            .end_second(reports, name, is_steady, self.observed());
        self.check_arrival()?;
        let totals = &self.collected.totals;
        let delivered = self.collected.seconds.last().map_or(0, |s| s.delivered);
        self.progress.show(&View {
            phase: name,
            done_s: ends_s - from_s,
            len_s: to_s - from_s,
            connections: totals.counts.open,
            delivered,
            arrived: &arrived,
            gaps: totals.sum(|tally| tally.gaps),
            broken: totals.sum(|tally| tally.broken()),
        });
        Ok(goes_on)
    }

    /// Tells the publisher to publish for some seconds at the current rate.
    pub(super) fn schedule(
        &mut self,
        from_s: u32,
        len_s: u32,
        kind: PhaseKind,
    ) -> Result<(), RunError> {
        let Some(publisher) = &self.publisher else {
            return Ok(());
        };
        // Each stretch has its own random arrivals.
        let timing = match self.plan.timing {
            Timing::Poisson { seed } => Timing::Poisson {
                seed: seed.wrapping_add(from_s.into()),
            },
            ref other => other.clone(),
        };
        let len = Duration::from_secs(len_s.into());
        let schedule = Schedule::new(&timing, self.rate, len)
            .map_err(|error| RunError::Connect(error.to_string()))?;
        publisher.publish(Segment {
            start_ns: self.at_ns(from_s),
            schedule,
            is_measured: kind == PhaseKind::Steady,
        })?;
        Ok(())
    }

    /// The next second that has not begun yet, where the current second ends.
    pub(super) fn next_second(&self) -> u32 {
        self.collected.seconds.len() as u32 + 1
    }

    pub(super) fn at_ns(&self, second: u32) -> i64 {
        self.start_ns + i64::from(second) * NS_PER_S
    }
}
