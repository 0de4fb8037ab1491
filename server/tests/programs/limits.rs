//! Limits of all connections of an identity together, and of all connections of an address: over
//! WebSocket and HTTP, in several shards. A trusted proxy on this machine names the addresses.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tickcast_server_testkit::{
    Program,
    raw::{Answer, RawSocket},
    until,
};
use tokio::time::{Instant, timeout};

use crate::identities::{Identities, READER, bearer, handshake, metric, operate, read, subscribe};

const LATEST: &str = "/v1/latest?filter=eu/%23";

async fn open(server: &Program, more: &str) -> RawSocket {
    RawSocket::open(server.address, "/ws", more).await
}

/// The line in which a proxy names its client.
fn from(address: &str) -> String {
    format!("X-Forwarded-For: {address}\r\n")
}

/// A server behind a proxy on this machine.
async fn behind_proxy(more: &[&str]) -> (Program, SocketAddr) {
    let arguments = [
        "--feed",
        "none",
        "--shards",
        "2",
        "--admin",
        "127.0.0.1:0",
        "--trusted-proxies",
        "127.0.0.1",
    ];
    let server = Program::start(&[&arguments, more].concat()).await;
    let admin = server.metrics_address();
    (server, admin)
}

/// The result of the first filter.
async fn result(socket: &mut RawSocket, filter: &str) -> Value {
    socket.send_json(&subscribe(&[filter])).await;
    socket.json("subscribed").await["results"][0].take()
}

#[tokio::test]
async fn the_connections_of_an_identity_share_its_subscriptions() {
    let mut identities = Identities::new();
    let (alice, bob) = (
        identities.make("alice", "reader").await,
        identities.make("bob", "reader").await,
    );
    identities.write(&format!("{READER}subscriptions = 3\n"));
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(open(&server, &bearer(&alice)).await);
    }
    for socket in &mut sockets[..3] {
        assert_eq!(result(socket, "eu/a").await["start"], "fresh");
    }
    let refused = result(&mut sockets[3], "eu/a").await;
    assert_eq!(refused["code"], 202);
    let expected = "all connections of \"alice\" (role \"reader\") together have as many \
                    subscriptions as they may (limit 3)";
    assert_eq!(refused["reason"], expected);
    let counted = "tickcast_limits_reached_total{limit=\"subscriptions\",of=\"identity\"}";
    assert_eq!(metric(admin, counted).await, 1);
    assert_eq!(
        metric(admin, "tickcast_errors_total{code=\"202\"}").await,
        1
    );
    // It leaves room for others.
    let mut other = open(&server, &bearer(&bob)).await;
    assert_eq!(result(&mut other, "eu/a").await["start"], "fresh");
    // What ends makes room, in another shard as well.
    drop(sockets.remove(0));
    let last = &mut sockets[2];
    until("there is room", async || {
        result(last, "eu/a").await["start"] == "fresh"
    })
    .await;
}

/// Reads until a request is refused. Returns the number of those that were not, and the refusal.
async fn flood(server: &Program, more: &str) -> (usize, Answer) {
    for number in 0..1_000 {
        let answer = read(server, LATEST, more).await;
        if answer.status != 200 {
            return (number, answer);
        }
    }
    panic!("there is no limit");
}

/// Asks until the answer is a refusal: a request comes back now and then, and a busy machine may
/// answer no faster. That is why there are many at a time.
async fn until_refused(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..20 {
        let answers = join_all((0..50).map(|_| ask())).await;
        let refused = answers.into_iter().find(|answer| answer.status == 429);
        if let Some(refused) = refused {
            return refused;
        }
    }
    panic!("there is no limit");
}

#[track_caller]
fn is_too_many(answer: &Answer, whose: &str, per_s: u32) {
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.header("retry-after").is_some());
    let expected = format!(
        "all connections of {whose} together send more requests than they may (limit {per_s} per \
         second)\n"
    );
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn the_connections_of_an_identity_share_its_requests_over_http_and_websocket() {
    let mut identities = Identities::new();
    let (alice, bob) = (
        identities.make("alice", "reader").await,
        identities.make("bob", "reader").await,
    );
    identities.write(&format!("{READER}requests_per_s = 5\n"));
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let mut socket = open(&server, &bearer(&alice)).await;
    let begin = Instant::now();
    let (read_before, too_many) = flood(&server, &bearer(&alice)).await;
    // A request may have come back meanwhile.
    let most = 5 + 5 * (begin.elapsed().as_millis() as usize / 1_000 + 1);
    assert!((4..=most).contains(&read_before), "{read_before}");
    is_too_many(&too_many, "\"alice\" (role \"reader\")", 5);
    let counted = "tickcast_refused_total{reason=\"identity_requests\"}";
    assert_eq!(metric(admin, counted).await, 1);
    let answer = until_refused(async || handshake(&server, "/ws", &bearer(&alice)).await).await;
    is_too_many(&answer, "\"alice\" (role \"reader\")", 5);
    // The message of an open connection.
    for _ in 0..5 {
        socket.send_json(&json!({"type": "list", "id": 4})).await;
    }
    let error = socket.json("error").await;
    assert_eq!(
        (&error["code"], &error["temporary"]),
        (&json!(102), &json!(true))
    );
    assert!(
        error["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0),
        "{error}"
    );
    let counted = "tickcast_limits_reached_total{limit=\"requests\",of=\"identity\"}";
    assert!(metric(admin, counted).await >= 1);
    assert_eq!(read(&server, LATEST, &bearer(&bob)).await.status, 200);
    until("the time has come", async || {
        read(&server, LATEST, &bearer(&alice)).await.status == 200
    })
    .await;
}

#[tokio::test]
async fn the_connections_of_an_identity_share_what_they_may_publish() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(&format!("{READER}publish_updates_per_s = 100\n"));
    let more = ["--feed", "none", "--publish-from", "anybody"];
    let (server, admin) = identities.start(&more).await;
    let (mut first, mut second) = (
        open(&server, &bearer(&token)).await,
        open(&server, &bearer(&token)).await,
    );
    let publish = |id: u32, number: usize| {
        let update = json!({"topic": "eu/alice/a", "value": {"reading": 1}});
        json!({"type": "publish", "id": id, "updates": vec![update; number]})
    };
    let begin = Instant::now();
    first.send_json(&publish(1, 250)).await;
    first.json("published").await;
    // A hundred at once, and a second and a half for the others.
    second.send_json(&publish(2, 1)).await;
    second.json("published").await;
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(1_400), "{elapsed:?}");
    let counted = "tickcast_limits_reached_total{limit=\"publishes\",of=\"identity\"}";
    assert!(metric(admin, counted).await >= 1);
}

#[tokio::test]
async fn the_connections_of_an_address_share_its_limits() {
    let (server, admin) = behind_proxy(&[
        "--requests-per-address-per-s",
        "20",
        "--subscriptions-per-address-max",
        "2",
        "--publish-bytes-per-address-per-s",
        "1KiB",
        "--publish-from",
        "anybody",
    ])
    .await;
    let (here, there) = (from("203.0.113.7"), from("203.0.113.8"));
    let (mut first, mut second) = (open(&server, &here).await, open(&server, &here).await);
    for filter in ["eu/a", "eu/b"] {
        assert_eq!(result(&mut first, filter).await["start"], "fresh");
    }
    let refused = result(&mut second, "eu/c").await;
    assert_eq!(refused["code"], 202);
    let expected = "all connections of your address together have as many subscriptions as they \
                    may (limit 2)";
    assert_eq!(refused["reason"], expected);
    let mut other = open(&server, &there).await;
    assert_eq!(result(&mut other, "eu/c").await["start"], "fresh");

    let text = "x".repeat(3_000);
    let updates = json!([{"topic": "eu/a", "value": {"text": text}}]);
    let message = json!({"type": "publish", "id": 2, "updates": updates});
    let begin = Instant::now();
    for socket in [&mut first, &mut second] {
        socket.send_json(&message).await;
        socket.json("published").await;
    }
    let elapsed = begin.elapsed();
    assert!(elapsed >= Duration::from_millis(1_800), "{elapsed:?}");

    let answer = until_refused(async || read(&server, LATEST, &here).await).await;
    is_too_many(&answer, "your address", 20);
    let answer = until_refused(async || handshake(&server, "/ws", &here).await).await;
    is_too_many(&answer, "your address", 20);
    let poll = "/socket.io/?EIO=4&transport=polling";
    let answer = until_refused(async || read(&server, poll, &here).await).await;
    is_too_many(&answer, "your address", 20);
    assert_eq!(read(&server, LATEST, &there).await.status, 200);
    for (row, least) in [
        ("tickcast_refused_total{reason=\"address_requests\"}", 2),
        (
            "tickcast_limits_reached_total{limit=\"subscriptions\",of=\"address\"}",
            1,
        ),
        (
            "tickcast_limits_reached_total{limit=\"publishes\",of=\"address\"}",
            1,
        ),
    ] {
        assert!(metric(admin, row).await >= least, "{row}");
    }
    // A client of IPv6 has many addresses.
    let addresses = [from("2001:db8:0:1::7"), from("2001:db8:0:1::8")];
    let of_both = async || {
        let [first, second] = &addresses;
        read(&server, LATEST, first).await;
        read(&server, LATEST, second).await
    };
    is_too_many(&until_refused(of_both).await, "your address", 20);
    // Health and metrics are always answered.
    for _ in 0..30 {
        assert_eq!(read(&server, "/healthz", &here).await.status, 200);
    }
}

#[tokio::test]
async fn an_operator_ends_all_connections_of_an_address_with_and_without_identities() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let path = identities.path().display().to_string();
    for (is_known, more) in [(false, vec![]), (true, vec!["--identities", path.as_str()])] {
        let (server, admin) = behind_proxy(&more).await;
        let bearer = if is_known {
            bearer(&token)
        } else {
            String::new()
        };
        let (here, there) = (from("203.0.113.7"), from("203.0.113.8"));
        let mut stays = open(&server, &format!("{bearer}{there}")).await;
        let first = open(&server, &format!("{bearer}{here}")).await;
        // It has no identity yet, if there are any.
        let second = open(&server, &here).await;
        let head =
            format!("GET /v1/stream?filter=eu/%23 HTTP/1.1\r\nHost: localhost\r\n{bearer}{here}");
        let address = server.address;
        let stream = tokio::spawn(async move {
            tickcast_server_testkit::raw::exchange(address, &format!("{head}\r\n")).await
        });
        until("all are there", async || {
            metric(admin, "tickcast_connections{").await == 4
        })
        .await;
        let kicked = operate(admin, "/v1/kick?address=203.0.113.7").await;
        assert_eq!(kicked.status, 200, "{}", kicked.body);
        let told: Value = serde_json::from_str(&kicked.body).unwrap();
        let clients = told["clients"].as_array().unwrap();
        assert_eq!(clients.len(), 3, "{told}");
        assert!(
            clients
                .iter()
                .all(|client| client["client"] == "203.0.113.7")
        );
        for socket in [first, second] {
            assert_eq!(socket.closed().await, 4503);
        }
        timeout(Duration::from_secs(10), stream)
            .await
            .unwrap()
            .unwrap();
        let subscribed = result(&mut stays, "eu/a").await;
        assert_eq!(subscribed["start"], "fresh");
        let wrong = operate(admin, "/v1/kick?address=203.0.113").await;
        assert_eq!(wrong.status, 400, "{}", wrong.body);
        let told = wrong.body.contains("is no address");
        assert!(told, "{}", wrong.body);
    }
}
