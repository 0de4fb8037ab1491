//! The comparison as text, and what makes two runs incomparable.

use std::fmt::Write;

use super::types::{Comparison, FigureChange};
use crate::summary::RunSummary;

/// Settings that differ although comparable runs must have the same.
pub fn differences(before: &RunSummary, after: &RunSummary) -> Vec<String> {
    let (a, b) = (&before.settings, &after.settings);
    let mut different = Vec::new();
    let mut check = |name: &str, a: String, b: String| {
        if a != b {
            different.push(format!("{name}: {a} and {b}"));
        }
    };
    check(
        "subscribers",
        a.subscribers.to_string(),
        b.subscribers.to_string(),
    );
    check("mode", a.mode.clone(), b.mode.clone());
    check("encoding", a.encoding.clone(), b.encoding.clone());
    check("source", a.source.clone(), b.source.clone());
    check(
        "payload bytes",
        a.payload_bytes.to_string(),
        b.payload_bytes.to_string(),
    );
    check("topics", a.topics.to_string(), b.topics.to_string());
    let rate = |summary: &RunSummary| format!("{:.0}", summary.load.offered_per_s);
    check("updates/s", rate(before), rate(after));
    check(
        "processor",
        before.environment.cpu.clone(),
        after.environment.cpu.clone(),
    );
    different
}

/// The comparison as a table.
pub fn text(comparisons: &[Comparison], differences: &[String]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    for difference in differences {
        let _ = writeln!(out, "the runs differ in {difference}");
    }
    for comparison in comparisons {
        let growth = comparison
            .growth
            .map_or(String::new(), |growth| format!("{:+.1} %", growth * 100.0));
        let verdict = match comparison.change {
            FigureChange::Better => "better",
            FigureChange::Worse => "WORSE",
            FigureChange::None => "no difference",
            FigureChange::Unknown => "",
        };
        let _ = writeln!(
            out,
            "{:<32}{:>12} -> {:>12}  {growth:>9}  {verdict}",
            comparison.name, comparison.before, comparison.after
        );
    }
    out
}

/// Whether any figure is worse.
pub fn is_worse(comparisons: &[Comparison]) -> bool {
    comparisons.iter().any(|c| c.change == FigureChange::Worse)
}
