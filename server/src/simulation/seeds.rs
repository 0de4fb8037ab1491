//! The seeds that a test runs: those of its past failures, then fixed ones, then as many as the
//! environment asks for.

use std::{env, fmt::Display, panic};

use super::faults::{Rng, rng};

/// Number of seeds, instead of the test's own number.
const SEEDS: &str = "TICKCAST_SIMULATION_SEEDS";

/// The first seed, instead of 0.
const FIRST: &str = "TICKCAST_SIMULATION_FIRST";

/// Runs a test with each seed. A failure names its seed.
pub(crate) fn each_seed(kept: &[u64], seeds: u64, test: impl Fn(Rng)) {
    let first = number(FIRST).unwrap_or(0);
    let seeds = number(SEEDS).unwrap_or(seeds);
    for seed in kept.iter().copied().chain(first..first + seeds) {
        let run = panic::AssertUnwindSafe(|| test(rng(seed)));
        if let Err(panic) = panic::catch_unwind(run) {
            let again = format!("{FIRST}={seed} {SEEDS}=1");
            report(format_args!("seed {seed} fails; {again} runs it alone"));
            panic::resume_unwind(panic);
        }
    }
}

#[allow(
    clippy::print_stderr,
    reason = "a failure of a test says how to repeat it"
)]
fn report(what: impl Display) {
    eprintln!("{what}");
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect("it is a number"))
}
