//! What an idle subscriber with TLS costs.

use std::{sync::Arc, time::Duration};

use tickcast_server_testkit::raw::TEXT;
use tokio::time::sleep;

use super::client::{SecureServer, SecureSocket};

const CONNECTIONS: usize = 2_000;

/// Connections that come first, so that what the first ones cost once is not counted: each thread
/// takes memory from the system in large parts.
const FIRST: usize = 500;

/// Growth that a busy machine may show, whatever the connections do: a thread takes memory from the
/// system in parts of up to 4 MiB.
const NOISE_BYTES: usize = 4 * 1024 * 1024;

/// The most that one may cost.
const EACH_MAX_BYTES: usize = 11 * 1024;

/// Time for the memory of handshakes to be free again.
const SETTLED: Duration = Duration::from_secs(2);

#[tokio::test]
async fn an_idle_subscriber_with_tls_costs_at_most_11_kib() {
    let server = SecureServer::start("", &["--ping", "10m", "--heartbeat", "10m"]).await;
    let client = Arc::new(server.config());
    let mut sockets = Vec::new();
    let mut before = 0;
    for number in 0..FIRST + CONNECTIONS {
        if number == FIRST {
            sleep(SETTLED).await;
            before = server.program.memory_bytes();
        }
        let stream = server.connect(&client).await;
        let mut socket = SecureSocket::open(stream, "/ws").await;
        let subscribe = r#"{"type":"subscribe","filters":["a"]}"#;
        socket.send_frame(TEXT, subscribe.as_bytes()).await;
        socket.json("subscribed").await;
        sockets.push(socket);
    }
    sleep(SETTLED).await;
    let grown = server.program.memory_bytes().saturating_sub(before);
    let each = grown.saturating_sub(NOISE_BYTES) / CONNECTIONS;
    println!("{each} bytes for each idle subscriber with TLS");
    assert!(each <= EACH_MAX_BYTES, "{each} bytes");
    drop(sockets);
}
