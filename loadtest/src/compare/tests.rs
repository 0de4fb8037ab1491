//! Comparisons of runs with known differences.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::summary::{RunSummary, Second};

/// A run whose seconds have a p50 around 1 ms and a p99 around 5 ms.
fn run(seed: u64, p99_of_second: impl Fn(u32, f64) -> f64) -> RunSummary {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut summary = RunSummary::default();
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
fn check(after: &RunSummary, p50: FigureChange, p99: FigureChange) {
    let comparisons = compare(&run(1, |_, ns| ns), after);
    assert_eq!(comparisons[0].change, p50, "{comparisons:?}");
    assert_eq!(comparisons[1].change, p99, "{comparisons:?}");
    assert_eq!(is_worse(&comparisons), p99 == FigureChange::Worse);
}

#[test]
fn two_runs_of_the_same_thing_show_no_difference() {
    for seed in 2..12 {
        check(
            &run(seed, |_, ns| ns),
            FigureChange::None,
            FigureChange::None,
        );
    }
}

#[test]
fn a_server_that_pauses_in_each_second_is_worse() {
    check(
        &run(2, |_, ns| ns + 45e6),
        FigureChange::None,
        FigureChange::Worse,
    );
}

#[test]
fn a_faster_server_is_better_and_a_single_bad_second_is_chance() {
    check(
        &run(2, |_, ns| ns * 0.7),
        FigureChange::None,
        FigureChange::Better,
    );
    let hiccup = run(2, |second, ns| if second == 7 { ns * 50.0 } else { ns });
    check(&hiccup, FigureChange::None, FigureChange::None);
}

#[test]
fn with_too_few_seconds_only_losses_are_judged() {
    let mut short = run(2, |_, ns| ns + 45e6);
    short.seconds.truncate(4);
    check(&short, FigureChange::Unknown, FigureChange::Unknown);
    short.integrity.healthy.missing = 1;
    let comparisons = compare(&run(1, |_, ns| ns), &short);
    assert!(is_worse(&comparisons));
}

#[test]
fn differences_between_settings_are_reported() {
    let mut other = run(1, |_, ns| ns);
    assert!(differences(&run(2, |_, ns| ns), &other).is_empty());
    other.settings.subscribers = 7;
    assert_eq!(
        differences(&run(2, |_, ns| ns), &other),
        ["subscribers: 0 and 7"]
    );
}
