//! Outputs to a real Mosquitto, read by its own subscriber.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use serde_json::Value as Json;
use tickcast_server::{
    Server,
    config::{self, Command},
    testing::panic_in,
};
use tickcast_server_testkit::{
    broker::Broker,
    certificates::{Authority, Validity},
    raw::get,
    until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::spawn_blocking,
};

use crate::{reader::Reader, source::Source};

const OPEN: &str = "allow_anonymous true";

fn output(port: u16, more: &str) -> String {
    format!("[[output]]\nmqtt = \"mqtt://127.0.0.1:{port}\"\nevery = \"0s\"\n{more}\n")
}

#[tokio::test]
async fn values_are_kept_by_the_broker_with_the_status_in_both_versions() {
    let broker = Broker::start(OPEN);
    for (version, qos) in [("3.1.1", "0"), ("5", "1"), ("3.1.1", "2")] {
        let prefix = format!("v{qos}");
        let more = format!(
            "version = \"{version}\"\nqos = {qos}\nprefix = \"{prefix}\"\nfilter = [\"a/#\"]"
        );
        let mut source = Source::start(&output(broker.port, &more)).await;
        source.put("a/temp 21.5\na/door open\nb/hidden 1\n").await;
        source.until("sent_total", 2).await;
        let reader = Reader::start(broker.port);
        reader.until(&format!("{prefix}/a/temp"), "21.5").await;
        reader.until(&format!("{prefix}/a/door"), "open").await;
        reader.until(&format!("{prefix}/status"), "online").await;
        let (is_retained, _) = reader.last(&format!("{prefix}/a/temp")).unwrap();
        assert!(is_retained);
        assert_eq!(reader.topics(&format!("{prefix}/b")), [""; 0]);
        // The last value comes before the end, and then the status.
        source.put("a/temp 22\n").await;
        source.until_in(4).await;
        source.program.terminate().await;
        reader.until(&format!("{prefix}/status"), "offline").await;
        reader.until(&format!("{prefix}/a/temp"), "22").await;
        assert!(source.program.end().await.success());
    }
}

#[tokio::test]
async fn all_that_waits_for_its_interval_is_sent_at_the_end() {
    const TOPICS: usize = 300;

    let broker = Broker::start(OPEN);
    for (version, qos) in [("3.1.1", "0"), ("5", "1"), ("5", "2")] {
        let tables = format!(
            "[[output]]\nmqtt = \"127.0.0.1:{}\"\nevery = \"1h\"\nqos = {qos}\n\
             version = \"{version}\"\nprefix = \"v{qos}\"\n",
            broker.port
        );
        let mut source = Source::start(&tables).await;
        let lines = |value: &str| {
            let lines = (0..TOPICS).map(|topic| format!("a/{topic} {value}\n"));
            lines.collect::<String>()
        };
        source.put(&lines("1")).await;
        source.until("sent_total", TOPICS as u64).await;
        source.put(&lines("2")).await;
        source.until_in(2 * TOPICS as u64).await;
        source.program.terminate().await;
        let reader = Reader::start(broker.port);
        reader.until(&format!("v{qos}/status"), "offline").await;
        for topic in 0..TOPICS {
            reader.until(&format!("v{qos}/a/{topic}"), "2").await;
        }
        let log = source.program.log();
        assert!(!log.contains("in time"), "{log}");
        assert!(source.program.end().await.success());
    }
}

#[tokio::test]
async fn the_broker_says_that_a_killed_server_is_gone_and_json_is_what_clients_get() {
    let broker = Broker::start(OPEN);
    let more = "payload = \"json\"\nretained = false";
    let mut source = Source::start(&output(broker.port, more)).await;
    let reader = Reader::start(broker.port);
    reader.until("tickcast/status", "online").await;
    source.put("a/temp 21.5\n").await;
    until("the value comes", async || {
        reader.last("tickcast/a/temp").is_some()
    })
    .await;
    let (is_retained, payload) = reader.last("tickcast/a/temp").unwrap();
    assert!(!is_retained);
    let json: Json = serde_json::from_str(&payload).unwrap();
    assert_eq!(json["topic"], "a/temp");
    assert_eq!(json["seq"], 1);
    source.program.kill().await;
    reader.until("tickcast/status", "offline").await;
}

#[tokio::test]
async fn a_broker_that_was_killed_gets_the_newest_values_again() {
    let mut broker = Broker::start(OPEN);
    let mut source = Source::start(&output(broker.port, "")).await;
    source.put("a/1 1\na/2 1\n").await;
    source.until("sent_total", 2).await;
    broker.stop();
    let down = "tickcast_output_connected{output=\"mqtt\",kind=\"mqtt\"}";
    let is_down = async || source.program.metric(down).await == 0;
    until("the output has noticed", is_down).await;
    source.put("a/1 2\na/1 3\n").await;
    // It keeps nothing on disk, so what is there comes from the output.
    broker.start_again();
    source.until("reconnects_total", 1).await;
    let reader = Reader::start(broker.port);
    reader.until("tickcast/a/1", "3").await;
    reader.until("tickcast/a/2", "1").await;
    source.until("conflated_total", 1).await;
}

#[tokio::test]
async fn after_a_restart_the_values_of_the_log_are_there_at_once() {
    let mut broker = Broker::start(OPEN);
    let folder = tempfile::tempdir().unwrap();
    let top = format!("data = \"{}\"", folder.path().display());
    let tables = output(broker.port, "");
    let mut source = Source::start_with(&top, &tables).await;
    source.put("a/1 1\na/1 2\n").await;
    source.until("sent_total", 1).await;
    let are_in = async || source.program.metric("tickcast_updates_total").await == 2;
    until("both values are in", are_in).await;
    source.program.terminate().await;
    assert!(source.program.end().await.success());
    // It forgets everything.
    broker.stop();
    broker.start_again();
    let source = Source::start_with(&top, &tables).await;
    source.until("sent_total", 1).await;
    Reader::start(broker.port).until("tickcast/a/1", "2").await;
}

#[tokio::test]
async fn a_topic_is_dead_at_the_broker_too_and_live_with_its_next_value() {
    let broker = Broker::start(OPEN);
    let rule = "[[liveness]]\nfilter = \"a/#\"\nexpect_every = \"100ms\"\ndead_after = \"500ms\"";
    let mut source = Source::start(&output(broker.port, rule)).await;
    let reader = Reader::start(broker.port);
    source.put("a/1 1\nb/1 1\n").await;
    reader.until("tickcast/status/a/1", "dead").await;
    // Of a topic that was always live no status is needed.
    assert_eq!(reader.last("tickcast/status/b/1"), None);
    let is_live = || {
        reader
            .last("tickcast/status/a/1")
            .is_some_and(|(_, last)| last == "live")
    };
    until("it is live", async || {
        // It dies again before long.
        source.put("a/1 2\n").await;
        is_live()
    })
    .await;
}

#[tokio::test]
async fn an_output_that_fails_is_started_again() {
    let broker = Broker::start(OPEN);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let feed = "[[feed]]\nkind = \"simulated\"\n";
    fs::write(&path, feed.to_owned() + &output(broker.port, "")).unwrap();
    let flags = ["tickcast-server", "--listen", "127.0.0.1:0", "--config"];
    let flags = flags.into_iter().map(Into::into).chain([path.into()]);
    let Command::Run(settings) = config::load(flags, []).unwrap() else {
        panic!("it runs");
    };
    let server = Server::start(*settings).unwrap();
    let reader = Reader::start(broker.port);
    reader.until("tickcast/status", "online").await;
    panic_in(&server, "output-mqtt");
    // The connection breaks off, and so the broker tells its will.
    reader.until("tickcast/status", "offline").await;
    reader.until("tickcast/status", "online").await;
    let tasks = &server.metrics().tasks;
    let task = tasks.iter().find(|task| task.name == "output-mqtt");
    assert_eq!(task.unwrap().failures.get(), 1);
    spawn_blocking(move || server.shutdown()).await.unwrap();
    reader.until("tickcast/status", "offline").await;
}

#[tokio::test]
async fn a_broker_that_reads_nothing_holds_nothing_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let broker = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The head of CONNECT is enough to accept it; then nothing is read.
        stream.read_exact(&mut [0; 8]).await.unwrap();
        stream.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        std::future::pending::<()>().await;
    });
    let tables = output(port, "qos = 1\nretained = false");
    let mut source = Source::start(&tables).await;
    source.until("connected", 1).await;
    for number in 0..200 {
        let lines: String = (0..100)
            .map(|topic| format!("a/{topic} {number}\n"))
            .collect();
        source.put(&lines).await;
    }
    // No more leaves than the broker may leave unacknowledged, and the rest is replaced.
    source.until("conflated_total", 19_000).await;
    // The last one may come a little later.
    until("the last one is the newest", async || {
        let answer = get(source.program.address, "/v1/latest?filter=a/7").await;
        answer.body.contains("199")
    })
    .await;
    broker.abort();
}

#[tokio::test]
async fn home_assistant_is_told_about_topics_and_again_when_it_starts() {
    let broker = Broker::start(OPEN);
    let tables = "discovery = \"homeassistant\"\n\
                  [[decode]]\nfilter = \"plant/+/temp\"\nformat = \"number\"\nunit = \"°C\"";
    let mut source = Source::start(&output(broker.port, tables)).await;
    source
        .put("plant/line1/temp 21.5\nplant/line1/on true\n")
        .await;
    let reader = Reader::start(broker.port);
    let configs = async || reader.topics("homeassistant/").len() == 2;
    until("both are announced", configs).await;
    let [binary, sensor] = &reader.topics("homeassistant/")[..] else {
        panic!("two configs");
    };
    assert!(binary.starts_with("homeassistant/binary_sensor/tickcast/"));
    let config = |topic: &str| {
        let (_, payload) = reader.last(topic).unwrap();
        serde_json::from_str::<Json>(&payload).unwrap()
    };
    assert_eq!(config(binary)["payload_on"], "true");
    let temp = config(sensor);
    assert_eq!(temp["unit_of_measurement"], "°C");
    assert_eq!(temp["device_class"], "temperature");
    assert_eq!(temp["device"], config(binary)["device"]);
    // What it names is there.
    reader
        .until(temp["state_topic"].as_str().unwrap(), "21.5")
        .await;
    for (availability, payload) in [(0, "online"), (1, "live")] {
        let topic = temp["availability"][availability]["topic"]
            .as_str()
            .unwrap();
        reader.until(topic, payload).await;
    }

    // Another unit is told.
    source
        .put("{\"topic\":\"plant/line1/flow\",\"value\":1,\"unit\":\"l/h\"}\n")
        .await;
    let units = || {
        let configs = reader.topics("homeassistant/sensor/");
        let units = configs
            .iter()
            .map(|topic| config(topic)["unit_of_measurement"].clone());
        units.collect::<Vec<_>>()
    };
    until("the unit is told", async || units().contains(&"l/h".into())).await;
    source
        .put("{\"topic\":\"plant/line1/flow\",\"value\":1,\"unit\":\"m³/h\"}\n")
        .await;
    until("the other unit is told", async || {
        units().contains(&"m³/h".into())
    })
    .await;
    assert!(!units().contains(&"l/h".into()));

    broker.publish(sensor, "gone\n", &["-r", "-q", "1"]);
    reader.until(sensor, "gone").await;
    broker.publish("homeassistant/status", "online\n", &[]);
    let is_back = async || reader.last(sensor).is_some_and(|(_, text)| text != "gone");
    until("it is announced again", is_back).await;

    // A switch that says something else is a text, and no switch any more.
    source.put("plant/line1/on broken\n").await;
    let is_removed = async || reader.last(binary).is_some_and(|(_, text)| text.is_empty());
    until("the binary sensor is removed", is_removed).await;
}

#[tokio::test]
async fn values_go_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    let certificate = authority.issue(&["localhost", "127.0.0.1"], Validity::Now);
    let (cert, key) = certificate.write(folder.path(), "server");
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    let broker = Broker::start(&format!(
        "{OPEN}\nuser root\nlistener {port} 127.0.0.1\ncertfile {}\nkeyfile {}",
        cert.display(),
        key.display()
    ));
    let tables = format!(
        "[[output]]\nmqtt = \"mqtts://127.0.0.1:{port}\"\ntls_ca = \"{}\"\n",
        ca.display()
    );
    let mut source = Source::start(&tables).await;
    source.put("a/temp 21.5\n").await;
    let reader = Reader::start(broker.port);
    reader.until("tickcast/a/temp", "21.5").await;
}
