//! Figures of known measurements.

use std::collections::BTreeMap;

use tickcast_loadtest::ledger::DeliverySummary;

use super::*;
use crate::compare::contender::Contender;

/// One second in which each delivery took 2 us.
const SPAN: Span = Span {
    seconds: 1.0,
    published: 100,
    deliveries: 100_000,
    bytes: 6_600_000,
    cpu_s: 0.2,
    p50_ms: Some(1.0),
    p99_ms: Some(3.0),
    p999_ms: None,
};

/// A measurement of one turn.
pub(in crate::compare) fn measurement(contender: Contender) -> Measurement {
    Measurement {
        contender,
        workload: "a".into(),
        run: 1,
        whole: SPAN,
        turns: vec![SPAN],
        kept_up: Some(1.0),
        coarse_s: 0.2,
        user_s: 0.02,
        core_busy: 0.3,
        connection_bytes: 2048.0,
        growth_bytes: 0.0,
        integrity: DeliverySummary {
            expected: 100_000,
            received: 100_000,
            ..DeliverySummary::default()
        },
        closed: 0,
        load_busy: 0.4,
        load_late_p99_ms: 0.05,
        counters: None,
        errors: BTreeMap::new(),
    }
}

#[test]
fn figures_are_medians_and_losses_are_sums() {
    let runs: Vec<_> = [0.2, 0.9, 0.3]
        .into_iter()
        .map(|cpu_s| {
            let mut run = measurement(Contender::Nats);
            run.whole.cpu_s = cpu_s;
            run.integrity.missing = 2;
            run
        })
        .collect();
    let figures = Figures::of(Contender::Nats, &runs.iter().collect::<Vec<_>>());
    assert_eq!(figures.cpu_us, Some(3.0));
    assert_eq!(figures.missing, 6);
    assert_eq!(figures.p999_ms, None);
}

#[test]
fn a_ratio_is_the_median_of_the_ratios_within_the_same_turn() {
    let figures = |contender, runs: [[f64; 2]; 2]| {
        let runs = (1..).zip(runs).map(|(run, turns)| Measurement {
            run,
            turns: turns.map(|cpu_s| Span { cpu_s, ..SPAN }).to_vec(),
            ..measurement(contender)
        });
        let runs: Vec<_> = runs.collect();
        Figures::of(contender, &runs.iter().collect::<Vec<_>>())
    };
    // Half as much in three of four turns, although the sums of all turns are equal.
    let own = figures(Contender::TickcastJson, [[0.1, 0.2], [0.4, 0.8]]);
    let mut other = figures(Contender::Nats, [[0.2, 0.4], [0.8, 0.1]]);
    assert_eq!(own.ratio(&other, Span::cpu_us), Some(0.5));
    // Missing turns are left out.
    other.runs[1].turns.remove(0);
    assert_eq!(own.ratio(&other, Span::cpu_us), Some(0.5));
    other.runs.remove(0);
    assert_eq!(own.ratio(&other, Span::cpu_us), Some(4.0));
    assert_eq!(own.ratio(&other, |span| span.p999_ms), None);
}

#[test]
fn counters_that_differ_are_counted_unless_a_connection_was_closed() {
    let mut run = measurement(Contender::TickcastJson);
    let deliveries = |deliveries| Counted {
        deliveries,
        ..Counted::default()
    };
    let load = deliveries(5);
    for (server, closed, differ) in [(5, 0, 0), (6, 0, 1), (6, 1, 0)] {
        let server = deliveries(server);
        run.counters = Some(BothCounts { server, load });
        run.closed = closed;
        let figures = Figures::of(Contender::TickcastJson, &[&run]);
        assert_eq!(figures.counters_differ, differ);
    }
}

#[test]
fn a_measurement_tells_whether_the_load_was_the_limit() {
    let good = measurement(Contender::Raw);
    assert!(!good.load_was_limit());
    let busy = Measurement {
        load_busy: 0.9,
        ..good.clone()
    };
    assert!(busy.load_was_limit());
    let late = Measurement {
        load_late_p99_ms: 0.4,
        ..good.clone()
    };
    assert!(late.load_was_limit());
    // At full speed, a contender that works all the time is its own limit.
    let mut throughput = Measurement {
        load_busy: 0.99,
        ..good
    };
    throughput.whole.p99_ms = None;
    assert!(throughput.load_was_limit());
    let mut saturated = throughput;
    saturated.whole.cpu_s = 0.98;
    assert!(!saturated.load_was_limit());
}
