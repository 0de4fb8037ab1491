//! The figures that are compared.

use super::{
    statistics::probability,
    types::{Comparison, FigureChange},
};
use crate::{
    latency::format_ns,
    number::median,
    summary::{RunSummary, Second},
};

/// A difference counts if chance alone produces it at most once in a hundred times.
const PROBABILITY_MAX: f64 = 0.01;

/// Smaller differences do not matter.
const DIFFERENCE_MIN: f64 = 0.05;

/// Seconds of the steady phase that each run must have.
const SECONDS_MIN: usize = 5;

/// Compares all figures of two runs.
pub fn compare(before: &RunSummary, after: &RunSummary) -> Vec<Comparison> {
    let mut all = vec![
        by_second("response p50, median of seconds", before, after, |s| {
            s.p50_ns
        }),
        by_second("response p99, median of seconds", before, after, |s| {
            s.p99_ns
        }),
        by_second("response max, median of seconds", before, after, |s| {
            Some(s.max_ns)
        }),
    ];
    for (name, percent) in [("response p99", 99.0), ("response p99.9", 99.9)] {
        let ns = |summary: &RunSummary| summary.latencies.response.percentile(percent);
        all.push(information(name, ns(before), ns(after)));
    }
    let p99 = |summary: &RunSummary| summary.latencies.completion.percentile(99.0);
    all.push(information("completion p99", p99(before), p99(after)));
    all.push(by_number(
        "CPU us per delivery",
        before,
        after,
        "cpu_us_per_delivery",
        2,
    ));
    all.push(by_number(
        "delivered per s",
        before,
        after,
        "delivered_per_s",
        0,
    ));
    all.push(by_number("missing", before, after, "missing", 0));
    all
}

fn by_second(
    name: &'static str,
    before: &RunSummary,
    after: &RunSummary,
    value: fn(&Second) -> Option<u64>,
) -> Comparison {
    let steady = |summary: &RunSummary| -> Vec<f64> {
        let seconds = summary.seconds.iter().filter(|s| s.phase == "steady");
        seconds.filter_map(value).map(|ns| ns as f64).collect()
    };
    let (a, b) = (steady(before), steady(after));
    let (median_a, median_b) = (median(a.clone()), median(b.clone()));
    let growth = median_a.zip(median_b).map(|(a, b)| b / a - 1.0);
    let change = match growth {
        Some(growth) if a.len() >= SECONDS_MIN && b.len() >= SECONDS_MIN => {
            if growth.abs() < DIFFERENCE_MIN || probability(&a, &b) > PROBABILITY_MAX {
                FigureChange::None
            } else if growth > 0.0 {
                FigureChange::Worse
            } else {
                FigureChange::Better
            }
        }
        _ => FigureChange::Unknown,
    };
    let text = |median: Option<f64>| median.map_or("-".to_owned(), format_ns);
    Comparison {
        name,
        before: text(median_a),
        after: text(median_b),
        growth,
        change,
    }
}

/// One value per run: reported, but not judged.
fn information(name: &'static str, before: Option<u64>, after: Option<u64>) -> Comparison {
    let text = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| format_ns(ns as f64));
    Comparison {
        name,
        before: text(before),
        after: text(after),
        growth: before.zip(after).map(|(a, b)| b as f64 / a as f64 - 1.0),
        change: FigureChange::Unknown,
    }
}

fn by_number(
    title: &'static str,
    before: &RunSummary,
    after: &RunSummary,
    name: &str,
    decimals: usize,
) -> Comparison {
    let (a, b) = (before.number(name), after.number(name));
    let growth = a.zip(b).and_then(|(a, b)| (a > 0.0).then(|| b / a - 1.0));
    let change = match (name, a, b) {
        // Losses are not a matter of chance.
        ("missing", Some(a), Some(b)) if b > a => FigureChange::Worse,
        ("missing", Some(a), Some(b)) if b < a => FigureChange::Better,
        ("missing", Some(_), Some(_)) => FigureChange::None,
        _ => FigureChange::Unknown,
    };
    let text = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.decimals$}"));
    Comparison {
        name: title,
        before: text(a),
        after: text(b),
        growth,
        change,
    }
}
