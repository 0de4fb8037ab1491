//! Several servers as nodes of a cluster, with real servers of NATS: positions are the same on all
//! nodes, clients go on at any of them, a feed runs once, and what the stream loses is told.

use std::sync::{Arc, atomic::Ordering};

use tickcast_protocol::{
    codec::Encoding,
    message::{Lineage, Mode},
    value::Value,
};
use tickcast_server_testkit::{
    Program, command,
    nats::Nats,
    raw::get,
    subscriber::{Publisher, publication},
    until,
};
use tokio::task::JoinHandle;

use crate::data_kills::ledger::{
    Ledger, Subscriber, lineage, lineage_if_any, publish, publish_last,
};

/// Rounds of faults; `TICKCAST_KILLS` says otherwise.
const ROUNDS: usize = 3;

/// Updates that are acknowledged between two faults, at the least.
const UPDATES_OF_ROUND: usize = 4_000;

/// Some nodes and their engine.
struct Cluster {
    nats: Vec<Nats>,
    nodes: Vec<Option<Program>>,
    addresses: Vec<String>,
    feed: &'static str,
    more: &'static [&'static str],
}

impl Cluster {
    async fn start(nats: Vec<Nats>, nodes: usize, feed: &'static str) -> Self {
        Self::start_with(nats, nodes, feed, &[]).await
    }

    async fn start_with(
        nats: Vec<Nats>,
        nodes: usize,
        feed: &'static str,
        more: &'static [&'static str],
    ) -> Self {
        let mut cluster = Self {
            nats,
            more,
            nodes: Vec::new(),
            addresses: Vec::new(),
            feed,
        };
        for index in 0..nodes {
            let node = cluster.node("127.0.0.1:0", index).await;
            cluster.addresses.push(node.address.to_string());
            cluster.nodes.push(Some(node));
        }
        cluster
    }

    async fn node(&self, address: &str, index: usize) -> Program {
        let urls: Vec<_> = self.nats.iter().map(Nats::url).collect();
        let (name, replicas) = (format!("n{index}"), self.nats.len().to_string());
        let mut arguments = vec![
            "--feed",
            self.feed,
            "--shards",
            "1",
            "--drain",
            "0",
            "--cluster-replicas",
            &replicas,
            "--cluster-node",
            &name,
        ];
        arguments.extend(self.more);
        arguments.extend(urls.iter().flat_map(|url| ["--cluster-servers", url]));
        Program::start_at(address, &arguments).await
    }

    async fn kill(&mut self, index: usize) {
        let node = self.nodes[index].take().expect("it runs");
        node.kill().await;
    }

    async fn start_again(&mut self, index: usize) {
        let address = self.addresses[index].clone();
        self.nodes[index] = Some(self.node(&address, index).await);
    }

    fn running(&self) -> impl Iterator<Item = &Program> {
        self.nodes.iter().flatten()
    }

    fn urls(&self) -> Vec<String> {
        let urls = self.addresses.iter();
        urls.map(|address| format!("ws://{address}/ws")).collect()
    }

    /// The sum over all nodes that run.
    async fn metric(&self, name: &str) -> u64 {
        let mut sum = 0;
        for node in self.running() {
            sum += node.metric(name).await;
        }
        sum
    }

    async fn until_ready(&self) {
        for node in self.running() {
            // While it starts again, it does not listen.
            until("it is ready", async || {
                lineage_if_any(&node.url()).await.is_some()
                    && get(node.metrics_address(), "/readyz").await.status == 200
            })
            .await;
        }
    }
}

/// Subscribers of every kind, each of which begins at another node.
struct Subscribers {
    ledger: Arc<Ledger>,
    tasks: Vec<JoinHandle<Subscriber>>,
}

impl Subscribers {
    async fn start(cluster: &Cluster) -> Self {
        let ledger = Arc::new(Ledger::default());
        let mut tasks = Vec::new();
        let (mut urls, mut addresses) = (cluster.urls(), cluster.addresses.clone());
        for (encoding, mode, filter) in [
            (Encoding::Bincode, Mode::Every, "#"),
            (Encoding::Json, Mode::Every, "#"),
            (Encoding::Bincode, Mode::Every, "#"),
            (Encoding::Bincode, Mode::Every, "k/+"),
            (Encoding::Json, Mode::Every, "k/3"),
            (Encoding::Json, Mode::Every, "k/4"),
            (Encoding::Bincode, Mode::Latest, "#"),
            (Encoding::Json, Mode::Latest, "#"),
            (Encoding::Bincode, Mode::Latest, "k/5"),
        ] {
            let subscriber = Subscriber::new(&ledger, filter, mode);
            tasks.push(tokio::spawn(subscriber.run(urls.clone(), encoding)));
            urls.rotate_left(1);
        }
        for filter in ["#", "k/1", "k/+"] {
            let events = Subscriber::new(&ledger, filter, Mode::Every);
            tasks.push(tokio::spawn(events.run_as_events(addresses.clone())));
            addresses.rotate_left(1);
        }
        let all = tasks.len();
        until("all have begun", async || {
            ledger.accepted.load(Ordering::Relaxed) == all
        })
        .await;
        Self { ledger, tasks }
    }

    /// Publishes at a node in the background, until some more are acknowledged.
    async fn publish_some(&self, url: &str) -> JoinHandle<()> {
        let (url, ledger) = (url.to_owned(), Arc::clone(&self.ledger));
        let publishing = tokio::spawn(async move { publish(&url, &ledger).await });
        self.until_acked(UPDATES_OF_ROUND).await;
        publishing
    }

    /// Ends a publisher once all it has sent is acknowledged: what comes from another node later is
    /// then later in the stream.
    async fn pause(&self, publishing: JoinHandle<()>) {
        self.ledger.is_pausing.store(true, Ordering::Relaxed);
        publishing.await.unwrap();
        self.ledger.is_pausing.store(false, Ordering::Relaxed);
    }

    /// Waits until this many more are acknowledged.
    async fn until_acked(&self, more: usize) {
        let wanted = self.ledger.acked() + more;
        until("updates are acknowledged", async || {
            self.ledger.acked() >= wanted
        })
        .await;
    }

    /// Ends all, and compares. Returns how many acknowledged updates are lost.
    async fn end(self, url: &str, lineage: &Lineage) -> usize {
        publish_last(url, &self.ledger).await;
        let mut ended = Vec::new();
        for task in self.tasks {
            ended.push(task.await.unwrap());
        }
        self.ledger.compare(&ended, lineage)
    }
}

fn rounds() -> usize {
    std::env::var("TICKCAST_KILLS").map_or(ROUNDS, |kills| kills.parse().unwrap())
}

/// Each round kills the node where updates are published, and starts it again while they are
/// published at the next one.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_under_load_lose_nothing_and_double_nothing() {
    let mut cluster = Cluster::start(vec![Nats::start()], 3, "none").await;
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
    let mut cluster = Cluster::start(Nats::start_three().into(), 2, "none").await;
    let subscribers = Subscribers::start(&cluster).await;
    let urls = cluster.urls();
    let known = lineage(&urls[0]).await;
    for round in 0..rounds() {
        let publishing = subscribers.publish_some(&urls[round % 2]).await;
        let server = &mut cluster.nats[round % 3];
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
    let mut cluster = Cluster::start(vec![Nats::start()], 2, "simulated").await;
    assert_eq!(cluster.metric("tickcast_cluster_feeds").await, 1);
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
    let mut cluster = Cluster::start(vec![Nats::start()], 2, "none").await;
    let subscribers = Subscribers::start(&cluster).await;
    let urls = cluster.urls();
    let mut known = lineage(&urls[0]).await;
    let publishing = subscribers.publish_some(&urls[0]).await;
    subscribers.pause(publishing).await;
    let older = tempfile::tempdir().unwrap();
    cluster.nats[0].stop();
    cluster.nats[0].save(older.path());
    cluster.nats[0].start_again();
    cluster.until_ready().await;

    let publishing = subscribers.publish_some(&urls[1]).await;
    subscribers.pause(publishing).await;
    cluster.nats[0].stop();
    cluster.nats[0].restore(older.path());
    cluster.nats[0].start_again();
    until("an epoch has begun", async || {
        let lineage = lineage_if_any(&urls[0]).await;
        lineage.is_some_and(|lineage| lineage.epoch != known.epoch)
    })
    .await;
    let now = lineage(&urls[0]).await;
    let before = now.continues.last().expect("it continues the one before");
    assert_eq!(before.epoch, known.epoch);
    known.continues.push(*before);
    known.epoch = now.epoch;
    until("at the other node as well", async || {
        lineage_if_any(&urls[1]).await.as_ref() == Some(&now)
    })
    .await;
    cluster.until_ready().await;
    let ledger = Arc::clone(&subscribers.ledger);
    let lost = subscribers.end(&urls[0], &known).await;
    assert!(lost >= UPDATES_OF_ROUND, "{lost}");
    assert!(ledger.lost.load(Ordering::Relaxed) > 0, "clients know it");
}

/// The stream is deleted: a node makes another one, and an epoch without a past begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_replaced_begins_an_epoch_that_knows_nothing() {
    let cluster = Cluster::start(vec![Nats::start()], 2, "none").await;
    let urls = cluster.urls();
    let known = lineage(&urls[0]).await;
    let client = async_nats::connect(cluster.nats[0].url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    context.delete_stream("tickcast").await.unwrap();
    let mut epochs = Vec::new();
    for url in &urls {
        until("an epoch has begun", async || {
            let lineage = lineage_if_any(url).await;
            lineage.is_some_and(|lineage| lineage.epoch != known.epoch)
        })
        .await;
        cluster.until_ready().await;
        epochs.push(lineage(url).await);
    }
    assert_eq!(epochs[0], epochs[1], "both nodes are in the same one");
    assert!(epochs[0].continues.is_empty(), "{epochs:?}");
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
    const BYTES: usize = 60_000;
    let more = &["--cluster-bytes", "64MiB"];
    let cluster = Cluster::start_with(vec![Nats::start()], 1, "none", more).await;
    let mut publisher = Publisher::start(&cluster.urls()[0]).await;
    publisher.readings("first", [1]).await;
    let value = Value::Bytes(vec![7; BYTES]);
    for index in 0..(100 << 20) / BYTES {
        let topic = format!("large/{}", index % 8);
        let update = publication(&topic, value.clone());
        publisher.publish(vec![update]).await;
    }
    let node = cluster.running().next().unwrap();
    assert!(node.metric("tickcast_cluster_checkpoints").await >= 2);
    let client = async_nats::connect(cluster.nats[0].url()).await.unwrap();
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
    let mut cluster = Cluster::start(vec![Nats::start()], 1, "simulated").await;
    cluster.nats[0].stop();
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
