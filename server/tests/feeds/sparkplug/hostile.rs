//! What no node should send, over a real broker.

use prost::Message as _;
use tickcast_core::work::NewUpdate;
use tickcast_server::testing::mqtt::MqttVersion;
use tickcast_server_testkit::{broker::Broker, feed::RunningFeed};

use super::{
    node::{Client, Metric, Node, Payload, Template, Value, defined, now_ms, valued},
    setup::{OPEN, born, reading, settled},
};

/// The reading after which the updates of a test end.
const END: f64 = 99.0;

/// Lets the node, whose metric has alias 1, end what the test sends. Returns all updates before.
async fn until_end(feed: &mut RunningFeed, node: &mut Node) -> Vec<NewUpdate> {
    node.publish("NDATA", None, vec![valued(1, END)]).await;
    let mut updates = Vec::new();
    loop {
        let update = feed.next().await;
        if update.topic.as_str() == "Plant/boiler/temp" && reading(&update).1 == END {
            return updates;
        }
        updates.push(update);
    }
}

fn payload(seq: Option<u64>, metrics: Vec<Metric>) -> Vec<u8> {
    let payload = Payload {
        timestamp: Some(now_ms()),
        metrics,
        seq,
    };
    payload.encode_to_vec()
}

#[tokio::test]
async fn payloads_that_are_cut_off_or_wrong_are_counted_and_spoil_nothing() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V3).await;
    let whole = payload(Some(0), vec![defined("temp", 1, 5.0)]);
    for end in 0..whole.len() {
        let part = whole[..end].to_vec();
        node.publish_bytes("spBv1.0/Plant/NBIRTH/cut", part).await;
    }
    let mut deep = defined("deep", 1, 1.0);
    for _ in 0..200 {
        deep = Metric {
            name: Some("deep".into()),
            datatype: Some(19),
            value: Some(Value::Template(Template {
                metrics: vec![deep],
                ..Template::default()
            })),
            ..Metric::default()
        };
    }
    let birth = |metrics| payload(Some(0), metrics);
    for wrong in [
        // A metric of 4 GiB, an array of as many booleans, a length without end.
        b"\x12\xff\xff\xff\xff\x0f".to_vec(),
        birth(vec![Metric {
            name: Some("bits".into()),
            datatype: Some(32),
            value: Some(Value::Bytes(vec![0xff; 4])),
            ..Metric::default()
        }]),
        vec![0xff; 1000],
        // Groups, which protobuf has given up, within one another.
        vec![0x0b; 10_000],
        // Metrics without anything: 20,000 in 40,000 bytes.
        b"\x12\x00".repeat(20_000),
        birth(vec![deep]),
        birth(vec![defined(&"n".repeat(10_000), 1, 1.0)]),
        b"{\"metrics\":[]}".to_vec(),
    ] {
        node.publish_bytes("spBv1.0/Plant/NBIRTH/wrong", wrong)
            .await;
    }
    // The numbers of a sequence are 0 to 255.
    for seq in [256, u64::MAX] {
        let data = payload(Some(seq), vec![valued(1, 7.0)]);
        node.publish_bytes("spBv1.0/Plant/NDATA/boiler", data).await;
    }
    // The null character cannot be in a topic, so a broker refuses it. These it may pass on.
    let long = format!("spBv1.0/Plant/NBIRTH/{}", "n".repeat(300));
    node.publish_bytes(&long, whole.clone()).await;

    let updates = until_end(&mut feed, &mut node).await;
    // Those that were cut off between two fields.
    for update in &updates {
        assert_eq!(reading(update), ("Plant/cut/temp", 5.0));
    }
    assert!(feed.metrics.undecodable.get() > 20_000);
    // The wrong sequence numbers are not in the sequence.
    assert_eq!(feed.metrics.sparkplug.gaps.get(), 0);
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}

#[tokio::test]
async fn topics_outside_of_the_grammar_are_read_as_if_there_were_no_sparkplug() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V5).await;
    let strange = [
        "spBv1.0",
        "spBv1.0/Plant",
        "spBv1.0/Plant/NDATA",
        "spBv1.0/Plant/OTHER/boiler",
        "spBv1.0/Plant/ndata/boiler",
        "spBv1.0//NDATA/boiler",
        "spBv1.0/Plant/NDATA/boiler/plc",
        "spBv1.0/Plant/DDATA/boiler",
        "spBv1.0/Plant/DDATA/boiler/plc/more",
        "spBv1.0/Plant/DDATA/boiler/",
        "spBv1.0/STATE",
    ];
    for topic in strange {
        node.publish_bytes(topic, b"5".to_vec()).await;
    }
    let passed_over = [
        "spBv1.0/STATE/other",
        "spBv1.0/Plant/NCMD/boiler",
        "spBv1.0/Plant/DCMD/boiler/plc",
    ];
    let before = feed.metrics.passed_over.get();
    for topic in passed_over {
        let payload = b"{\"online\":false,\"timestamp\":1}".to_vec();
        node.publish_bytes(topic, payload).await;
    }
    let updates = until_end(&mut feed, &mut node).await;
    let found: Vec<_> = updates.iter().map(reading).collect();
    assert_eq!(found, strange.map(|topic| (topic, 5.0)));
    assert_eq!(feed.metrics.passed_over.get() - before, 3);
    assert_eq!(feed.metrics.undecodable.get(), 0);
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}

#[tokio::test]
async fn two_nodes_of_one_name_do_not_make_the_host_ask_again_and_again() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut one) = born(&broker, MqttVersion::V3).await;
    let mut other = Node::start(broker.port, "boiler", 7).await;
    other.birth(vec![defined("temp", 1, 30.0)]).await;
    // Their sequences are far from each other.
    for _ in 0..100 {
        other.lose();
    }
    for number in 0..200 {
        one.publish("NDATA", None, vec![valued(1, number.into())])
            .await;
        other
            .publish("NDATA", None, vec![valued(1, number.into())])
            .await;
    }
    // The first command, which both hear.
    one.rebirth_asked().await;
    other.rebirth_asked().await;
    let counts = &feed.metrics.sparkplug;
    assert_eq!(counts.rebirths.get(), 1);
    one.birth(vec![defined("temp", 1, END)]).await;
    while reading(&feed.next().await).1 != END {}
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}

#[tokio::test]
async fn states_of_other_hosts_are_not_answered_and_a_flood_of_own_ones_ends_with_the_truth() {
    let broker = Broker::start(OPEN);
    let (mut feed, mut node) = born(&broker, MqttVersion::V3).await;
    let mut listener = Client::start(broker.port, None, "spBv1.0/STATE/host").await;
    let (_, born) = listener.next().await;
    for _ in 0..500 {
        let gone = b"{\"online\":false}".to_vec();
        node.publish_bytes("spBv1.0/STATE/other", gone.clone())
            .await;
        node.publish_bytes("spBv1.0/STATE/host", gone).await;
        node.publish_bytes("spBv1.0/STATE/host", b"OFFLINE".to_vec())
            .await;
    }
    assert!(until_end(&mut feed, &mut node).await.is_empty());
    let (mut lies, mut truths) = (0, 0);
    let mut last = Vec::new();
    while lies < 500 || last != born {
        let (_, state) = listener.next().await;
        lies += usize::from(state == b"{\"online\":false}");
        truths += usize::from(state == born);
        last = state;
    }
    assert!((1..=500).contains(&truths));
    let metrics = feed.metrics.clone();
    feed.stop().await;
    settled(&metrics);
}
