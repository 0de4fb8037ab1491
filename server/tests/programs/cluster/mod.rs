//! Several servers as nodes of a cluster, with real servers of NATS: positions are the same on all
//! nodes, clients go on at any of them, a feed runs once, and what the stream loses is told.

mod faults;
mod logs;
mod nodes;
mod publishing_once;
mod subscribers;

use std::sync::{Arc, atomic::Ordering};

use tickcast_protocol::{message::Lineage, value::Value};
use tickcast_server_testkit::{
    Program, command,
    nats::Nats,
    raw::get,
    subscriber::{Publisher, publication},
    until,
};

use self::{
    nodes::Cluster,
    subscribers::{Subscribers, UPDATES_OF_ROUND},
};
use crate::ledger::lineage;

/// Rounds of faults; `TICKCAST_KILLS` says otherwise.
const ROUNDS: usize = 3;

fn rounds() -> usize {
    std::env::var("TICKCAST_KILLS").map_or(ROUNDS, |kills| kills.parse().unwrap())
}

/// What a stream keeps that a test makes overflow.
const STREAM_BYTES: &str = "64MiB";

/// Publishes more than [`STREAM_BYTES`].
async fn overflow_stream(publisher: &mut Publisher) {
    const BYTES: usize = 60_000;
    let value = Value::Bytes(vec![7; BYTES]);
    for index in 0..(100 << 20) / BYTES {
        let topic = format!("large/{}", index % 8);
        let update = publication(&topic, value.clone());
        publisher.publish(vec![update]).await;
    }
}

/// Updates are published, and the stream is put back to the state before the last ones. Returns
/// what subscribers know then: the next epoch and those before.
async fn put_back(nats: &mut Nats, cluster: &Cluster, subscribers: &Subscribers) -> Lineage {
    let urls = cluster.urls();
    let mut known = cluster.lineage().await;
    let publishing = subscribers.publish_some(&urls[0]).await;
    subscribers.pause(publishing).await;
    let older = tempfile::tempdir().unwrap();
    nats.stop();
    nats.save(older.path());
    nats.start_again();
    cluster.until_ready().await;

    let publishing = subscribers.publish_some(&urls[1]).await;
    subscribers.pause(publishing).await;
    nats.stop();
    nats.restore(older.path());
    nats.start_again();
    let now = cluster.next_lineage(&known).await;
    let before = now.continues.last().expect("it continues the one before");
    assert_eq!(before.epoch, known.epoch);
    known.continues.push(*before);
    known.epoch = now.epoch;
    known
}

/// Each round kills the node where updates are published, and starts it again while they are
/// published at the next one.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_under_load_lose_nothing_and_double_nothing() {
    let nats = [Nats::start()];
    let mut cluster = Cluster::start(&nats, 3, "none").await;
    let subscribers = Subscribers::start(&cluster).await;
    let urls = cluster.urls();
    let known = lineage(&urls[0]).await;
    for round in 0..rounds() {
        let index = round % urls.len();
        let publishing = subscribers.publish_some(&urls[index]).await;
        cluster.kill(index).await;
        publishing.await.unwrap();
        let next = (index + 1) % urls.len();
        let publishing = subscribers.publish_some(&urls[next]).await;
        cluster.start_again(index).await;
        subscribers.pause(publishing).await;
    }
    for url in &urls {
        assert_eq!(lineage(url).await, known, "the epoch goes on");
    }
    let ledger = Arc::clone(&subscribers.ledger);
    assert_eq!(subscribers.end(&urls[1], &known).await, 0);
    assert_eq!(ledger.lost.load(Ordering::Relaxed), 0);
    assert_eq!(cluster.metric("tickcast_cluster_disagreements").await, 0);
}

/// Each round kills one of the three servers that keep the stream, each of which leads it now and
/// then, while updates are published.
#[tokio::test(flavor = "multi_thread")]
async fn servers_of_the_stream_that_are_killed_under_load_lose_nothing_and_double_nothing() {
    let mut nats = Nats::start_three();
    let cluster = Cluster::start(&nats, 2, "none").await;
    let subscribers = Subscribers::start(&cluster).await;
    let urls = cluster.urls();
    let known = lineage(&urls[0]).await;
    for round in 0..rounds() {
        let publishing = subscribers.publish_some(&urls[round % 2]).await;
        let server = &mut nats[round % 3];
        server.stop();
        subscribers.until_acked(UPDATES_OF_ROUND).await;
        server.start_again();
        subscribers.until_acked(UPDATES_OF_ROUND).await;
        subscribers.pause(publishing).await;
    }
    for url in &urls {
        assert_eq!(lineage(url).await, known, "the epoch goes on");
    }
    let ledger = Arc::clone(&subscribers.ledger);
    assert_eq!(subscribers.end(&urls[1], &known).await, 0);
    assert_eq!(ledger.lost.load(Ordering::Relaxed), 0);
    assert_eq!(cluster.metric("tickcast_cluster_disagreements").await, 0);
}

/// Two nodes can run the feed. One does; when it is killed, the other does.
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_runs_on_one_node_and_moves_when_that_is_killed() {
    let nats = [Nats::start()];
    let mut cluster = Cluster::start(&nats, 2, "simulated").await;
    until("one node has it", async || {
        cluster.metric("tickcast_cluster_feeds").await == 1
    })
    .await;
    let standby = "tickcast_feed_state{feed=\"simulated\",kind=\"simulated\",state=\"standby\"}";
    assert_eq!(cluster.metric(standby).await, 1);
    // The one that began has it.
    let before = cluster
        .running()
        .next()
        .unwrap()
        .metric("tickcast_updates_total")
        .await;
    until("it flows", async || {
        let node = cluster.running().last().unwrap();
        node.metric("tickcast_updates_total").await > before
    })
    .await;
    cluster.kill(0).await;
    until("the other one has it", async || {
        cluster.metric("tickcast_cluster_feeds").await == 1
    })
    .await;
    let before = cluster.metric("tickcast_updates_total").await;
    until("it flows again", async || {
        cluster.metric("tickcast_updates_total").await > before
    })
    .await;
    let node = cluster.running().next().unwrap();
    let mut told = serde_json::Value::Null;
    until("operators are told", async || {
        let answer = get(node.address, "/v1/cluster").await;
        told = serde_json::from_str(&answer.body).unwrap();
        told["members"].as_array().unwrap().len() == 1
    })
    .await;
    let feed = serde_json::json!([{"feed": "simulated", "node": "n1"}]);
    assert_eq!(told["feeds"], feed);
    let promises = told["promises"].as_array().unwrap();
    assert!(promises.len() >= 3, "{told}");
}

/// The engine is put back to an older state: all nodes begin an epoch that continues the one
/// before, and clients are told exactly what they have and the stream has not.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_put_back_begins_an_epoch_and_clients_know_what_is_lost() {
    let mut nats = [Nats::start()];
    let cluster = Cluster::start(&nats, 2, "none").await;
    let subscribers = Subscribers::start(&cluster).await;
    let known = put_back(&mut nats[0], &cluster, &subscribers).await;
    let ledger = Arc::clone(&subscribers.ledger);
    let lost = subscribers.end(&cluster.urls()[0], &known).await;
    assert!(lost >= UPDATES_OF_ROUND, "{lost}");
    assert!(ledger.lost.load(Ordering::Relaxed) > 0, "clients know it");
}

/// The stream is deleted: a node makes another one, and an epoch without a past begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_replaced_begins_an_epoch_that_knows_nothing() {
    let nats = [Nats::start()];
    let cluster = Cluster::start(&nats, 2, "none").await;
    let known = cluster.lineage().await;
    let client = async_nats::connect(nats[0].url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.delete_stream("tickcast").await.unwrap();
    let now = cluster.next_lineage(&known).await;
    assert!(now.continues.is_empty(), "{now:?}");
}

/// What is wrong is said at the start, with what to do.
#[tokio::test]
async fn a_server_that_cannot_join_does_not_start_and_says_why() {
    let nats = Nats::start();
    let url = nats.url();
    let first = Program::start(&["--feed", "none", "--cluster-servers", &url]).await;
    for (more, reason) in [
        (
            &["--topics-max", "7"][..],
            "topics_max, [[liveness]] and [[wills]] must be the same",
        ),
        (
            &[
                "--cluster-servers",
                "nats://127.0.0.1:1",
                "--cluster-timeout",
                "10s",
            ],
            "no server of nats://127.0.0.1:1 answers",
        ),
    ] {
        let arguments = [&["--listen", "127.0.0.1:0", "--feed", "none"], more].concat();
        let mut arguments: Vec<_> = arguments;
        if !arguments.contains(&"--cluster-servers") {
            arguments.extend(["--cluster-servers", &url]);
        }
        let output = command(&arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(log.contains(reason), "{reason}: {log}");
    }
    drop(first);
}

/// The stream has forgotten its beginning. A node that begins then has all topics and newest values
/// at the same positions, because the others keep checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_begins_with_a_checkpoint_when_the_stream_has_forgotten_its_beginning() {
    let more = &["--cluster-bytes", STREAM_BYTES];
    let nats = [Nats::start()];
    let cluster = Cluster::start_with(&nats, 1, "none", more).await;
    let mut publisher = Publisher::start(&cluster.urls()[0]).await;
    publisher.readings("first", [1]).await;
    overflow_stream(&mut publisher).await;
    let node = cluster.running().next().unwrap();
    assert!(node.metric("tickcast_cluster_checkpoints").await >= 2);
    let client = async_nats::connect(nats[0].url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut stream = context.get_stream("tickcast").await.unwrap();
    let first = stream.info().await.unwrap().state.first_sequence;
    assert!(first > 1, "the stream has forgotten something");

    let other = cluster.node("127.0.0.1:0", 1).await;
    let latest = async |node: &Program| get(node.address, "/v1/latest?filter=%23").await.body;
    let expected = latest(node).await;
    assert!(expected.contains("\"first\""), "{}", &expected[..200]);
    until("it has the same", async || latest(&other).await == expected).await;
}

/// Without the stream nothing moves, and a node can still end. It says what is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_ends_although_the_stream_is_not_reached() {
    let mut nats = [Nats::start()];
    let mut cluster = Cluster::start(&nats, 1, "simulated").await;
    nats[0].stop();
    let node = cluster.nodes[0].take().unwrap();
    until("it is not ready", async || {
        get(node.metrics_address(), "/readyz").await.status == 503
    })
    .await;
    until("updates wait", async || {
        node.metric("tickcast_cluster_waiting").await > 0
    })
    .await;
    node.terminate().await;
    until("it says what is lost", async || {
        node.log().contains("updates are lost")
    })
    .await;
    assert_eq!(node.end().await.code(), Some(0));
}
