//! What goes wrong at a broker, with a real Mosquitto and with a fake one.

use std::time::Duration;

use tickcast_protocol::{message::Quality, topic::Filter, value::Value};
use tickcast_server::testing::{
    Source,
    mqtt::{MqttSettings, MqttVersion},
};
use tickcast_server_testkit::{Program, broker::Broker, feed::RunningFeed, until};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::mqtt::{VERSIONS, read_packet, settings};

const OPEN: &str = "allow_anonymous true";

fn filters(texts: &[&str]) -> Vec<Filter> {
    texts
        .iter()
        .map(|text| Filter::new(text).unwrap())
        .collect()
}

fn start(settings: MqttSettings) -> RunningFeed {
    RunningFeed::start(Source::Mqtt(settings), Vec::new())
}

/// The topics and numbers of the next updates.
async fn take(feed: &mut RunningFeed, count: usize) -> Vec<(String, f64)> {
    let updates = feed.take(count).await.into_iter();
    updates
        .map(|update| match update.value {
            Value::Reading(number) => (update.topic.to_string(), number),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn pairs(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
    let pairs = pairs.iter();
    pairs
        .map(|(topic, number)| ((*topic).to_owned(), *number))
        .collect()
}

#[tokio::test]
async fn a_message_above_the_limit_is_skipped_and_all_others_arrive() {
    let broker = Broker::start(OPEN);
    let long = "x".repeat(300_000);
    broker.publish("plant/picture", &long, &["-r", "-q", "1"]);
    broker.publish("plant/a", "1", &["-r", "-q", "1"]);
    let with_session = |id: &str| MqttSettings {
        client_id: Some(id.into()),
        session_expiry: Duration::from_secs(600),
        filters: filters(&["plant/#"]),
        qos: 2,
        ..settings(broker.port, MqttVersion::V3)
    };
    let mut feed = start(with_session("long"));
    assert_eq!(take(&mut feed, 1).await, pairs(&[("plant/a", 1.0)]));
    for qos in ["0", "1", "2"] {
        broker.publish("plant/b", "2\n3\n", &["-q", qos]);
        broker.publish("plant/long", &long, &["-q", qos]);
        broker.publish("plant/b", "4\n5\n", &["-q", qos]);
        let expected = [2.0, 3.0, 4.0, 5.0].map(|number| ("plant/b", number));
        assert_eq!(take(&mut feed, 4).await, pairs(&expected));
    }
    assert_eq!(feed.metrics.undecodable.get(), 4);
    assert_eq!(feed.metrics.reconnects.get(), 0);
    feed.stop().await;
    // The broker keeps what is not acknowledged.
    let mut again = start(with_session("long"));
    assert_eq!(take(&mut again, 1).await, pairs(&[("plant/a", 1.0)]));
    broker.publish("plant/b", "6", &["-q", "2"]);
    assert_eq!(take(&mut again, 1).await, pairs(&[("plant/b", 6.0)]));
    // Only the retained one comes again, because of the new subscription.
    assert_eq!(again.metrics.undecodable.get(), 1);
    again.stop().await;
}

#[tokio::test]
async fn a_broker_of_version_5_does_not_send_a_message_above_the_limit() {
    let broker = Broker::start(OPEN);
    broker.publish("picture", &"x".repeat(300_000), &["-r", "-q", "1"]);
    broker.publish("a", "1", &["-r", "-q", "1"]);
    let mut feed = start(settings(broker.port, MqttVersion::V5));
    assert_eq!(take(&mut feed, 1).await, pairs(&[("a", 1.0)]));
    broker.publish("picture", &"x".repeat(300_000), &["-q", "1"]);
    broker.publish("a", "2", &["-q", "1"]);
    assert_eq!(take(&mut feed, 1).await, pairs(&[("a", 2.0)]));
    assert_eq!(feed.metrics.undecodable.get(), 0);
    assert_eq!(feed.metrics.reconnects.get(), 0);
    feed.stop().await;
}

#[tokio::test]
async fn a_message_that_several_filters_match_arrives_once() {
    let broker = Broker::start(OPEN);
    broker.publish("ov/a", "1", &["-r", "-q", "1"]);
    for version in VERSIONS {
        let mut feed = start(MqttSettings {
            filters: filters(&["ov/#", "ov/a", "ov/+"]),
            ..settings(broker.port, version)
        });
        feed.until_up().await;
        broker.publish("ov/a", "2\n3\n4\n", &["-q", "1"]);
        broker.publish("ov/end", "5", &["-q", "1"]);
        let expected = [
            ("ov/a", 1.0),
            ("ov/a", 2.0),
            ("ov/a", 3.0),
            ("ov/a", 4.0),
            ("ov/end", 5.0),
        ];
        assert_eq!(take(&mut feed, 5).await, pairs(&expected), "{version:?}");
        feed.stop().await;
    }
}

#[tokio::test]
async fn copies_for_filters_that_overlap_are_told_apart_with_version_5() {
    let broker = Broker::start(OPEN);
    broker.publish("a/b", "1", &["-r", "-q", "1"]);
    let mut feed = start(MqttSettings {
        filters: filters(&["a/+", "+/b"]),
        ..settings(broker.port, MqttVersion::V5)
    });
    feed.until_up().await;
    broker.publish("a/b", "2\n3\n4\n", &["-q", "1"]);
    broker.publish("a/end", "5", &["-q", "1"]);
    broker.publish("end/b", "6", &["-q", "1"]);
    let mut expected = vec![("a/b", 1.0), ("a/b", 2.0), ("a/b", 3.0), ("a/b", 4.0)];
    expected.extend([("a/end", 5.0), ("end/b", 6.0)]);
    assert_eq!(take(&mut feed, 6).await, pairs(&expected));
    assert!(feed.metrics.repeated.get() > 0, "{:?}", feed.metrics);
    feed.stop().await;
}

#[tokio::test]
async fn filters_that_were_removed_are_unsubscribed_from_in_a_kept_session() {
    let broker = Broker::start(OPEN);
    for (version, id) in [(MqttVersion::V3, "kept3"), (MqttVersion::V5, "kept5")] {
        let with = |filter: &[&str]| MqttSettings {
            client_id: Some(id.into()),
            session_expiry: Duration::from_secs(600),
            filters: filters(filter),
            ..settings(broker.port, version)
        };
        let old = start(with(&["pa/#", "pb/+/x", "pc"]));
        old.until_up().await;
        old.stop().await;
        broker.publish("pa/1", "1", &["-q", "1"]);
        let mut new = start(with(&["pd/#", "pc"]));
        new.until("the old filter is seen", |metrics| {
            metrics.unwanted.get() == 1
        })
        .await;
        broker.publish("pd/1", "2", &["-q", "1"]);
        assert_eq!(take(&mut new, 1).await, pairs(&[("pd/1", 2.0)]));
        broker.publish("pb/1/x", "3", &["-q", "1"]);
        new.until("the other as well", |metrics| metrics.unwanted.get() == 2)
            .await;
        broker.publish("pd/1", "4", &["-q", "1"]);
        assert_eq!(take(&mut new, 1).await, pairs(&[("pd/1", 4.0)]));
        // Now they are gone.
        broker.publish("pa/2", "5", &["-q", "1"]);
        broker.publish("pb/2/x", "6", &["-q", "1"]);
        broker.publish("pc", "7", &["-q", "1"]);
        assert_eq!(take(&mut new, 1).await, pairs(&[("pc", 7.0)]));
        assert_eq!(new.metrics.unwanted.get(), 2);
        let metrics = new.metrics.clone();
        new.stop().await;
        let settled = metrics.submitted.get() + metrics.silent.get();
        assert_eq!(metrics.received.get(), settled, "{metrics:?}");
    }
}

/// Another client with the id of the feed throws it out.
fn throw_out(broker: &Broker, id: &str) {
    broker.publish("thrown/out", "0", &["-i", id, "-q", "1"]);
}

#[tokio::test]
async fn a_retained_value_that_is_not_newer_does_not_come_again() {
    let broker = Broker::start(OPEN);
    for (version, id) in [(MqttVersion::V3, "old3"), (MqttVersion::V5, "old5")] {
        broker.publish("r/a", "10", &["-r", "-q", "1"]);
        broker.publish("r/b", "10", &["-r", "-q", "1"]);
        let mut feed = start(MqttSettings {
            client_id: Some(id.into()),
            filters: filters(&["r/#"]),
            ..settings(broker.port, version)
        });
        feed.until_up().await;
        let mut first = take(&mut feed, 2).await;
        first.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(first, pairs(&[("r/a", 10.0), ("r/b", 10.0)]));
        broker.publish("r/a", "20", &["-q", "1"]);
        assert_eq!(take(&mut feed, 1).await, pairs(&[("r/a", 20.0)]));
        throw_out(&broker, id);
        feed.until("it is back", |metrics| metrics.reconnects.get() == 1)
            .await;
        feed.until("both are old", |metrics| metrics.repeated.get() == 2)
            .await;
        feed.until_up().await;
        broker.publish("r/a", "21", &["-q", "1"]);
        assert_eq!(take(&mut feed, 1).await, pairs(&[("r/a", 21.0)]));
        // What has changed meanwhile is news.
        broker.publish("r/b", "30", &["-r", "-q", "1", "-i", id]);
        feed.until("it is back again", |metrics| metrics.reconnects.get() == 2)
            .await;
        let news = feed.next().await;
        assert_eq!(
            (news.topic.as_str(), news.value),
            ("r/b", Value::Reading(30.0))
        );
        assert_eq!(news.quality, Quality::Retained);
        feed.stop().await;
    }
}

#[tokio::test]
async fn what_a_broker_does_not_keep_is_told_at_the_start_and_after_a_loss() {
    let mut broker = Broker::start(OPEN);
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let program = Program::start(&["--feed", "mqtt", "--mqtt-url", &url]).await;
    let state = "tickcast_feed_state{feed=\"mqtt\",kind=\"mqtt\",state=\"up\"}";
    until("it is up", async || program.metric(state).await == 1).await;
    let row = "tickcast_feed_unkept{feed=\"mqtt\",kind=\"mqtt\"}";
    assert_eq!(program.metric(row).await, 1);
    let log = || format!("{}{}", program.first_log(), program.log());
    assert!(log().contains("the broker keeps no messages while the feed is not connected"));
    broker.stop();
    until("it is down", async || program.metric(state).await == 0).await;
    broker.start_again();
    until("it is told", async || {
        log().contains("messages that were published meanwhile are missing")
    })
    .await;
    let long = "x".repeat(300_000);
    until("it is up", async || program.metric(state).await == 1).await;
    broker.publish("camera/1", &long, &["-q", "1"]);
    until("it is named", async || {
        let log = log();
        log.contains("camera/1") && log.contains("raise --mqtt-max-packet")
    })
    .await;
    let session = ["--mqtt-session-expiry", "1h", "--mqtt-client-id", "kept"];
    let mut arguments = vec!["--feed", "mqtt", "--mqtt-url", &url];
    arguments.extend(session);
    let kept = Program::start(&arguments).await;
    assert_eq!(kept.metric(row).await, 0);
}

#[tokio::test]
async fn a_client_id_in_use_twice_is_named_as_the_likely_reason() {
    let broker = Broker::start(OPEN);
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    for (version, part) in [
        ("3.1.1", "another client may use the id"),
        // Some brokers say it, and some only close the connection.
        ("5", "another client "),
    ] {
        let flags = [
            "--feed",
            "mqtt",
            "--mqtt-url",
            &url,
            "--mqtt-client-id",
            "twin",
        ];
        let flags = [flags.as_slice(), &["--mqtt-version", version]].concat();
        let (one, other) = (Program::start(&flags).await, Program::start(&flags).await);
        until(part, async || {
            one.log().contains(part) || other.log().contains(part)
        })
        .await;
    }
}

#[tokio::test]
async fn a_filter_that_overlaps_with_another_is_told_with_version_3() {
    let flags = [
        "--feed",
        "mqtt",
        "--mqtt-filter",
        "a/+",
        "--mqtt-filter",
        "+/b",
    ];
    let port = ["--mqtt-url", "localhost:1"];
    let program = Program::start(&[flags.as_slice(), &port].concat()).await;
    let told = "two filters match the same topics";
    until(told, async || {
        format!("{}{}", program.first_log(), program.log()).contains(told)
    })
    .await;
}

/// A broker may send a message again, and release one that the feed does not know any more: after
/// a restart of the feed, for example.
#[tokio::test]
async fn a_message_of_quality_2_arrives_once_and_every_release_is_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut feed = start(MqttSettings {
        qos: 2,
        ..settings(port, MqttVersion::V3)
    });
    let (mut socket, _) = listener.accept().await.unwrap();
    assert_eq!(read_packet(&mut socket).await.0, 0x10);
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    let (_, body) = read_packet(&mut socket).await;
    let granted = [0x90, 3, body[0], body[1], 2];
    socket.write_all(&granted).await.unwrap();
    // Twice the same, then its release and that of another one, then the same identifier anew.
    for first in [0x34, 0x3c] {
        socket
            .write_all(&[first, 6, 0, 1, b'a', 0, 9, b'1'])
            .await
            .unwrap();
        assert_eq!(read_packet(&mut socket).await, (0x50, vec![0, 9]));
    }
    for id in [9, 77] {
        socket.write_all(&[0x62, 2, 0, id]).await.unwrap();
        assert_eq!(read_packet(&mut socket).await, (0x70, vec![0, id]));
    }
    socket
        .write_all(&[0x34, 6, 0, 1, b'a', 0, 9, b'2'])
        .await
        .unwrap();
    assert_eq!(take(&mut feed, 2).await, pairs(&[("a", 1.0), ("a", 2.0)]));
    feed.stop().await;
}
