//! What all reports say in the same words.

use crate::{
    latency::{Latency, format_ns},
    summary::{Outcome, RunSummary},
};

/// The verdict in a few words.
pub(super) fn headline(summary: &RunSummary) -> &'static str {
    match summary.verdict.outcome {
        Outcome::Passed => "PASSED",
        Outcome::AssertionFailed => "FAILED: an assertion does not hold",
        Outcome::IntegrityFailed => "FAILED: integrity",
        Outcome::Invalid if summary.measured_nothing() => "INVALID: nothing was measured",
        Outcome::Invalid => "INVALID: the load tester was the limit",
        Outcome::Interrupted => "INTERRUPTED",
    }
}

/// The latencies that have samples, each with its name and its meaning.
pub(super) fn latency_rows(summary: &RunSummary) -> Vec<(&'static str, &'static str, &Latency)> {
    let latencies = &summary.latencies;
    let mut rows = vec![
        ("response", "received - due", &latencies.response),
        ("service", "received - sent", &latencies.service),
        ("slip", "sent - due", &latencies.slip),
        ("completion", "last receiver - due", &latencies.completion),
        ("spread", "last - first receiver", &latencies.spread),
        ("connect", "until subscribed", &latencies.connect),
    ];
    // With a stride of 1 the probes see the same updates as all other receivers.
    if summary.settings.stride > 1 {
        let probes = ("probes", "response, every update", &latencies.probes);
        rows.insert(1, probes);
    }
    rows.retain(|(_, _, latency)| latency.count > 0);
    rows
}

/// A time, or a dash if it is not known.
pub(super) fn time_or_dash(ns: Option<u64>) -> String {
    ns.map_or("-".to_owned(), |ns| format_ns(ns as f64))
}
