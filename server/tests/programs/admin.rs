//! The admin address: health, metrics and slow clients.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use tickcast_protocol::value::Value;
use tickcast_server_testkit::{
    Program,
    raw::{RawSocket, get},
    subscriber::{Publisher, publication},
    until,
};
use tokio::net::TcpStream;

async fn server(arguments: &[&str]) -> (Program, SocketAddr) {
    let defaults = ["--feed", "none", "--admin", "127.0.0.1:0"];
    let server = Program::start(&[&defaults, arguments].concat()).await;
    let log = server.first_log();
    let (_, address) = log.split_once("http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let address = address.parse().unwrap();
    (server, address)
}

async fn slow(admin: SocketAddr) -> Vec<Json> {
    let answer = get(admin, "/v1/slow").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut answer: Json = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["silent_shards"], json!([]));
    match answer["clients"].take() {
        Json::Array(clients) => clients,
        other => panic!("{other}"),
    }
}

/// Some megabytes have to be published until a client is blocked.
const PUBLISHES_PER_LOOK: usize = 10;

/// A client that is blocked for this long stays so.
const STUCK_MS: u64 = 300;

#[tokio::test]
async fn clients_that_do_not_read_are_listed_with_their_lag() {
    let (server, admin) = server(&["--shards", "2", "--write-timeout", "60s"]).await;
    assert_eq!(slow(admin).await, [] as [Json; 0]);
    // Two clients, which are in one shard or in two.
    let mut clients = Vec::new();
    for mode in ["every", "latest"] {
        let mut socket = RawSocket::open(server.address, "/ws", "").await;
        let subscribe = json!({
            "type": "subscribe", "id": 1, "filters": ["load/#"], "mode": mode,
        });
        socket.send_json(&subscribe).await;
        socket.json("subscribed").await;
        clients.push((mode, socket));
    }
    let mut publisher = Publisher::start(&server.url()).await;
    let text = Value::Text("x".repeat(1000));
    let updates = |topic: usize| vec![publication(&format!("load/{topic}"), text.clone()); 50];
    let mut turn = 0;
    until("both are blocked and lag", async || {
        turn += 1;
        for _ in 0..PUBLISHES_PER_LOOK {
            publisher.publish(updates(turn % 10)).await;
        }
        let listed = slow(admin).await;
        // A client may be blocked for a moment although its socket has room.
        let is_stuck = |row: &Json| row["blocked_ms"].as_u64() >= Some(STUCK_MS);
        let is_lagging = |row: &Json| row["slowest"]["lag_updates"].as_u64() > Some(0);
        let both = |row: &&Json| is_stuck(row) && is_lagging(row);
        listed.iter().filter(both).count() == 2
    })
    .await;
    let listed = slow(admin).await;
    for (mode, socket) in &clients {
        let address = socket.stream.get_ref().local_addr().unwrap().to_string();
        let row = listed.iter().find(|row| row["client"] == address);
        let row = row.unwrap_or_else(|| panic!("no {address} in {listed:?}"));
        assert_eq!(row["slowest"]["filter"], "load/#");
        assert_eq!(row["slowest"]["mode"], *mode);
        assert_eq!(row["subscriptions"], 1);
        assert!(row["unsent_bytes"].as_u64().unwrap() > 0, "{row}");
    }
    let lag = |row: &Json| row["slowest"]["lag_updates"].as_u64().unwrap();
    assert!(lag(&listed[0]) >= lag(&listed[1]), "the slowest first");

    let one = get(admin, "/v1/slow?limit=1").await;
    let one: Json = serde_json::from_str(&one.body).unwrap();
    assert_eq!(one["clients"].as_array().unwrap().len(), 1);
    let table = get(admin, "/v1/slow?format=text").await.body;
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(
        table.contains(listed[0]["client"].as_str().unwrap()),
        "{table}"
    );

    drop(clients);
    until("no client is slow", async || slow(admin).await.is_empty()).await;
}

#[tokio::test]
async fn health_and_metrics_are_served_and_metrics_only_at_the_admin_address() {
    let (server, admin) = server(&[]).await;
    assert_eq!(get(admin, "/healthz").await.status, 200);
    assert_eq!(get(admin, "/readyz").await.status, 200);
    let metrics = get(admin, "/metrics").await.body;
    assert!(metrics.contains("tickcast_connections{"), "{metrics}");
    assert_eq!(get(server.address, "/metrics").await.status, 404);
    assert_eq!(get(server.address, "/v1/slow").await.status, 404);
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    assert_eq!(get(admin, "/ws").await.status, 404);
    assert_eq!(get(admin, "/v1/slow?limit=many").await.status, 400);
}

#[tokio::test]
async fn silent_connections_do_not_delay_the_answers() {
    /// A quarter of the time that a client has for its request.
    const LATE: Duration = Duration::from_millis(1_250);
    let (_server, admin) = server(&[]).await;
    for silent in [16, 100, 500] {
        let mut connections = Vec::new();
        for _ in 0..silent {
            connections.push(TcpStream::connect(admin).await.unwrap());
        }
        let start = Instant::now();
        assert_eq!(get(admin, "/healthz").await.status, 200);
        assert!(
            get(admin, "/metrics")
                .await
                .body
                .contains("tickcast_task_up")
        );
        let elapsed = start.elapsed();
        assert!(
            elapsed < LATE,
            "{elapsed:?} with {silent} silent connections"
        );
    }
}
