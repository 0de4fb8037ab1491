//! What clients with TLS get: the same as all others.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tickcast_server_testkit::{
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT},
    soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use super::client::{SecureServer, SecureSocket};

const SUBSCRIBE: &str = r#"{"type":"subscribe","filters":["a"],"mode":"every"}"#;

/// Publishes `count` updates of `a` with texts of this length, as a client without TLS.
async fn publish(server: &SecureServer, count: u32, bytes: usize) {
    /// The server reads no further from a publisher that does not read its answers.
    const UNREAD_MAX: u32 = 200;

    let mut publisher = RawSocket::open(server.program.address, "/ws", "").await;
    for id in 1..=count {
        let update = json!({"topic": "a", "value": {"text": "x".repeat(bytes)}});
        let message = json!({"type": "publish", "id": id, "updates": [update]});
        publisher.send_json(&message).await;
        if id > UNREAD_MAX {
            publisher.json("published").await;
        }
    }
    for _ in 0..count.min(UNREAD_MAX) {
        publisher.json("published").await;
    }
}

/// The positions of a batch.
fn positions(batch: &serde_json::Value) -> Vec<u64> {
    let updates = batch["updates"].as_array().unwrap().iter();
    updates
        .map(|update| update["position"].as_u64().unwrap())
        .collect()
}

async fn subscriber(server: &SecureServer) -> SecureSocket {
    let stream = server.connect(&Arc::new(server.config())).await;
    let mut socket = SecureSocket::open(stream, "/ws").await;
    socket.send_frame(TEXT, SUBSCRIBE.as_bytes()).await;
    socket.json("subscribed").await;
    socket
}

#[tokio::test]
async fn subscribers_with_tls_get_each_update_once_and_in_order() {
    // More than one system call writes to, so that both ways are used.
    const SUBSCRIBERS: usize = 70;
    const UPDATES: u32 = 300;

    for io_uring in ["true", "false"] {
        let server = SecureServer::start("", &["--io-uring", io_uring]).await;
        let mut subscribers = Vec::new();
        for _ in 0..SUBSCRIBERS {
            subscribers.push(subscriber(&server).await);
        }
        publish(&server, UPDATES, 100).await;
        for mut socket in subscribers {
            let mut next = 1;
            while next <= u64::from(UPDATES) {
                for position in positions(&socket.json("batch").await) {
                    assert_eq!(position, next);
                    next += 1;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_late_catches_up_without_a_gap() {
    const UPDATES: u32 = 6_000;

    let server = SecureServer::start("", &["--write-timeout", "1m"]).await;
    let mut late = subscriber(&server).await;
    // 18 MB, more than the kernel holds.
    publish(&server, UPDATES, 3_000).await;
    until("the client is behind", async || {
        server.program.metric("tickcast_behind").await == 1
    })
    .await;
    let mut next = 1;
    while next <= u64::from(UPDATES) {
        for position in positions(&late.json("batch").await) {
            assert_eq!(position, next);
            next += 1;
        }
    }
    assert_eq!(server.program.metric("tickcast_gaps_total").await, 0);
}

#[tokio::test]
async fn messages_of_all_lengths_come_back_and_the_connection_ends_in_order() {
    let server = SecureServer::start("", &[]).await;
    let stream = server.connect(&Arc::new(server.config())).await;
    let mut socket = SecureSocket::open(stream, "/echo").await;
    for len in [
        0, 1, 125, 126, 4096, 16_383, 16_384, 16_385, 65_536, 1_000_000,
    ] {
        let payload: Vec<_> = (0..len).map(|at| (at % 251) as u8).collect();
        let (sent, got) = {
            let (mut reader, mut writer) = tokio::io::split(&mut socket.0);
            let frame = tickcast_server_testkit::raw::masked(BINARY, &payload);
            let sending = async {
                writer.write_all(&frame).await?;
                writer.flush().await
            };
            let reading = tickcast_server_testkit::raw::read_frame(&mut reader);
            soon("an echo", async { tokio::join!(sending, reading) }).await
        };
        sent.unwrap();
        assert_eq!(got.unwrap(), (BINARY, payload), "{len}");
    }
    socket.send_frame(PING, b"p").await;
    assert_eq!(socket.frame().await, (PONG, b"p".to_vec()));
    // The keys change in both directions, and the connection goes on.
    socket.0.get_mut().1.refresh_traffic_keys().unwrap();
    for _ in 0..3 {
        socket.send_frame(TEXT, b"again").await;
        assert_eq!(socket.frame().await, (TEXT, b"again".to_vec()));
    }
    socket.send_frame(CLOSE, &1000_u16.to_be_bytes()).await;
    assert_eq!(socket.frame().await.0, CLOSE);
    let mut rest = Vec::new();
    // Without the end of the session this would be an error.
    let end = soon("the end", socket.0.read_to_end(&mut rest)).await;
    assert_eq!(end.unwrap(), 0);
}

#[tokio::test]
async fn a_session_that_its_client_ends_ends_the_connection() {
    let server = SecureServer::start("", &[]).await;
    let mut socket = subscriber(&server).await;
    // `close_notify`, while the client still reads.
    socket.0.shutdown().await.unwrap();
    let mut rest = Vec::new();
    soon("the end", socket.0.read_to_end(&mut rest))
        .await
        .unwrap();
    until("the connection has ended", async || {
        server.program.metric("tickcast_connections").await == 0
    })
    .await;
}

#[tokio::test]
async fn a_record_that_cannot_be_decrypted_ends_the_connection() {
    let server = SecureServer::start("", &[]).await;
    let mut socket = subscriber(&server).await;
    let garbage = [&[0x17, 3, 3, 0, 32][..], &[5; 32]].concat();
    let stream = socket.0.get_mut().0;
    stream.write_all(&garbage).await.unwrap();
    let mut rest = Vec::new();
    let error = soon("the end", socket.0.read_to_end(&mut rest)).await;
    // The alert: bad_record_mac.
    let error = error.unwrap_err().to_string();
    assert!(error.contains("BadRecordMac"), "{error}");
    until("the connection has ended", async || {
        server.program.metric("tickcast_connections").await == 0
    })
    .await;
}

#[tokio::test]
async fn an_event_stream_and_newest_values_come_over_tls() {
    let server = SecureServer::start("", &[]).await;
    publish(&server, 3, 5_000).await;
    let ask = async |path: &str| {
        let mut stream = server.connect(&Arc::new(server.config())).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let mut latest = ask("/v1/latest?filter=a").await;
    let mut text = vec![0; 5_200];
    soon("an answer", latest.read_exact(&mut text))
        .await
        .unwrap();
    let mut events = ask("/v1/stream?filter=a&mode=every").await;
    sleep(Duration::from_millis(100)).await;
    publish(&server, 2, 20_000).await;
    let mut seen = String::new();
    while !seen.contains("\"position\":5") {
        let mut part = vec![0; 65_536];
        let read = soon("an event", events.read(&mut part)).await.unwrap();
        assert!(read > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}

#[tokio::test]
async fn a_page_of_the_server_itself_may_connect_over_tls() {
    let server = SecureServer::start("", &[]).await;
    let port = server.address.port();
    for (origin, expected) in [
        (format!("https://localhost:{port}"), "101"),
        (format!("http://localhost:{port}"), "403"),
        ("https://evil.example".to_owned(), "403"),
    ] {
        let mut stream = server.connect(&Arc::new(server.config())).await;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {origin}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = vec![0; 12];
        soon("an answer", stream.read_exact(&mut head))
            .await
            .unwrap();
        let head = String::from_utf8_lossy(&head).into_owned();
        assert_eq!(&head[9..], expected, "{origin}");
    }
}
