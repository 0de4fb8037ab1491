//! Proves that the load tester measures correctly: it stops a server for 6 of 10 seconds, and the
//! median must show it.
//!
//! Updates are still due while the server is stopped. Updates of these 6 seconds wait for it
//! between 0 and 6 seconds, so half of all updates wait for a second or more. A tool that times
//! only the updates that it could send reports a median of microseconds here.

mod server;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Parser;
use rustix::process::Signal;

use crate::{
    cli::Cli,
    latency::format_ns,
    run::{self, ProgressDisplay},
    summary::{Outcome, RunSummary},
};

use server::{StoppableServer, default_program};

/// The server is stopped in this second of the steady phase.
const STOP_AT_S: u32 = 2;

/// The server is continued in this second of the steady phase.
const CONTINUE_AT_S: u32 = 8;

/// Length of the steady phase.
const STEADY_S: u32 = 10;

/// The expected median is 1 s. A slow machine may make it longer.
const MEDIAN_NS: std::ops::Range<u64> = 800_000_000..4_000_000_000;

/// The expected maximum is 6 s.
const MAX_MIN_NS: u64 = 5_500_000_000;

/// The result of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The load tester measured what it must measure.
    Passed,
    /// It did, and it noticed that this machine is too busy now.
    TooBusy,
    /// The load tester cannot be trusted.
    Failed,
}

impl Proof {
    /// The program's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::TooBusy => Outcome::Invalid.exit_code(),
            Self::Failed => 1,
        }
    }
}

/// Runs the test. Returns the result and a text about it, or why there is no result.
pub fn selftest(
    server: Option<PathBuf>,
    interrupted: &AtomicBool,
) -> Result<(Proof, String), String> {
    let server = StoppableServer::start(&server.unwrap_or_else(default_program))?;
    let summary = measure(&server, interrupted)?;
    Ok(judge(&summary))
}

fn measure(server: &StoppableServer, interrupted: &AtomicBool) -> Result<RunSummary, String> {
    let words = format!(
        "selftest --url ws://{}/ws -n 50 -r 500 -d {STEADY_S}s --warmup 1s --drain 30s",
        server.address
    );
    let cli = Cli::try_parse_from(words.split(' ')).map_err(|error| error.to_string())?;
    let plan = cli.run.plan(words)?;
    let is_stopped = AtomicBool::new(false);
    let progress = ProgressDisplay::Watched(Box::new(|view| {
        if view.phase != "steady" {
            return;
        }
        if view.done_s == STOP_AT_S && !is_stopped.swap(true, Ordering::Relaxed) {
            server.signal(Signal::STOP);
        } else if view.done_s == CONTINUE_AT_S {
            server.signal(Signal::CONT);
        }
    }));
    let finished = run::run(&plan, interrupted, &progress).map_err(|error| error.to_string())?;
    Ok(finished.summary)
}

fn judge(summary: &RunSummary) -> (Proof, String) {
    let response = &summary.latencies.response;
    let median_ns = response.percentile(50.0).unwrap_or(0);
    let checks = [
        (
            "the median is about a second",
            MEDIAN_NS.contains(&median_ns),
            format_ns(median_ns as f64),
        ),
        (
            "the maximum is about six seconds",
            response.max_ns >= MAX_MIN_NS,
            format_ns(response.max_ns as f64),
        ),
        (
            "nothing is lost",
            matches!(summary.verdict.outcome, Outcome::Passed | Outcome::Invalid),
            summary.verdict.reasons.join("; "),
        ),
    ];
    let mut text = String::new();
    for (what, holds, actual) in &checks {
        let mark = if *holds { "ok    " } else { "FAILED" };
        text.push_str(&format!("{mark} {what} ({actual})\n"));
    }
    let sees_it = checks.iter().all(|(_, holds, _)| *holds);
    let proof = match summary.verdict.outcome {
        Outcome::Passed if sees_it => Proof::Passed,
        Outcome::Invalid if sees_it => Proof::TooBusy,
        _ => Proof::Failed,
    };
    text.push_str(match proof {
        Proof::Passed => "The load tester sees a server that is stopped.\n",
        Proof::TooBusy => {
            "The load tester sees a server that is stopped, and that this machine is too busy for \
             exact figures.\n"
        }
        Proof::Failed => "The load tester cannot be trusted here.\n",
    });
    (proof, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Latency, histogram, record};

    #[track_caller]
    fn check(outcome: Outcome, latency_of_tick: impl Fn(i64) -> i64, expected: Proof) {
        let mut response = histogram();
        for tick in 0..10_000 {
            record(&mut response, latency_of_tick(tick));
        }
        let mut summary = RunSummary::default();
        summary.latencies.response = Latency::of(&response);
        summary.verdict.outcome = outcome;
        assert_eq!(judge(&summary).0, expected);
    }

    #[test]
    fn an_honest_clock_passes_and_one_that_waits_for_the_server_does_not() {
        // One tick per ms; stopped from 2 s to 8 s.
        let honest = |tick: i64| match tick {
            2000..8000 => (8000 - tick) * 1_000_000,
            _ => 300_000,
        };
        check(Outcome::Passed, honest, Proof::Passed);
        check(Outcome::Invalid, honest, Proof::TooBusy);
        check(Outcome::IntegrityFailed, honest, Proof::Failed);
        // A tool that sends one update in these six seconds, and sees it late.
        let omitting = |tick: i64| if tick == 2000 { 6_000_000_000 } else { 300_000 };
        check(Outcome::Passed, omitting, Proof::Failed);
        check(Outcome::Invalid, omitting, Proof::Failed);
    }
}
