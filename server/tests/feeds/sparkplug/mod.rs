//! Sparkplug B: a node of the tests' own, a real Mosquitto, and the feed as the host.

mod forms;
mod hostile;
mod node;
mod setup;

use std::{fs, process::Command, time::Duration};

use node::{Client, Metric, Node, PropertySet, PropertyValue, defined, now_ms, valued};
use setup::{OPEN, VERSIONS, born, host, host_program, reading, settings, settled};
use tickcast_protocol::{
    codec::Encoding,
    message::{Quality, Status},
    topic::Filter,
    value::Value,
};
use tickcast_server::testing::{
    FeedState, Source,
    mqtt::{MqttSettings, MqttVersion},
};
use tickcast_server_testkit::{Program, broker::Broker, feed::RunningFeed, watcher::Watcher};
use tokio::time::Instant;

#[tokio::test]
async fn births_name_the_metrics_of_the_data_in_both_versions() {
    let broker = Broker::start(OPEN);
    for version in VERSIONS {
        let mut feed = host(&broker, version).await;
        let mut node = Node::start(broker.port, "boiler", 7).await;
        let unit = PropertySet {
            keys: vec!["engUnit".into()],
            values: vec![PropertyValue {
                datatype: Some(12),
                string_value: Some("°C".into()),
            }],
        };
        let temp = Metric {
            properties: Some(unit),
            ..defined("temp", 1, 20.0)
        };
        node.birth(vec![temp]).await;
        assert_eq!(feed.next().await.unit.as_deref(), Some("°C"));

        let read_ms = now_ms() - 60_000;
        let at = Metric {
            timestamp: Some(read_ms),
            ..valued(1, 21.5)
        };
        let null = Metric {
            value: None,
            is_null: Some(true),
            ..valued(1, 0.0)
        };
        let old = Metric {
            is_historical: Some(true),
            timestamp: Some(read_ms - 1),
            ..valued(1, 19.0)
        };
        node.publish("NDATA", None, vec![at, null, old]).await;
        let [at, null, old] = feed.take(3).await.try_into().unwrap();
        assert_eq!(reading(&at), ("Plant/boiler/temp", 21.5));
        assert_eq!(at.source_time_ns, Some(read_ms as i64 * 1_000_000));
        assert_eq!(null.value, Value::Absent("null".into()));
        assert_eq!(reading(&old), ("Plant/boiler/temp", 19.0));
        let qualities = [at.quality, null.quality, old.quality];
        assert_eq!(
            qualities,
            [Quality::Live, Quality::Live, Quality::Historical]
        );

        // Other topics of the broker are what they are without Sparkplug.
        broker.publish("plain/a", "5", &[]);
        assert_eq!(reading(&feed.next().await), ("plain/a", 5.0));
        drop(node);
        assert_eq!(feed.next_dead().await.len(), 1);
        assert!(feed.stop().await.is_empty());
    }
}

#[tokio::test]
async fn a_killed_node_and_its_devices_are_dead_and_a_late_death_is_ignored() {
    let broker = Broker::start(OPEN);
    let (mut feed, node) = born(&broker, MqttVersion::V3).await;
    drop(node);
    let dead = feed.next_dead().await;
    let dead: Vec<_> = dead.iter().map(|topic| topic.as_str()).collect();
    assert_eq!(dead, ["Plant/boiler/plc/pump/rpm", "Plant/boiler/temp"]);

    let mut node = Node::start(broker.port, "boiler", 8).await;
    node.birth(vec![defined("temp", 5, 30.0)]).await;
    assert_eq!(reading(&feed.next().await), ("Plant/boiler/temp", 30.0));
    node.publish_death(7).await;
    node.publish("NDATA", None, vec![valued(5, 31.0)]).await;
    assert_eq!(reading(&feed.next().await), ("Plant/boiler/temp", 31.0));
    let metrics = &feed.metrics.sparkplug;
    let counts = [&metrics.births, &metrics.deaths, &metrics.late].map(|number| number.get());
    assert_eq!(counts, [3, 1, 1]);

    node.publish("DBIRTH", Some("plc"), vec![defined("x", 6, 1.0)])
        .await;
    feed.next().await;
    node.publish("DDEATH", Some("plc"), vec![]).await;
    let dead = feed.next_dead().await;
    assert_eq!(
        dead.iter().map(|t| t.as_str()).collect::<Vec<_>>(),
        ["Plant/boiler/plc/x"]
    );
    feed.stop().await;
}

#[tokio::test]
async fn a_gap_asks_for_a_birth_after_the_time_for_reordering() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V5).await;
    node.lose();
    let start = Instant::now();
    node.publish("NDATA", None, vec![valued(1, 22.0)]).await;
    node.rebirth_asked().await;
    assert!(start.elapsed() >= Duration::from_millis(2_900));
    assert_eq!(feed.metrics.sparkplug.gaps.get(), 1);
    assert_eq!(feed.metrics.sparkplug.unresolved.get(), 1);
    node.birth(vec![defined("temp", 3, 23.0)]).await;
    node.publish("NDATA", None, vec![valued(3, 24.0)]).await;
    let values: Vec<_> = feed.take(2).await;
    let values: Vec<_> = values.iter().map(reading).collect();
    assert_eq!(
        values,
        [("Plant/boiler/temp", 23.0), ("Plant/boiler/temp", 24.0)]
    );
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}

#[tokio::test]
async fn data_of_an_unknown_node_and_unknown_aliases_ask_for_a_birth() {
    let broker = Broker::start(OPEN);
    let mut feed = host(&broker, MqttVersion::V3).await;
    let mut node = Node::start(broker.port, "boiler", 1).await;
    node.publish("NDATA", None, vec![valued(1, 22.0)]).await;
    node.rebirth_asked().await;
    node.birth(vec![defined("temp", 1, 20.0)]).await;
    feed.next().await;
    node.publish("NDATA", None, vec![valued(2, 1.0), valued(1, 21.0)])
        .await;
    assert_eq!(reading(&feed.next().await), ("Plant/boiler/temp", 21.0));
    // Not more often than every five seconds.
    let start = Instant::now();
    node.rebirth_asked().await;
    assert!(start.elapsed() >= Duration::from_secs(4));
    assert_eq!(feed.metrics.sparkplug.unresolved.get(), 2);
    assert_eq!(feed.metrics.sparkplug.rebirths.get(), 2);
    feed.stop().await;
}

#[tokio::test]
async fn the_host_says_when_it_is_online_with_the_time_of_its_will() {
    let mut broker = Broker::start(OPEN);
    for version in VERSIONS {
        let mut listener = Client::start(broker.port, None, "spBv1.0/STATE/host").await;
        let next = async |listener: &mut Client| {
            let (_, payload) = listener.next().await;
            let state: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            (
                state["online"].as_bool().unwrap(),
                state["timestamp"].as_u64().unwrap(),
            )
        };
        if version == MqttVersion::V5 {
            // The retained state of the other version.
            assert!(!next(&mut listener).await.0);
        }
        let start_ms = now_ms();
        let feed = host(&broker, version).await;
        let (is_online, born_ms) = next(&mut listener).await;
        assert!(is_online && (start_ms..=now_ms()).contains(&born_ms));

        // The will of another connection says that this host is gone.
        let gone = format!("{{\"online\":false,\"timestamp\":{start_ms}}}");
        listener.publish("spBv1.0/STATE/host", gone.into()).await;
        assert_eq!(next(&mut listener).await, (false, start_ms));
        assert_eq!(next(&mut listener).await, (true, born_ms));

        let stop_ms = now_ms();
        feed.stop().await;
        let (is_online, ended_ms) = next(&mut listener).await;
        assert!(!is_online && ended_ms >= stop_ms);
    }
    // A killed host leaves its will, with the time of its birth.
    let mut listener = Client::start(broker.port, None, "spBv1.0/STATE/#").await;
    listener.next().await;
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let arguments = [
        "--feed",
        "mqtt",
        "--mqtt-url",
        &url,
        "--mqtt-sparkplug",
        "host",
    ];
    let server = Program::start(&arguments).await;
    let (_, born) = listener.next().await;
    server.kill().await;
    let (_, will) = listener.next().await;
    let (born, will) = [born, will]
        .map(|text| String::from_utf8(text).unwrap())
        .into();
    assert_eq!(born.replace("true", "false"), will);
    broker.stop();
}

#[tokio::test]
async fn a_host_that_lost_its_broker_asks_its_nodes_for_a_birth() {
    let mut broker = Broker::start(OPEN);
    let (mut feed, node) = born(&broker, MqttVersion::V3).await;
    broker.stop();
    drop(node);
    feed.until("the loss is seen", |metrics| {
        metrics.state() == FeedState::Down
    })
    .await;
    broker.start_again();
    let mut node = Node::start(broker.port, "boiler", 8).await;
    feed.until_up().await;
    node.rebirth_asked().await;
    node.birth(vec![defined("temp", 9, 25.0)]).await;
    assert_eq!(reading(&feed.next().await), ("Plant/boiler/temp", 25.0));
    feed.stop().await;
}

#[tokio::test]
async fn without_the_setting_a_payload_of_sparkplug_is_bytes() {
    let broker = Broker::start(OPEN);
    let plain = MqttSettings {
        sparkplug: None,
        filters: vec![Filter::all()],
        ..settings(&broker, MqttVersion::V3)
    };
    let mut feed = RunningFeed::start(Source::Mqtt(plain), vec![]);
    feed.until_up().await;
    let mut node = Node::start(broker.port, "boiler", 1).await;
    node.birth(vec![defined("temp", 1, 20.0)]).await;
    let update = feed.next().await;
    assert_eq!(update.topic.as_str(), "spBv1.0/Plant/NBIRTH/boiler");
    assert!(matches!(update.value, Value::Bytes(_)), "{update:?}");
    feed.stop().await;
}

/// The commands of docs/sparkplug.md.
#[tokio::test]
async fn the_messages_of_the_document_are_a_birth_data_and_a_death() {
    let broker = Broker::start(OPEN);
    let mut feed = host(&broker, MqttVersion::V3).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sparkplug.md");
    let document = fs::read_to_string(path).unwrap();
    let commands: Vec<_> = document
        .lines()
        .filter(|line| line.contains("mosquitto_pub"))
        .collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        let client = format!("mosquitto_pub -p {}", broker.port);
        let command = command.replace("mosquitto_pub", &client);
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.unwrap().success(), "{command}");
    }
    let updates = feed.take(2).await;
    let values: Vec<_> = updates.iter().map(reading).collect();
    let topic = "Plant/boiler/temp";
    assert_eq!(values, [(topic, 20.0), (topic, 21.5)]);
    assert_eq!(updates[0].unit.as_deref(), Some("°C"));
    assert_eq!(feed.next_dead().await[0].as_str(), topic);
    feed.stop().await;
}

#[tokio::test]
async fn clients_see_births_and_deaths_as_the_status_of_topics() {
    let broker = Broker::start(OPEN);
    let server = host_program(&broker).await;
    let mut watcher = Watcher::start(&server, Encoding::Json, "Plant/#").await;
    let topics = ["Plant/boiler/temp", "Plant/boiler/plc/rpm"];
    for session in 1..3 {
        let mut node = Node::start(broker.port, "boiler", session).await;
        node.birth(vec![defined("temp", 1, 20.0)]).await;
        let metrics = vec![defined("rpm", 2, 1450.0)];
        node.publish("DBIRTH", Some("plc"), metrics).await;
        for topic in topics {
            watcher.until_value(topic).await;
            watcher.until(topic, Status::Live).await;
        }
        // Killed: the broker publishes its will.
        drop(node);
        for topic in topics {
            watcher.until(topic, Status::Dead).await;
        }
    }
    let birth = "tickcast_feed_sparkplug_births_total";
    let death = "tickcast_feed_sparkplug_deaths_total";
    assert_eq!(
        (server.metric(birth).await, server.metric(death).await),
        (4, 2)
    );
}
