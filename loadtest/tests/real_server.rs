//! Runs against the real server: its promises are measured and hold.
//!
//! Nothing here depends on the speed of the machine: a run may be invalid or slow, but nothing may
//! be lost.

#![allow(clippy::unwrap_used)]

mod support;

use support::{Broker, SecureServer, TestServer, run};
use tickcast_loadtest::{
    observe::scrape,
    run::Finished,
    summary::{Outcome, RunSummary},
};
use tickcast_server_testkit::{
    certificates::{Authority, Validity},
    tls_server::TlsServer,
};

#[track_caller]
fn check(finished: &Finished) -> &RunSummary {
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

/// The growth of a counter of the server.
#[track_caller]
fn at_server(summary: &RunSummary, name: &str) -> u64 {
    let mut counters = summary.reconciliation.counters.iter();
    counters.find(|pair| pair.name == name).unwrap().server
}

#[test]
fn in_mode_every_all_updates_reach_all_subscribers_in_both_encodings() {
    let server = TestServer::start("--feed none");
    for encoding in ["bincode", "json"] {
        let flags = format!("-n 20 -r 200 -d 2 --warmup 1 --threads 2 --encoding {encoding}");
        let finished = run(&server.url(), &flags).unwrap();
        let summary = check(&finished);
        assert_eq!(summary.load.published, 600);
        assert_eq!(summary.integrity.healthy.live, 600 * 20);
        assert_eq!(at_server(summary, scrape::DELIVERIES), 600 * 20);
        assert_eq!(at_server(summary, scrape::UPDATES), 600);
        // Only the steady phase counts: two of three seconds.
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
fn a_server_with_tls_is_measured_in_the_same_way() {
    let server = SecureServer::start();
    for (encoding, payload_bytes) in [("bincode", 64), ("json", 20_000)] {
        let flags = format!(
            "-n 20 -r 100 -d 2 --warmup 1 --threads 2 --encoding {encoding} --slow 1 --storm \
             --payload-bytes {payload_bytes} --ca {}",
            server.ca.display()
        );
        let finished = run(&server.url(), &flags).unwrap();
        let summary = check(&finished);
        assert_eq!(summary.load.published, 1_300);
        assert!(summary.integrity.healthy.live > 19 * 300);
        assert_eq!(at_server(summary, scrape::UPDATES), 1_300);
        assert_eq!(summary.latencies.response.count, 200 * 19);
    }
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_run_with_the_reason() {
    let server = SecureServer::start();
    let flags = format!("-n 2 -d 1 --ca {}", server.other_ca.display());
    let error = run(&server.url(), &flags).unwrap_err().to_string();
    assert!(
        error.contains("is not signed by an authority in"),
        "{error}"
    );
    assert!(error.contains("set --ca to"), "{error}");
}

#[test]
fn a_certificate_of_another_name_or_that_has_expired_ends_the_run_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    for (name, validity, expected) in [
        ("other.example", Validity::Now, "not for localhost"),
        ("localhost", Validity::Past, "expired at 2020-12-31"),
    ] {
        let server = TlsServer::start(folder.path(), &authority.issue(&[name], validity));
        let flags = format!("-n 2 -d 1 --ca {}", ca.display());
        let error = run(&server.url(), &flags).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn updates_of_a_feed_do_not_disturb_the_counters() {
    let server = TestServer::start("--feed simulated --sim-rate 500");
    let finished = run(&server.url(), "-n 10 -r 100 -d 2 --warmup 0").unwrap();
    let summary = check(&finished);
    assert_eq!(summary.integrity.healthy.live, 200 * 10);
    assert_eq!(at_server(summary, scrape::DELIVERIES), 200 * 10);
}

#[test]
fn in_mode_latest_updates_are_conflated_and_the_final_values_arrive() {
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
fn subscribers_of_some_topics_get_those_and_no_others() {
    let server = TestServer::start("--feed none");
    let flags = "-n 12 -r 300 -d 2 --warmup 0 --topics 30 --topics-per-subscriber 5";
    let finished = run(&server.url(), flags).unwrap();
    let summary = check(&finished);
    // 600 updates over 30 topics are 20 each.
    assert_eq!(summary.integrity.healthy.live, 12 * 5 * 20);
}

#[test]
fn updates_of_the_servers_own_feed_are_timed_from_ingest_on() {
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
fn updates_through_a_broker_are_timed_with_the_same_clock() {
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

/// The feed subscribes to the broker soon after the server has started. Updates published before
/// that reach no subscriber.
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
fn stalled_subscribers_get_every_update_or_a_gap_with_an_exact_count() {
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
fn subscribers_that_vanish_are_cut_off_and_do_not_disturb_the_others() {
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
fn subscribers_that_leave_and_reconnect_resume_without_loss() {
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
fn a_rate_search_finds_a_rate_and_keeps_it() {
    let server = TestServer::start("--feed none");
    // Any machine reaches a goal of a minute, so the search ends at its maximum, unless the machine
    // is too busy to publish at all.
    for more in ["", "--topic-prefix mine"] {
        let words = "-n 5 -r 100 -d 1 --warmup 0 --search response.max<60s --search-step 1 \
            --search-max 300";
        let finished = run(&server.url(), &format!("{words} {more}")).unwrap();
        check_search(check(&finished));
    }
}

#[track_caller]
fn check_search(summary: &RunSummary) {
    let tried: Vec<_> = summary.search.iter().map(|step| step.rate).collect();
    assert_eq!(tried[0], 100.0);
    let best = summary.search.iter().filter(|step| step.passed);
    let best = best.map(|step| step.rate).fold(0.0, f64::max);
    assert_eq!(summary.load.offered_per_s, best);
}
