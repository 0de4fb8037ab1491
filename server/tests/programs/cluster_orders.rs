//! What operators order at one node of a cluster, all nodes do: at once, and when they come back.

use std::net::SocketAddr;

use tickcast_server_testkit::{
    Program,
    nats::Nats,
    raw::{RawSocket, get},
    until,
};

use crate::identities::{Identities, READER, bearer, operate, read};

async fn node(identities: &Identities, nats: &Nats, name: &str) -> (Program, SocketAddr) {
    let url = nats.url();
    let cluster = ["--cluster-servers", &url, "--cluster-node", name];
    identities
        .start(&[&cluster[..], &["--feed", "none", "--drain", "0"]].concat())
        .await
}

async fn open(server: &Program, token: &str) -> RawSocket {
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(token)).await;
    socket.json("authenticated").await;
    socket
}

async fn order(admin: SocketAddr, path: &str) {
    let answer = operate(admin, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

/// The status of an answer to a token.
async fn status(server: &Program, token: &str) -> u16 {
    read(server, "/v1/latest?filter=eu/%23", &bearer(token))
        .await
        .status
}

async fn until_status(server: &Program, token: &str, wanted: u16) {
    until("the node has heard it", async || {
        status(server, token).await == wanted
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_at_one_node_is_obeyed_by_all_and_by_one_that_was_away() {
    let nats = Nats::start();
    let mut first = Identities::new();
    let alice = first.make("alice", "reader").await;
    let bob = first.make("bob", "reader").await;
    first.write(READER);
    let second = first.of_another_node();
    second.write(READER);
    let (a, of_a) = node(&first, &nats, "a").await;
    let (b, of_b) = node(&second, &nats, "b").await;

    let kicked = open(&b, &alice).await;
    order(of_a, "/v1/kick?subject=alice").await;
    assert_eq!(kicked.closed().await, 4503);
    let revoked = open(&b, &alice).await;
    order(of_a, "/v1/revoke?subject=alice").await;
    assert_eq!(revoked.closed().await, 4502);
    until_status(&b, &alice, 401).await;
    order(of_b, "/v1/restore?subject=alice").await;
    until_status(&a, &alice, 200).await;

    // One is away while an operator speaks; another one has to restore what it has revoked.
    order(of_b, "/v1/revoke?subject=bob").await;
    until_status(&a, &bob, 401).await;
    b.kill().await;
    order(of_a, "/v1/revoke?subject=alice").await;
    order(of_a, "/v1/restore?subject=bob").await;
    let (b, of_b) = node(&second, &nats, "b").await;
    assert_eq!(status(&b, &alice).await, 401);
    assert_eq!(status(&b, &bob).await, 200);
    assert_eq!(a.metric("tickcast_cluster_orders_total").await, 6);
    assert_eq!(b.metric("tickcast_cluster_orders_failed_total").await, 0);
    assert_eq!(get(of_b, "/v1/who").await.status, 200);

    // Without a stream, the node itself does it, and says that the others do not know.
    drop(nats);
    let answer = operate(of_a, "/v1/revoke?subject=bob").await;
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(
        answer.body.contains("repeat the command"),
        "{}",
        answer.body
    );
    assert_eq!(status(&a, &bob).await, 401);
}
