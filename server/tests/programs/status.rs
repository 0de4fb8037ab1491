//! The status of topics as subscribers see it, with the real program and a real Mosquitto.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tickcast_protocol::{codec::Encoding, message::Status};
use tickcast_server_testkit::{
    Program,
    broker::Broker,
    subscriber::{ENCODINGS, Publisher},
    watcher::Watcher,
};

use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_silent_topic_becomes_stale_then_dead_and_live_with_its_next_update() {
    let rules = [
        "--liveness",
        "a/dies=50ms,dead_after=500ms",
        "--liveness",
        "a/#=100ms",
    ];
    let server = Program::start(&[&["--feed", "none", "--shards", "1"], &rules[..]].concat()).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for topic in ["a/1", "a/dies", "b"] {
        publisher.readings(topic, [1]).await;
    }
    for encoding in ENCODINGS {
        let mut watcher = Watcher::start(&server, encoding, "#").await;
        watcher.until("a/1", Status::Stale).await;
        watcher.until("a/dies", Status::Dead).await;
        assert_eq!(watcher.status("b"), Status::Live);
        let since_ns = watcher.statuses["a/1"].1;

        let mut late = Watcher::start(&server, encoding, "a/+").await;
        while late.statuses.is_empty() {
            late.next().await;
        }
        assert!(late.values.is_empty(), "no value comes before its status");
        assert_eq!(late.statuses["a/1"], (Status::Stale, since_ns));
        assert_eq!(late.status("a/dies"), Status::Dead);
        late.until_value("a/1").await;

        publisher.readings("a/1", [2]).await;
        for watcher in [&mut watcher, &mut late] {
            watcher.until("a/1", Status::Live).await;
            assert!(watcher.statuses["a/1"].1 > since_ns);
            watcher.until("a/1", Status::Stale).await;
        }
    }
    let metric = |status| format!("tickcast_topic_statuses{{status=\"{status}\"}}");
    for (status, topics) in [("live", 1), ("stale", 1), ("dead", 1)] {
        assert_eq!(server.metric(&metric(status)).await, topics, "{status}");
    }
}

/// A client of the broker with a will, which is published when the client is killed. Returns once
/// the broker has accepted it.
fn device(broker: &Broker, name: &str) -> Child {
    broker.publish("wake", "up", &["-r"]);
    let mut device = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &broker.port.to_string()])
        .args(["-t", "wake", "--will-payload", "offline"])
        .args(["--will-topic", &format!("devices/{name}/status")])
        .stdout(Stdio::piped())
        .spawn()
        .expect("mosquitto_sub is installed");
    let mut line = String::new();
    let output = device.stdout.as_mut().expect("it is caught");
    BufReader::new(output).read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    device
}

#[tokio::test]
async fn a_will_makes_topics_dead_and_a_lost_broker_makes_them_stale() {
    let mut broker = Broker::start("allow_anonymous true");
    broker.publish("devices/a/old", "1", &["-r", "-q", "1"]);
    let settings = format!(
        "[[feed]]\nkind = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\n\
         [[wills]]\ntopic = \"devices/+/status\"\ndead_if = \"offline\"\ntopics = \"devices/+/#\"\n",
        broker.port
    );
    let path = broker.path("tickcast.toml");
    fs::write(&path, settings).unwrap();
    let server = Program::start(&["--config", path.to_str().unwrap()]).await;
    server.until_feed_is_up("mqtt").await;
    let mut device = device(&broker, "a");
    let mut watchers = Vec::new();
    for encoding in ENCODINGS {
        watchers.push(Watcher::start(&server, encoding, "devices/#").await);
    }
    broker.publish("devices/a/t", "1", &[]);
    broker.publish("devices/b/t", "1", &[]);
    for watcher in &mut watchers {
        watcher.until_value("devices/a/old").await;
        watcher.until_value("devices/b/t").await;
    }

    device.kill().unwrap();
    device.wait().unwrap();
    for watcher in &mut watchers {
        watcher.until("devices/a/t", Status::Dead).await;
        watcher.until("devices/a/old", Status::Dead).await;
        assert_eq!(watcher.status("devices/b/t"), Status::Live);
    }

    broker.publish("devices/a/t", "2", &[]);
    for watcher in &mut watchers {
        watcher.until("devices/a/t", Status::Live).await;
        assert_eq!(watcher.status("devices/a/old"), Status::Dead);
    }

    broker.stop();
    for watcher in &mut watchers {
        watcher.until("devices/a/t", Status::Stale).await;
        watcher.until("devices/b/t", Status::Stale).await;
        assert_eq!(watcher.status("devices/a/old"), Status::Dead);
    }

    broker.start_again();
    server.until_feed_is_up("mqtt").await;
    broker.publish("devices/b/t", "3", &[]);
    for watcher in &mut watchers {
        watcher.until("devices/b/t", Status::Live).await;
        assert_eq!(watcher.status("devices/a/t"), Status::Stale);
    }
}

#[tokio::test]
async fn topics_of_a_feed_that_has_ended_are_stale() {
    let mut server = Program::start(&["--feed", "stdin", "--shards", "1"]).await;
    let mut watcher = Watcher::start(&server, Encoding::Json, "#").await;
    let mut input = server.take_input();
    input.write_all(b"a 1\n").await.unwrap();
    watcher.until_value("a").await;
    assert_eq!(watcher.status("a"), Status::Live);
    drop(input);
    watcher.until("a", Status::Stale).await;
}
