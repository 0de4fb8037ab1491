//! What has to work through a proxy.

use std::time::{Duration, Instant};

use serde_json::json;
use tickcast_protocol::value::Value;
use tickcast_server_testkit::{
    Program,
    raw::{Answer, CLOSE, PING, PONG, RawSocket, exchange, masked, read_frame},
    soon,
    subscriber::{Publisher, publication},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::process::Proxy;

/// The site.
pub(super) const DASH: &str = "dash.example";

/// A message that fills the largest allowed one.
const LARGE_BYTES: usize = 60_000;

/// Number of large messages: more than the buffers on the way hold.
const LARGE_COUNT: usize = 100;

fn request(host: &str, more: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// A handshake through a proxy that is refused. `more` holds further header lines.
pub(super) async fn handshake(proxy: &Proxy, host: &str, more: &str) -> Answer {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream
        .write_all(request(host, more).as_bytes())
        .await
        .unwrap();
    soon("a refusal", async {
        let mut text = Vec::new();
        // The proxy may keep its end open, so only the announced body is read.
        loop {
            assert_ne!(stream.read_buf(&mut text).await.unwrap(), 0, "{text:?}");
            let text = String::from_utf8_lossy(&text);
            if text.contains("\r\n\r\n") {
                let answer = Answer::parse(&text);
                let len = answer
                    .header("content-length")
                    .map(|len| len.parse::<usize>().unwrap());
                let is_whole = len.is_some_and(|len| answer.body.len() >= len);
                if is_whole || answer.body.ends_with("\r\n0\r\n\r\n") {
                    return answer;
                }
            }
        }
    })
    .await
}

/// A WebSocket through a proxy.
pub(super) async fn open(proxy: &Proxy, host: &str, more: &str) -> RawSocket {
    let opened = soon("a handshake", async {
        let mut stream = BufReader::new(TcpStream::connect(proxy.address).await.unwrap());
        stream
            .write_all(request(host, more).as_bytes())
            .await
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        (stream, head)
    });
    let (stream, head) = opened.await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{}: {head}", proxy.name);
    let mut socket = RawSocket { stream, head };
    socket.json("welcome").await;
    socket
}

/// The page, a WebSocket with large messages in both directions, an event stream, and refusals.
pub(super) async fn check_all(server: &Program, proxy: &Proxy) {
    let name = proxy.name;
    let host = format!("{DASH}:{}", proxy.address.port());
    let page = exchange(
        proxy.address,
        &format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
        ),
    )
    .await;
    assert_eq!(page.status, 200, "{name}: {page:?}");
    assert!(page.body.contains("<html"), "{name}");

    // The page may be loaded over TLS, which ends at the proxy.
    for scheme in ["http", "https"] {
        let own = format!("Origin: {scheme}://{host}\r\n");
        let mut socket = open(proxy, &host, &own).await;
        let topic = format!("{name}/{scheme}");
        let subscribe = json!({"type": "subscribe", "id": 1, "filters": [topic], "mode": "every"});
        socket.send_json(&subscribe).await;
        socket.json("subscribed").await;
        let large = "x".repeat(LARGE_BYTES);
        let update = json!({"topic": topic, "value": {"text": large}});
        let publish = json!({"type": "publish", "id": 2, "updates": [update]});
        let mut received = 0;
        let mut publisher = Publisher::start(&server.url()).await;
        let sending = async {
            for _ in 0..LARGE_COUNT {
                let updates = vec![publication(&topic, Value::Text(large.clone()))];
                publisher.publish(updates).await;
            }
        };
        socket.send_json(&publish).await;
        let receiving = async {
            while received <= LARGE_COUNT {
                let batch = socket.json("batch").await;
                let updates = batch["updates"].as_array().unwrap();
                let is_whole = |update: &serde_json::Value| update["value"]["text"] == *large;
                assert!(updates.iter().all(is_whole), "{name}");
                received += updates.len();
            }
        };
        tokio::join!(sending, receiving);
        assert_eq!(received, LARGE_COUNT + 1, "{name}");
    }
    check_stream(server, proxy).await;

    let foreign = handshake(proxy, &host, "Origin: http://evil.example\r\n").await;
    assert_eq!(foreign.status, 403, "{name}: {foreign:?}");
}

/// Each event comes when it happens, although the answer never ends.
pub(super) async fn check_stream(server: &Program, proxy: &Proxy) {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let topic = format!("{}/stream", proxy.name);
    let request = format!("GET /v1/stream?filter={topic} HTTP/1.1\r\nHost: {DASH}\r\n\r\n");
    // Caddy tells sites apart by their port.
    let port = proxy.address.port();
    let request = request.replace(DASH, &format!("{DASH}:{port}"));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut publisher = Publisher::start(&server.url()).await;
    let mut text = Vec::new();
    let mut read_until = async |part: &str| {
        soon(part, async {
            while !String::from_utf8_lossy(&text).contains(part) {
                assert_ne!(
                    stream.read_buf(&mut text).await.unwrap(),
                    0,
                    "{}",
                    proxy.name
                );
            }
        })
        .await;
    };
    read_until("\"type\":\"subscribed\"").await;
    for number in 100..105 {
        publisher.readings(&topic, [number]).await;
        read_until(&format!("{{\"reading\":{number}")).await;
    }
}

/// Whether a WebSocket and an event stream on which nothing is sent are open after this time. Both
/// are, or neither is.
pub(super) async fn is_open_after(proxy: &Proxy, silence: Duration) -> bool {
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let host = format!("{DASH}:{}", proxy.address.port());
    let request = format!("GET /v1/stream?filter=silent HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let reading = async {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await
    };
    let mut socket = open(proxy, &host, "").await;
    let answering = async {
        loop {
            match read_frame(&mut socket.stream).await {
                Ok((PING, payload)) => socket.send_bytes(&masked(PONG, &payload)).await,
                Ok((CLOSE, _)) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    let start = Instant::now();
    let (stream, socket) = tokio::join!(timeout(silence, reading), timeout(silence, answering));
    assert_eq!(
        stream.is_err(),
        socket.is_err(),
        "{} {:?}",
        proxy.name,
        start.elapsed()
    );
    socket.is_err()
}
