//! A feed that is the host of a broker, and a node whose metrics it knows.

use std::fs;

use tickcast_core::work::NewUpdate;
use tickcast_protocol::{topic::Filter, value::Value};
use tickcast_server::testing::{
    FeedMetrics, Source,
    mqtt::{MqttSettings, MqttVersion},
};
use tickcast_server_testkit::{Program, broker::Broker, feed::RunningFeed};

use super::node::{Node, defined};

pub(super) const OPEN: &str = "allow_anonymous true";

pub(super) const VERSIONS: [MqttVersion; 2] = [MqttVersion::V3, MqttVersion::V5];

pub(super) fn settings(broker: &Broker, version: MqttVersion) -> MqttSettings {
    MqttSettings {
        url: format!("mqtt://127.0.0.1:{}", broker.port).parse().unwrap(),
        version,
        filters: vec![Filter::new("plain/#").unwrap()],
        sparkplug: Some("host".into()),
        ..MqttSettings::default()
    }
}

pub(super) async fn host(broker: &Broker, version: MqttVersion) -> RunningFeed {
    let feed = RunningFeed::start(Source::Mqtt(settings(broker, version)), vec![]);
    feed.until_up().await;
    feed
}

/// The program with the same feed.
pub(super) async fn host_program(broker: &Broker) -> Program {
    let text = format!(
        "[[feed]]\nkind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\nsparkplug = \"host\"\n",
        broker.port
    );
    let path = broker.path("tickcast.toml");
    fs::write(&path, text).unwrap();
    let server = Program::start(&["--config", path.to_str().unwrap()]).await;
    server.until_feed_is_up("mqtt").await;
    server
}

pub(super) fn reading(update: &NewUpdate) -> (&str, f64) {
    match update.value {
        Value::Reading(reading) => (update.topic.as_str(), reading),
        _ => panic!("{update:?}"),
    }
}

/// A host and a node with the metric `temp` (alias 1) and a device with `pump/rpm` (alias 2).
pub(super) async fn born(broker: &Broker, version: MqttVersion) -> (RunningFeed, Node) {
    let mut feed = host(broker, version).await;
    let mut node = Node::start(broker.port, "boiler", 7).await;
    node.birth(vec![defined("temp", 1, 20.0)]).await;
    let metrics = vec![defined("pump/rpm", 2, 1450.0)];
    node.publish("DBIRTH", Some("plc"), metrics).await;
    let birth = feed.take(2).await;
    assert_eq!(reading(&birth[0]), ("Plant/boiler/temp", 20.0));
    assert_eq!(reading(&birth[1]), ("Plant/boiler/plc/pump/rpm", 1450.0));
    (feed, node)
}

/// Checks that each message has become an update or is counted, after the feed has ended.
#[track_caller]
pub(super) fn settled(metrics: &FeedMetrics) {
    let expected = metrics.received.get() + metrics.further.get();
    let settled = metrics.silent.get() + metrics.submitted.get();
    assert_eq!((expected, metrics.lost.get()), (settled, 0));
}
