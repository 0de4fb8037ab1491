//! Runs against the real server: what it promises is measured and holds.
//!
//! Nothing here depends on how fast the machine is: a run may be invalid or slow, but nothing may
//! be lost.

#![allow(clippy::unwrap_used)]

mod support;

use support::{Broker, TestServer, run};
use tickcast_loadtest::{
    run::Finished,
    scrape,
    summary::{Outcome, Summary},
};

#[track_caller]
fn check(finished: &Finished) -> &Summary {
    let summary = &finished.summary;
    let reasons = &summary.verdict.reasons;
    assert!(
        matches!(
            summary.verdict.outcome,
            Outcome::Passed | Outcome::Invalid | Outcome::AssertionFailed
        ),
        "{reasons:?}"
    );
    assert!(summary.integrity.drained, "{reasons:?}");
    assert_eq!(summary.integrity.healthy.broken(), 0, "{reasons:?}");
    assert_eq!(summary.integrity.hindered.broken(), 0, "{reasons:?}");
    summary
}

/// How much a counter grew at the server.
#[track_caller]
fn at_server(summary: &Summary, name: &str) -> u64 {
    let mut counters = summary.reconciliation.counters.iter();
    counters.find(|pair| pair.name == name).unwrap().server
}

#[test]
fn in_mode_every_all_updates_reach_everybody_in_both_encodings() {
    let server = TestServer::start("--feed none");
    for encoding in ["bincode", "json"] {
        let flags = format!("-n 20 -r 200 -d 2 --warmup 1 --threads 2 --encoding {encoding}");
        let finished = run(&server.url(), &flags).unwrap();
        let summary = check(&finished);
        assert_eq!(summary.load.published, 600);
        assert_eq!(summary.integrity.healthy.live, 600 * 20);
        assert_eq!(at_server(summary, scrape::DELIVERIES), 600 * 20);
        assert_eq!(at_server(summary, scrape::UPDATES), 600);
        // The steady phase alone: two of three seconds.
        assert_eq!(summary.latencies.response.count, 400 * 20);
        assert_eq!(summary.latencies.service.count, 400 * 20);
        assert_eq!(summary.latencies.slip.count, 400);
        assert_eq!(summary.latencies.completion.count, 400);
        assert_eq!(summary.latencies.spread.count, 400);
        assert_eq!(summary.latencies.connect.count, 20);
        assert!(summary.latencies.response.min_ns > 0);
        assert_eq!(summary.seconds.len(), 3);
        assert!(summary.environment.server.is_some());
        assert_eq!(summary.cost.pid, Some(std::process::id()));
    }
}

#[test]
fn what_a_feed_brings_besides_is_no_reason_for_suspicion() {
    let server = TestServer::start("--feed simulated --sim-rate 500");
    let finished = run(&server.url(), "-n 10 -r 100 -d 2 --warmup 0").unwrap();
    let summary = check(&finished);
    assert_eq!(summary.integrity.healthy.live, 200 * 10);
    assert_eq!(at_server(summary, scrape::DELIVERIES), 200 * 10);
}

#[test]
fn in_mode_latest_values_are_conflated_and_the_final_ones_arrive() {
    let server = TestServer::start("--feed none");
    for encoding in ["bincode", "json"] {
        let flags = format!(
            "-n 10 -r 500 -d 2 --warmup 0 --topics 5 --mode latest --max-rate-hz 10 \
             --encoding {encoding}"
        );
        let finished = run(&server.url(), &flags).unwrap();
        let summary = check(&finished);
        let tally = &summary.integrity.healthy;
        assert!(tally.conflated > 0);
        assert_eq!(tally.live + tally.conflated, 1000 * 10);
        assert_eq!(summary.latencies.completion.count, 0);
    }
}

#[test]
fn subscribers_with_some_of_the_topics_get_those_and_no_others() {
    let server = TestServer::start("--feed none");
    let flags = "-n 12 -r 300 -d 2 --warmup 0 --topics 30 --topics-per-subscriber 5";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    // 600 updates over 30 topics are 20 each.
    assert_eq!(summary.integrity.healthy.live, 12 * 5 * 20);
}

#[test]
fn the_servers_own_feed_is_timed_from_ingest_on() {
    let server = TestServer::start("--feed simulated --sim-rate 500");
    for encoding in ["bincode", "json"] {
        let flags = format!("--source server -n 10 -d 2 --warmup 1 --encoding {encoding}");
        let finished = run(&server.url(), &flags).unwrap();
        let summary = check(&finished);
        let response = &summary.latencies.response;
        assert!(response.count > 0);
        assert_eq!(summary.latencies.service.count, 0);
        assert_eq!(summary.latencies.slip.count, 0);
        assert!(summary.integrity.healthy.snapshot > 0);
    }
}

#[test]
fn updates_that_go_through_a_broker_are_timed_from_the_same_clock() {
    let broker = Broker::start();
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let server = TestServer::start(&format!("--feed mqtt --mqtt-url {url}"));
    let flags = format!(
        "--source mqtt --mqtt-url {url} -n 10 -r 200 -d 2 --warmup 1 --timing poisson --seed 5"
    );
    let finished = wait_for_feed(&server, &flags);
    let summary = check(&finished);
    let published = summary.load.published;
    assert!(published > 400, "{published}");
    assert_eq!(summary.integrity.healthy.live, published * 10);
    assert!(summary.latencies.service.count > 0);
}

/// The feed subscribes at the broker soon after the server has started; what is published before
/// reaches nobody.
fn wait_for_feed(server: &TestServer, flags: &str) -> Finished {
    for _ in 0..20 {
        let finished = run(&server.url(), flags).unwrap();
        if finished.summary.integrity.never_arrived == 0 {
            return finished;
        }
    }
    panic!("the feed never subscribed");
}

#[test]
fn stalled_subscribers_get_everything_or_a_gap_that_counts_exactly() {
    let server = TestServer::start("--feed none --tape 1MiB");
    let flags = "-n 12 --stalled 3 --stall 3 -r 2000 --payload-bytes 1000 -d 4 --warmup 1 \
        --drain 30";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    let hindered = &summary.integrity.hindered;
    assert!(hindered.gaps >= 3, "{hindered:?}");
    // A gap's snapshot brings its newest update.
    let accounted = hindered.live + hindered.announced;
    assert_eq!(accounted, summary.load.published * 3);
    assert_eq!(summary.integrity.healthy.gaps, 0);
    assert_eq!(at_server(summary, scrape::GAP_UPDATES), hindered.announced);
}

#[test]
fn whoever_vanishes_is_cut_off_and_does_not_disturb_the_others() {
    let server = TestServer::start("--feed none --write-timeout 3s");
    let flags = "-n 10 --half-open 2 -r 1000 --payload-bytes 8000 -d 8 --warmup 0";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    assert_eq!(summary.connections.hindered_closed, 2);
    assert_eq!(summary.connections.closed, 2);
    assert_eq!(summary.integrity.healthy.live, summary.load.published * 8);
}

#[test]
fn slow_readers_are_conflated_and_the_others_are_not() {
    let server = TestServer::start("--feed none");
    let flags = "-n 8 --slow 2 --slow-bytes-per-s 50000 --mode latest -r 2000 --payload-bytes 4000 \
        -d 4 --warmup 0";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    let (healthy, hindered) = (&summary.integrity.healthy, &summary.integrity.hindered);
    let delivered_each = |live: u64, subscribers: u64| live / subscribers;
    assert!(
        delivered_each(hindered.live, 2) < delivered_each(healthy.live, 6) / 2,
        "{hindered:?} {healthy:?}"
    );
}

#[test]
fn subscribers_that_leave_and_come_back_resume_without_loss() {
    let server = TestServer::start("--feed none");
    let flags = "-n 20 -r 300 -d 1 --warmup 0 --churn-per-s 20 --churn 2 --storm";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    let counts = &summary.connections;
    assert!(counts.churned >= 20 + 20, "{counts:?}");
    assert_eq!(counts.resumed, counts.churned);
    assert_eq!(counts.closed, 0);
    let accounted = summary.integrity.healthy.live + summary.integrity.healthy.announced;
    assert_eq!(accounted, summary.load.published * 20);
    let names: Vec<_> = summary.phases.iter().map(|phase| &*phase.name).collect();
    assert_eq!(names, ["steady", "churn", "storm"]);
}

#[test]
fn a_rate_search_finds_a_rate_and_holds_it() {
    let server = TestServer::start("--feed none");
    // A minute is a goal that any machine reaches, so the search ends at its maximum, unless the
    // machine is too busy to publish at all.
    for more in ["", "--topic-prefix mine"] {
        let words = "-n 5 -r 100 -d 1 --warmup 0 --search response.max<60s --search-step 1 \
            --search-max 300";
        let finished = run(&server.url(), &format!("{words} {more}")).unwrap();
        check_search(check(&finished));
    }
}

#[track_caller]
fn check_search(summary: &Summary) {
    let tried: Vec<_> = summary.search.iter().map(|step| step.rate).collect();
    assert_eq!(tried[0], 100.0);
    let best = summary.search.iter().filter(|step| step.passed);
    let best = best.map(|step| step.rate).fold(0.0, f64::max);
    assert_eq!(summary.load.offered_per_s, best);
}
