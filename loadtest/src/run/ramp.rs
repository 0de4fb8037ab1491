//! Opens all connections, and sets the start of publishing.

use std::time::Duration;

use super::{error::RunError, runner::Runner};
use crate::{
    latency::{DueFrom, Scope},
    plan::UpdateSource,
    worker::WorkerCommand,
};

/// Pause between two checks while connections open.
const CHECK_NS: i64 = 100_000_000;

/// From the decision to publish until the first update is due: all threads must know of it by then.
const LEAD_NS: i64 = 100_000_000;

impl Runner<'_> {
    /// Opens all connections and waits until all subscriptions are confirmed.
    pub(super) fn ramp(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        let now_ns = self.clock.now_ns();
        let per_s = plan.ramp_per_s / self.workers.len() as f64;
        self.tell(|| WorkerCommand::Open {
            from_ns: now_ns,
            per_s,
        })?;
        let len = Duration::from_secs_f64(plan.subscribers as f64 / plan.ramp_per_s);
        let deadline_ns = now_ns + (len + plan.ramp_max).as_nanos() as i64;
        let mut checks = 1;
        loop {
            if !self.wait_until(now_ns + checks * CHECK_NS) {
                return Err(RunError::Interrupted);
            }
            checks += 1;
            self.check_publisher()?;
            let reports = self.reports()?;
            self.collected.add(reports, false);
            let totals = &self.collected.totals;
            let open = totals.counts.open;
            let is_late = self.clock.now_ns() > deadline_ns;
            if totals.counts.failed > 0 || is_late {
                let errors: Vec<_> = totals.errors.keys().cloned().collect();
                let why = match errors.len() {
                    0 => format!("no answer within {} s", plan.ramp_max.as_secs()),
                    _ => errors.join("; "),
                };
                return Err(RunError::Connect(format!(
                    "{}: {open} of {} subscribers connected: {why}",
                    plan.target.url, plan.subscribers
                )));
            }
            if open == plan.subscribers as u64 {
                self.progress.say(&format!("{open} subscribers connected"));
                self.connected_usage = self.server.usage();
                return Ok(());
            }
        }
    }

    /// Sets the start of publishing, and tells all workers.
    pub(super) fn begin(&mut self) -> Result<(), RunError> {
        let plan = self.plan;
        self.start_ns = self.clock.now_ns() + LEAD_NS;
        let (due_from, first_key) = match plan.source {
            UpdateSource::Own(_) => (DueFrom::Stamp { run: plan.run }, 0),
            UpdateSource::Server => (DueFrom::Ingest, self.collected.totals.position + 1),
        };
        let scope = Scope {
            due_from,
            start_ns: self.start_ns,
            measured_ns: i64::MAX..i64::MAX,
            first_key,
            stride: plan.stride(),
        };
        self.tell(|| WorkerCommand::Start(scope.clone()))?;
        self.wait_until(self.start_ns);
        self.collected.begin(self.observed());
        Ok(())
    }
}
