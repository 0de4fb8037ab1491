//! Outputs of each update to a real Mosquitto, and of values at places of their own.

use std::net::Ipv4Addr;

use tickcast_server_testkit::{broker::Broker, gate::Gate, until};

use crate::{reader::Reader, source::Source};

/// The broker may keep all that its subscriber has not taken yet.
const CONFIGURATION: &str = "allow_anonymous true\nmax_queued_messages 0";

/// A server that sends each update to a broker by a way that can be cut.
async fn start(gate: &Gate, more: &str) -> Source {
    let tables = format!(
        "[[output]]\nmqtt = \"mqtt://{}\"\nmode = \"every\"\n{more}\n",
        gate.address
    );
    Source::start(&tables).await
}

fn lines(numbers: impl Iterator<Item = u32>) -> String {
    numbers.map(|number| format!("a/1 {number}\n")).collect()
}

#[tokio::test]
async fn no_update_is_lost_with_a_connection_and_none_comes_twice_with_a_session() {
    const PER_CUT: u32 = 1_000;
    const CUTS: u32 = 3;

    for (version, qos, is_once) in [("5", 2, true), ("3.1.1", 2, false), ("5", 1, false)] {
        let broker = Broker::start(CONFIGURATION);
        let to = (Ipv4Addr::LOCALHOST, broker.port).into();
        let gate = Gate::open(to).await;
        let more = format!("version = \"{version}\"\nqos = {qos}\nretained = false");
        let mut source = start(&gate, &more).await;
        let reader = Reader::start(broker.port);
        reader.until("tickcast/status", "online").await;
        for cut in 0..=CUTS {
            let first = cut * PER_CUT;
            source.put(&lines(first..first + PER_CUT)).await;
            if cut < CUTS {
                let begun = || reader.payloads("tickcast/a/1").len() > first as usize;
                until("updates are on the way", async || begun()).await;
                gate.cut(Some(to));
            }
        }
        let last = (CUTS + 1) * PER_CUT - 1;
        reader.until("tickcast/a/1", &last.to_string()).await;
        let found = reader.payloads("tickcast/a/1");
        let mut found: Vec<u32> = found.iter().map(|text| text.parse().unwrap()).collect();
        if !is_once {
            found.sort_unstable();
            found.dedup();
        }
        let expected: Vec<u32> = (0..=last).collect();
        assert!(found == expected, "version {version}, qos {qos}: {found:?}");
        let reconnects = "tickcast_output_reconnects_total{";
        assert!(source.program.metric(reconnects).await > 0);
        assert_eq!(
            source.program.metric("tickcast_output_lost_total{").await,
            0
        );
        source.program.terminate().await;
        assert!(source.program.end().await.success());
    }
}

#[tokio::test]
async fn the_oldest_updates_of_a_full_queue_are_lost_and_counted() {
    let broker = Broker::start(CONFIGURATION);
    let to = (Ipv4Addr::LOCALHOST, broker.port).into();
    let gate = Gate::open(to).await;
    gate.cut(None);
    let mut source = start(&gate, "queue_max = 100\nqos = 1").await;
    let reader = Reader::start(broker.port);
    source.put(&lines(0..1_000)).await;
    source.until("lost_total", 900).await;
    source.until("waiting", 100).await;
    gate.cut(Some(to));
    reader.until("tickcast/a/1", "999").await;
    let expected: Vec<String> = (900..1_000).map(|number| number.to_string()).collect();
    assert_eq!(reader.payloads("tickcast/a/1"), expected);
    let lost = "tickcast_output_lost_total{";
    assert_eq!(source.program.metric(lost).await, 900);

    // What a broker that is away has not got at the end is told.
    gate.cut(None);
    source.until_none("connected").await;
    source.put(&lines(0..30)).await;
    source.until("waiting", 30).await;
    source.program.terminate().await;
    let is_told = || source.program.log().contains("updates are lost at the end");
    until("the loss is told", async || is_told()).await;
    let log = source.program.log();
    let told = log.lines().find(|line| line.contains("updates are lost"));
    assert!(told.unwrap().contains("unsent=30"), "{told:?}");
    assert!(source.program.end().await.success());
}

#[tokio::test]
async fn values_go_where_a_template_says() {
    let broker = Broker::start(CONFIGURATION);
    let tables = format!(
        "[[output]]\nmqtt = \"127.0.0.1:{}\"\nevery = \"0s\"\ntopic = \"site/{{2}}/{{last}}/state\"",
        broker.port
    );
    let mut source = Source::start(&tables).await;
    source.put("plant/line1/temp 21.5\nalone 1\n").await;
    let reader = Reader::start(broker.port);
    reader.until("site/line1/temp/state", "21.5").await;
    // The status stays below the prefix, and a topic without the level has no place.
    reader.until("tickcast/status", "online").await;
    source.until("dropped_total", 1).await;
    assert_eq!(reader.topics("tickcast/"), ["tickcast/status"]);
    assert_eq!(reader.topics("site/"), ["site/line1/temp/state"]);
}
