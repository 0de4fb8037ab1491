//! Runs against a server that breaks its promises: the load tester must notice.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};

use support::{
    liar::{self, Fault},
    run, run_watched,
};
use tickcast_loadtest::{
    compare::{self, FigureChange},
    ledger::Tally,
    run::{ProgressDisplay, View},
    summary::Outcome,
};

const SUBSCRIBERS: u64 = 4;

/// 598 updates to 4 subscribers. The last one is not a 50th, so no fault hides at the end.
const FLAGS: &str = "-n 4 -r 299 -d 2 --warmup 0 --drain 1";

#[track_caller]
fn check(fault: Fault, expected: impl Fn(&Tally) -> (u64, u64)) {
    let url = format!("ws://{}/ws", liar::start(fault));
    let finished = run(&url, FLAGS).unwrap();
    let summary = &finished.summary;
    let (found, wanted) = expected(&summary.integrity.healthy);
    assert_eq!(found, wanted, "{fault:?} {:?}", summary.integrity);
    let is_broken = fault != Fault::None;
    assert_eq!(
        summary.verdict.outcome == Outcome::IntegrityFailed,
        is_broken,
        "{:?}",
        summary.verdict
    );
}

#[test]
fn an_honest_server_is_not_accused() {
    check(Fault::None, |tally| (tally.broken(), 0));
}

#[test]
fn lost_updates_are_counted() {
    // 598 are published; the 50th, 100th ... 550th never come.
    check(Fault::Loses, |tally| (tally.missing, 11 * SUBSCRIBERS));
}

#[test]
fn doubled_updates_are_counted() {
    check(Fault::Doubles, |tally| (tally.duplicated, 11 * SUBSCRIBERS));
}

#[test]
fn swapped_updates_are_counted() {
    check(Fault::Swaps, |tally| (tally.reordered, 11 * SUBSCRIBERS));
}

#[test]
fn a_server_that_stands_still_shows_in_the_response_of_all_updates_that_were_due() {
    let url = format!("ws://{}/ws", liar::start(Fault::Stalls));
    let finished = run(&url, "-n 4 -r 200 -d 4 --warmup 0").unwrap();
    let response = &finished.summary.latencies.response;
    // Updates of two of four seconds wait between 2 and 0 s, half of them for more than a second.
    assert!(response.max_ns > 1_800_000_000, "{response:?}");
    assert!(response.mean_ns > 400e6, "{response:?}");
}

#[test]
fn comparing_runs_finds_a_server_that_naps_in_each_second() {
    let measure = |fault| {
        let url = format!("ws://{}/ws", liar::start(fault));
        let finished = run(&url, "-n 10 -r 100 -d 8 --warmup 1").unwrap();
        finished.summary
    };
    let (awake, napping) = (measure(Fault::None), measure(Fault::Naps));
    let comparisons = compare::compare(&awake, &napping);
    let p99 = comparisons.iter().find(|c| c.name.contains("p99")).unwrap();
    assert_eq!(p99.change, FigureChange::Worse, "{comparisons:?}");
    // The other way round it is better. No median of half a second moves by chance.
    let comparisons = compare::compare(&napping, &awake);
    assert!(!compare::is_worse(&comparisons), "{comparisons:?}");
}

#[test]
fn a_connection_that_is_cut_is_counted_and_reconnects() {
    let url = format!("ws://{}/ws", liar::start(Fault::HangsUp));
    let finished = run(&url, FLAGS).unwrap();
    let summary = &finished.summary;
    assert_eq!(summary.connections.closed, 1);
    assert_eq!(summary.connections.subscribed, SUBSCRIBERS + 1);
    assert_eq!(
        summary.errors.values().sum::<u64>(),
        1,
        "{:?}",
        summary.errors
    );
    assert!(summary.reconciliation.remark.is_some());
}

#[test]
fn a_watcher_sees_each_second() {
    let url = format!("ws://{}/ws", liar::start(Fault::None));
    let seen = AtomicU32::new(0);
    let watcher = |view: &View<'_>| {
        assert_eq!(view.connections, SUBSCRIBERS);
        seen.fetch_add(1, Ordering::Relaxed);
    };
    run_watched(&url, FLAGS, ProgressDisplay::Watched(Box::new(watcher))).unwrap();
    assert_eq!(seen.into_inner(), 2);
}
