//! The end of a run: the last reports, and the conclusion.

use std::sync::Arc;

use tickcast_protocol::message::{Mode, TimeNs};

use super::{report_sum::ReportSum, runner::Runner};
use crate::{
    latency::{Histogram, Latency, histogram},
    ledger::Baseline,
    publish::PublisherTotals,
    summary::{Latencies, RunSummary},
    worker::{Newest, WorkerCommand, WorkerLost, WorkerReply},
};

const NS_PER_S: i64 = 1_000_000_000;

/// The full result of a run.
#[derive(Debug)]
pub struct Finished {
    /// The result in numbers.
    pub summary: RunSummary,
    /// Full histograms of the steady phase, by name.
    pub histograms: Vec<(&'static str, Histogram)>,
    /// Response by the second in which updates were due.
    pub seconds: Vec<(u32, Histogram)>,
    /// When publishing began, in ns since the Unix epoch.
    pub start_ns: TimeNs,
}

impl Runner<'_> {
    /// Collects the last reports, closes everything, and draws the conclusion.
    pub(super) fn finish(
        mut self,
        published: &PublisherTotals,
        drained: bool,
        steady_from_s: u32,
    ) -> Result<Finished, WorkerLost> {
        let arrived = self.arrived()?;
        let reports = self.reports()?;
        self.collected.add(reports, false);
        let reconciliation = self.reconcile(published);
        self.end_workers(&arrived)?;
        self.progress.end();
        let never_arrived = match self.plan.baseline {
            Baseline::New if self.expected(published.updates).is_some() => {
                published.updates.saturating_sub(arrived.values().sum())
            }
            _ => 0,
        };
        self.collected.complete_seconds();
        let mut summary = self.summary(published);
        summary.integrity.drained = drained;
        summary.integrity.never_arrived = never_arrived;
        summary.reconciliation = reconciliation;
        let steady_to_s = steady_from_s + summary.load.steady_s;
        let histograms = self.histograms(published, steady_from_s, steady_to_s);
        summary.latencies = Latencies::default();
        for (name, histogram) in &histograms {
            *summary.latencies.by_name_mut(name) = Latency::of(histogram);
        }
        let assertions = self.plan.assertions.iter();
        summary.assertions = assertions.map(|a| a.check(&summary)).collect();
        summary.conclude(self.is_interrupted());
        let seconds = std::mem::take(&mut self.collected.response);
        Ok(Finished {
            summary,
            histograms,
            seconds: seconds.into_iter().collect(),
            start_ns: self.start_ns,
        })
    }

    fn end_workers(&mut self, newest: &Newest) -> Result<(), WorkerLost> {
        let newest = Arc::new(newest.clone());
        self.tell(|| WorkerCommand::Finish(newest.clone()))?;
        let mut reports = Vec::new();
        for worker in self.workers.drain(..) {
            let WorkerReply::Finished { report, completion } = worker.reply()? else {
                return Err(WorkerLost);
            };
            reports.push(*report);
            match &mut self.collected.completion {
                Some(all) => all.merge(&completion),
                none => *none = Some(completion),
            }
            worker.join()?;
        }
        self.collected.add(ReportSum::of(reports), false);
        Ok(())
    }

    pub(super) fn histograms(
        &self,
        published: &PublisherTotals,
        from_s: u32,
        to_s: u32,
    ) -> Vec<(&'static str, Histogram)> {
        let collected = &self.collected;
        let at_ns = |second: u32| self.start_ns + i64::from(second) * NS_PER_S;
        let mut histograms = vec![
            ("response", collected.response_in(from_s, to_s)),
            ("service", collected.service.clone()),
            ("slip", published.slip.clone()),
            ("probes", collected.probes.clone()),
            ("connect", collected.connect_in(0, u32::MAX)),
        ];
        // In mode `latest` a subscriber does not get every update.
        let completion = match (&collected.completion, self.plan.params.mode) {
            (Some(completion), Mode::Every) => {
                let summary = completion.summary(at_ns(from_s), at_ns(to_s));
                (summary.completion, summary.spread)
            }
            _ => (histogram(), histogram()),
        };
        histograms.push(("completion", completion.0));
        histograms.push(("spread", completion.1));
        histograms
    }
}
