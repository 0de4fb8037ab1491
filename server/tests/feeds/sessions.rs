//! A feed with a session at the broker that ends in mid-stream.
//!
//! The commands of docs/operations.md have the same settings.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tickcast_protocol::value::Value;
use tickcast_server::testing::{
    Source,
    mqtt::{MqttSettings, MqttVersion},
};
use tickcast_server_testkit::{broker::Broker, feed::RunningFeed};
use tokio::task::spawn_blocking;

/// Number of messages for each feed: far more than it takes before it ends.
const NUMBERS: u32 = 5_000;

/// Number of feeds that follow each other. Each ends while messages are on their way.
const FEEDS: u32 = 8;

fn take(missing: &mut BTreeSet<u32>, value: &Value) {
    let Value::Reading(number) = value else {
        panic!("{value:?}");
    };
    // A message may come twice: its acknowledgement may not have reached the broker.
    missing.remove(&(*number as u32));
}

async fn check(version: MqttVersion) {
    let broker = Arc::new(Broker::start("allow_anonymous true\nmax_queued_messages 0"));
    let settings = MqttSettings {
        url: format!("mqtt://127.0.0.1:{}", broker.port).parse().unwrap(),
        version,
        client_id: Some("ends".into()),
        session_expiry: Duration::from_secs(600),
        ..MqttSettings::default()
    };
    let start = || RunningFeed::start(Source::Mqtt(settings.clone()), Vec::new());
    let mut feed = start();
    feed.until_up().await;
    let mut missing: BTreeSet<u32> = (0..FEEDS * NUMBERS).collect();
    for turn in 0..FEEDS {
        let first = turn * NUMBERS;
        let numbers: String = (first..first + NUMBERS)
            .map(|number| format!("{number}\n"))
            .collect();
        let publisher = Arc::clone(&broker);
        let publisher = spawn_blocking(move || publisher.publish("a", &numbers, &["-q", "1"]));
        for update in feed.take(200).await {
            take(&mut missing, &update.value);
        }
        for update in feed.stop().await {
            take(&mut missing, &update.value);
        }
        feed = start();
        feed.until_up().await;
        publisher.await.unwrap();
    }
    while !missing.is_empty() {
        let update = feed.next().await;
        take(&mut missing, &update.value);
    }
    feed.stop().await;
}

#[tokio::test]
async fn a_feed_that_ends_loses_nothing_that_it_has_acknowledged() {
    tokio::join!(check(MqttVersion::V3), check(MqttVersion::V5));
}
