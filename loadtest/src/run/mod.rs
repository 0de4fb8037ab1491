//! A run from the first connection to the verdict: tells the threads what to do when, and collects
//! what they report.

mod arrival;
mod checkpoint;
mod collected;
mod drain;
mod environment;
mod error;
mod finish;
mod first_arrival;
mod numbers;
mod phases;
mod progress;
mod ramp;
mod rate_search;
mod reconcile;
mod report_sum;
mod runner;
mod search;
mod server_process;

use std::sync::atomic::AtomicBool;

pub use environment::environment;
pub use error::RunError;
pub use finish::Finished;
pub use progress::{ProgressDisplay, View};
pub use runner::start_workers;

use crate::plan::Plan;

/// Runs a plan. Setting `interrupted` ends it early, with a report.
pub fn run(
    plan: &Plan,
    interrupted: &AtomicBool,
    progress: &ProgressDisplay<'_>,
) -> Result<Finished, RunError> {
    let mut runner = runner::Runner::start(plan, interrupted, progress)?;
    runner.ramp()?;
    runner.check_limits()?;
    runner.begin()?;
    let steady_from_s = runner.search_and_hold()?;
    let published = runner.end_publishing()?;
    let drained = runner.drain(&published)?;
    Ok(runner.finish(&published, drained, steady_from_s)?)
}
