//! The simulated feed.

use std::collections::BTreeSet;

use tickcast_server::testing::{Source, simulated::SimulatedSettings};
use tickcast_server_testkit::feed::RunningFeed;

#[tokio::test]
async fn the_simulated_feed_runs_until_it_is_stopped() {
    let mut feed = RunningFeed::start(Source::Simulated(SimulatedSettings::default()), Vec::new());
    let updates = feed.take(500).await;
    let topics: BTreeSet<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    assert!(topics.len() > 20, "{topics:?}");
    let times: Vec<_> = updates.iter().map(|update| update.source_time_ns).collect();
    assert!(times.is_sorted());
    let metrics = feed.metrics.clone();
    feed.stop().await;
    assert!(metrics.received.get() >= metrics.submitted.get());
    assert!(metrics.submitted.get() >= 500);
}
