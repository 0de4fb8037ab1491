//! One step of a search for the highest rate.

use super::{drain::DrainState, error::RunError, runner::Runner};
use crate::{
    latency::Latency,
    plan::PhaseKind,
    summary::{CPU_MAX, RunSummary, SearchStep},
};

/// Share of the wanted rate that must be published for a step to count.
const PUBLISHED_MIN: f64 = 0.98;

impl Runner<'_> {
    /// Tries a rate: publishes for some seconds, waits until everything has arrived, and judges.
    pub(super) fn search_step(&mut self, rate: f64) -> Result<SearchStep, RunError> {
        let Some(search) = &self.plan.search else {
            return Ok(SearchStep::default());
        };
        self.rate = rate;
        let from_s = self.next_second();
        let to_s = from_s + search.step_s;
        self.schedule(from_s, search.step_s, PhaseKind::Warmup)?;
        let before = self.checkpoint();
        let broken_before = self.collected.totals.sum(|tally| tally.broken());
        let mut goes_on = true;
        while goes_on && self.next_second() <= to_s {
            goes_on = self.second("search", from_s, to_s, false)?;
        }
        let after = self.checkpoint();
        let mut left_s = self.plan.drain_max.as_secs();
        let mut arrival = DrainState::default();
        let mut drained = self.has_arrived(after.published, &mut arrival)?;
        while goes_on && !drained && left_s > 0 {
            let now_s = self.next_second();
            goes_on = self.second("search", now_s, now_s + left_s as u32, false)?;
            drained = self.has_arrived(after.published, &mut arrival)?;
            left_s -= 1;
        }
        let mut summary = RunSummary::default();
        summary.latencies.response = Latency::of(&self.collected.response_in(from_s, to_s));
        let goal = search.goal.check(&summary);
        let published = (after.published - before.published) as f64 / f64::from(search.step_s);
        let busiest = after.busiest_since(&before);
        let broken = self.collected.totals.sum(|tally| tally.broken()) - broken_before;
        let reason = if broken > 0 {
            Some(format!("{broken} breaches of the contract"))
        } else if !drained {
            Some("the last updates did not arrive in time".to_owned())
        } else if busiest > CPU_MAX {
            Some(format!(
                "the load tester is the limit: a thread used {:.0} % of a core",
                busiest * 100.0
            ))
        } else if published < rate * PUBLISHED_MIN {
            Some(format!("only {published:.0} updates/s could be published"))
        } else {
            (!goal.passed).then(|| format!("{} (measured: {})", goal.assertion, goal.actual))
        };
        Ok(SearchStep {
            rate,
            passed: reason.is_none(),
            response: summary.latencies.response,
            reason,
        })
    }
}
