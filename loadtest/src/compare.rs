//! Two runs side by side: better, worse or no difference, and by how much. Pure.
//!
//! A single percentile of each run says nothing about chance. Each run has a percentile per second
//! instead, so two samples are compared: the medians, and with a permutation test how often chance
//! alone would set them as far apart. What is neither unlikely nor large is no difference.

use std::fmt::Write;

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    latency::format_ns,
    summary::{Second, Summary},
};

/// Permutations tried; the smallest probability that can be told is one over this.
const PERMUTATIONS: usize = 10_000;

/// Chance alone would do it once in a hundred times, or less.
const PROBABILITY_MAX: f64 = 0.01;

/// Smaller differences matter to nobody.
const DIFFERENCE_MIN: f64 = 0.05;

/// Seconds of the steady phase that each run must have.
const SECONDS_MIN: usize = 5;

/// What comes of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The second run is better.
    Better,
    /// The second run is worse.
    Worse,
    /// Chance, or too little to matter.
    None,
    /// Too few samples to tell.
    Unknown,
}

/// One figure of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What it is.
    pub name: &'static str,
    /// Of the first run, for people.
    pub before: String,
    /// Of the second run, for people.
    pub after: String,
    /// Relative growth from the first to the second, if both are known.
    pub growth: Option<f64>,
    /// What comes of it.
    pub change: Change,
}

/// Compares all figures.
pub fn compare(before: &Summary, after: &Summary) -> Vec<Comparison> {
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
        let ns = |summary: &Summary| summary.latencies.response.percentile(percent);
        all.push(information(name, ns(before), ns(after)));
    }
    let p99 = |summary: &Summary| summary.latencies.completion.percentile(99.0);
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

/// Settings without which two runs cannot be compared, and which differ.
pub fn differences(before: &Summary, after: &Summary) -> Vec<String> {
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
    let rate = |summary: &Summary| format!("{:.0}", summary.load.offered_per_s);
    check("updates/s", rate(before), rate(after));
    check(
        "processor",
        before.environment.cpu.clone(),
        after.environment.cpu.clone(),
    );
    different
}

fn by_second(
    name: &'static str,
    before: &Summary,
    after: &Summary,
    value: fn(&Second) -> Option<u64>,
) -> Comparison {
    let steady = |summary: &Summary| -> Vec<f64> {
        let seconds = summary.seconds.iter().filter(|s| s.phase == "steady");
        seconds.filter_map(value).map(|ns| ns as f64).collect()
    };
    let (a, b) = (steady(before), steady(after));
    let (median_a, median_b) = (median(&a), median(&b));
    let growth = median_a.zip(median_b).map(|(a, b)| b / a - 1.0);
    let change = match growth {
        Some(growth) if a.len() >= SECONDS_MIN && b.len() >= SECONDS_MIN => {
            if growth.abs() < DIFFERENCE_MIN || probability(&a, &b) > PROBABILITY_MAX {
                Change::None
            } else if growth > 0.0 {
                Change::Worse
            } else {
                Change::Better
            }
        }
        _ => Change::Unknown,
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

/// One value per run: told, not judged.
fn information(name: &'static str, before: Option<u64>, after: Option<u64>) -> Comparison {
    let text = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| format_ns(ns as f64));
    Comparison {
        name,
        before: text(before),
        after: text(after),
        growth: before.zip(after).map(|(a, b)| b as f64 / a as f64 - 1.0),
        change: Change::Unknown,
    }
}

fn by_number(
    title: &'static str,
    before: &Summary,
    after: &Summary,
    name: &str,
    decimals: usize,
) -> Comparison {
    let (a, b) = (before.number(name), after.number(name));
    let growth = a.zip(b).and_then(|(a, b)| (a > 0.0).then(|| b / a - 1.0));
    let change = match (name, a, b) {
        // Losses are no matter of chance.
        ("missing", Some(a), Some(b)) if b > a => Change::Worse,
        ("missing", Some(a), Some(b)) if b < a => Change::Better,
        ("missing", Some(_), Some(_)) => Change::None,
        _ => Change::Unknown,
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

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// How likely chance alone sets two such samples as far apart: a permutation test on the sum of
/// ranks (Mann and Whitney's), which a single outlier cannot move.
fn probability(a: &[f64], b: &[f64]) -> f64 {
    let mut ranks = ranks(a.iter().chain(b));
    let expected = ranks.iter().sum::<f64>() * a.len() as f64 / ranks.len() as f64;
    let distance = |ranks: &[f64]| (ranks[..a.len()].iter().sum::<f64>() - expected).abs();
    let found = distance(&ranks);
    // The same files give the same answer.
    let mut rng = StdRng::seed_from_u64(1);
    let as_far = (0..PERMUTATIONS)
        .filter(|_| {
            ranks.shuffle(&mut rng);
            distance(&ranks) >= found
        })
        .count();
    as_far as f64 / PERMUTATIONS as f64
}

/// The place of each value among all; equal ones share the mean of theirs.
fn ranks<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> Vec<f64> {
    let count = |is: &dyn Fn(&f64) -> bool| values.clone().filter(|value| is(value)).count() as f64;
    let all = values.clone();
    all.map(|value| count(&|v| v < value) + (count(&|v| v == value) - 1.0) / 2.0)
        .collect()
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
            Change::Better => "better",
            Change::Worse => "WORSE",
            Change::None => "no difference",
            Change::Unknown => "",
        };
        let _ = writeln!(
            out,
            "{:<32}{:>12} -> {:>12}  {growth:>9}  {verdict}",
            comparison.name, comparison.before, comparison.after
        );
    }
    out
}

/// Whether anything got worse.
pub fn is_worse(comparisons: &[Comparison]) -> bool {
    comparisons.iter().any(|c| c.change == Change::Worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run whose seconds have p50 around 1 ms and p99 around 5 ms.
    fn run(seed: u64, p99_of_second: impl Fn(u32, f64) -> f64) -> Summary {
        use rand::RngExt;
        let mut rng = StdRng::seed_from_u64(seed);
        let mut summary = Summary::default();
        for second in 0..30 {
            let noise = rng.random_range(0.8..1.2);
            summary.seconds.push(Second {
                second,
                phase: "steady".into(),
                p50_ns: Some((1e6 * noise) as u64),
                p99_ns: Some(p99_of_second(second, 5e6 * noise) as u64),
                max_ns: p99_of_second(second, 9e6 * noise) as u64,
                ..Second::default()
            });
        }
        summary
    }

    #[track_caller]
    fn check(after: &Summary, p50: Change, p99: Change) {
        let comparisons = compare(&run(1, |_, ns| ns), after);
        assert_eq!(comparisons[0].change, p50, "{comparisons:?}");
        assert_eq!(comparisons[1].change, p99, "{comparisons:?}");
        assert_eq!(is_worse(&comparisons), p99 == Change::Worse);
    }

    #[test]
    fn two_runs_of_the_same_thing_show_no_difference() {
        for seed in 2..12 {
            check(&run(seed, |_, ns| ns), Change::None, Change::None);
        }
    }

    #[test]
    fn a_server_that_sleeps_for_a_moment_each_second_is_caught() {
        check(&run(2, |_, ns| ns + 45e6), Change::None, Change::Worse);
    }

    #[test]
    fn a_better_server_is_seen_and_a_single_bad_second_is_chance() {
        check(&run(2, |_, ns| ns * 0.7), Change::None, Change::Better);
        let hiccup = run(2, |second, ns| if second == 7 { ns * 50.0 } else { ns });
        check(&hiccup, Change::None, Change::None);
    }

    #[test]
    fn too_few_seconds_allow_no_judgement_but_losses_do() {
        let mut short = run(2, |_, ns| ns + 45e6);
        short.seconds.truncate(4);
        check(&short, Change::Unknown, Change::Unknown);
        short.integrity.healthy.missing = 1;
        let comparisons = compare(&run(1, |_, ns| ns), &short);
        assert!(is_worse(&comparisons));
    }

    #[test]
    fn runs_of_different_settings_are_told_apart() {
        let mut other = run(1, |_, ns| ns);
        assert!(differences(&run(2, |_, ns| ns), &other).is_empty());
        other.settings.subscribers = 7;
        assert_eq!(
            differences(&run(2, |_, ns| ns), &other),
            ["subscribers: 0 and 7"]
        );
    }
}
