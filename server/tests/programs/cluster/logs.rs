//! Nodes with logs of their own: what they had read is there after a restart, what they have missed
//! is told, and what the stream has lost is set aside.

use std::{fs, path::Path};

use tickcast_log::{Entry, Folder, Range, read};
use tickcast_protocol::message::Position;
use tickcast_server_testkit::{Program, nats::Nats, raw::get_whole, subscriber::Publisher, until};

use super::{
    STREAM_BYTES,
    nodes::Cluster,
    overflow_stream, put_back,
    subscribers::{Subscribers, UPDATES_OF_ROUND},
};
use crate::ledger::lineage;

/// The lines of a topic's history, oldest first.
async fn history(node: &Program, topic: &str) -> Vec<serde_json::Value> {
    let path = format!("/v1/history?topic={topic}&limit=10000&order=oldest");
    let answer = get_whole(node.address, &path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.lines();
    let lines = lines.map(|line| serde_json::from_str(line).unwrap());
    // The last line says how to go on.
    let is_told = |line: &serde_json::Value| line.get("end").is_none();
    lines.filter(is_told).collect()
}

/// The positions in a log.
fn positions(log: &Path) -> Vec<Position> {
    let mut positions = Vec::new();
    let read = read(&Folder::read_only(log), Range::ALL, |entry| {
        if let Entry::Update { head, .. } = entry {
            positions.push(head.position);
        }
    });
    read.unwrap();
    positions
}

/// The history of a node is longer than its memory. It has what was published while it was away.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_has_its_history_from_its_log() {
    const BEFORE: usize = 3_000;
    let nats = [Nats::start()];
    let more = ["--history", "64KiB"];
    let mut cluster = Cluster::start_with_logs(&nats, 2, &more).await;
    let urls = cluster.urls();
    let numbers = |from: usize| (from..from + BEFORE).map(|number| number as u32);
    let mut publisher = Publisher::start(&urls[1]).await;
    publisher.readings("a", numbers(0)).await;
    until("both have it", async || {
        let mut lens = Vec::new();
        for node in cluster.running() {
            lens.push(history(node, "a").await.len());
        }
        lens == [BEFORE, BEFORE]
    })
    .await;
    cluster.kill(0).await;
    publisher.readings("a", numbers(BEFORE)).await;
    cluster.start_again(0).await;
    cluster.until_ready().await;
    let mut told = Vec::new();
    for node in cluster.running() {
        told.push(history(node, "a").await);
    }
    assert_eq!(told[0].len(), 2 * BEFORE);
    assert_eq!(told[0], told[1]);
    cluster.verify_logs().await;

    // A server that is no node has another future than the cluster.
    let known = lineage(&urls[0]).await;
    cluster.kill(0).await;
    let log = cluster.log(0).unwrap();
    let alone = Program::start(&["--feed", "none", "--data", log.to_str().unwrap()]).await;
    let now = lineage(&alone.url()).await;
    assert_ne!(now.epoch, known.epoch);
    assert_eq!(now.continues.last().unwrap().epoch, known.epoch);
    assert_eq!(history(&alone, "a").await.len(), 2 * BEFORE);
}

/// The stream has forgotten what a node has missed. Its log has a hole, which is told, and what was
/// before and after it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_missed_is_missing_in_its_log_and_told() {
    let nats = [Nats::start()];
    let more = ["--cluster-bytes", STREAM_BYTES];
    let mut cluster = Cluster::start_with_logs(&nats, 2, &more).await;
    let mut publisher = Publisher::start(&cluster.urls()[1]).await;
    publisher.readings("first", [1, 2, 3]).await;
    until("it has read it", async || {
        let node = cluster.nodes[0].as_ref().unwrap();
        history(node, "first").await.len() == 3
    })
    .await;
    cluster.kill(0).await;
    // It was the one that kept checkpoints.
    until("the other one is alone", async || {
        cluster.metric("tickcast_cluster_members").await == 1
    })
    .await;
    overflow_stream(&mut publisher).await;
    publisher.readings("first", [4, 5]).await;
    until("there is a checkpoint to begin with", async || {
        cluster.metric("tickcast_cluster_checkpoints").await >= 2
    })
    .await;
    cluster.start_again(0).await;
    cluster.until_ready().await;
    publisher.readings("first", [6]).await;
    let node = cluster.nodes[0].as_ref().unwrap();
    let mut told = Vec::new();
    until("it goes on", async || {
        told = history(node, "first").await;
        told.last()
            .is_some_and(|line| line["value"]["reading"] == 6.0)
    })
    .await;
    let readings: Vec<_> = told
        .iter()
        .filter_map(|line| line["value"]["reading"].as_f64())
        .collect();
    assert!(readings.starts_with(&[1.0, 2.0, 3.0]), "{told:?}");
    let is_missing = |line: &serde_json::Value| line.get("missing").is_some();
    assert!(told.iter().any(is_missing), "{told:?}");
    cluster.verify_logs().await;
}

/// What the stream has lost is in no history any more. The logs have set it aside.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_has_lost_is_set_aside_in_the_logs() {
    let mut nats = [Nats::start()];
    let cluster = Cluster::start_with_logs(&nats, 2, &[]).await;
    let subscribers = Subscribers::start(&cluster).await;
    let urls = cluster.urls();
    let known = put_back(&mut nats[0], &cluster, &subscribers).await;
    let before = *known.continues.last().unwrap();
    let lost = subscribers.end(&urls[0], &known).await;
    assert!(lost >= UPDATES_OF_ROUND, "{lost}");
    cluster.compare_histories_of(["k/0", "k/7"]).await;
    cluster.verify_logs().await;
    for index in 0..2 {
        let log = cluster.log(index).unwrap();
        let (left, aside) = (positions(&log), positions(&log.join(".set-aside")));
        assert!(aside.last().unwrap() > &before.last, "{aside:?}");
        assert!((1..=left.len() as Position).eq(left), "each position once");
    }

    // Another stream has nothing in common with the logs.
    let client = async_nats::connect(nats[0].url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.delete_stream("tickcast").await.unwrap();
    cluster.next_lineage(&known).await;
    let segments = |folder: &Path| fs::read_dir(folder).unwrap().count();
    for index in 0..2 {
        let log = cluster.log(index).unwrap();
        until("it has set its log aside", async || {
            segments(&log.join(".set-aside")) > 0 && positions(&log).is_empty()
        })
        .await;
    }
    cluster.verify_logs().await;
}
