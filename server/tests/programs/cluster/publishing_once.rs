//! Clients that publish once, at any of several nodes.

use tickcast_protocol::codec::Encoding;
use tickcast_server_testkit::nats::Nats;

use super::{nodes::Cluster, rounds};
use crate::publish_once::{OncePublisher, expected, on_tape};

/// Publishes of a client in each round: some of them are under way when its node dies.
const PUBLISHES_OF_ROUND: usize = 300;

/// Each round kills a node, so its clients send what is not answered again at another one. Nodes
/// that start again read what the others have published.
#[tokio::test(flavor = "multi_thread")]
async fn publishes_that_are_sent_again_at_another_node_are_on_the_tape_once() {
    let nats = [Nats::start()];
    let mut cluster = Cluster::start(&nats, 2, "none").await;
    let urls = cluster.urls();
    let turned: Vec<_> = urls.iter().rev().cloned().collect();
    let mut publishers = [
        OncePublisher::start(&urls, Encoding::Bincode, "a"),
        OncePublisher::start(&turned, Encoding::Json, "b"),
    ];
    for round in 0..rounds() {
        let before = round * PUBLISHES_OF_ROUND;
        let [first, second] = &mut publishers;
        for publisher in [&mut *first, &mut *second] {
            publisher.publish(PUBLISHES_OF_ROUND);
        }
        let some = before + PUBLISHES_OF_ROUND / 3;
        tokio::join!(first.until(some), second.until(some));
        cluster.kill(round % 2).await;
        let all = before + PUBLISHES_OF_ROUND;
        tokio::join!(first.until(all), second.until(all));
        cluster.start_again(round % 2).await;
        cluster.until_ready().await;
    }
    let [first, second] = publishers;
    for (topic, publisher) in [("a", first), ("b", second)] {
        let expected = expected(publisher.results().await);
        for node in cluster.running() {
            assert_eq!(on_tape(node, topic).await, expected, "{topic}");
        }
    }
    assert_eq!(cluster.metric("tickcast_cluster_disagreements").await, 0);
    assert_eq!(cluster.metric("tickcast_publishers").await, 2 * 2);
}
