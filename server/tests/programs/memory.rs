//! What each kind of connection costs the server in memory, and that the cost does not grow.
//!
//! The figures are those of the whole program, shared out among many connections of one kind while
//! updates flow.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tickcast_server_testkit::{
    Program,
    raw::{RawSocket, TEXT, masked},
    soon,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

/// Connections that are measured.
const CONNECTIONS: usize = 250;

/// Connections that come first, so that what the first ones cost once is not counted.
const FIRST: usize = 30;

/// Time for everything to fill up, and time over which nothing may grow after that.
const WAIT: Duration = Duration::from_secs(2);

/// Growth over [`WAIT`] that a busy machine may show, whatever the connections do.
const NOISE_BYTES: usize = 4 * 1024 * 1024;

/// Windows of [`WAIT`] of which one must show no growth.
const WINDOWS_MAX: usize = 4;

/// Growth over [`WAIT`] of a server whose memory is steady.
const STEADY_BYTES: usize = 256 * 1024;

/// Number of waits after which it must be steady.
const STEADY_MAX: u32 = 10;

const KIB: usize = 1024;

/// An event stream, beside what is [noise](NOISE_BYTES). It is about as cheap as a WebSocket. The
/// buffers with which hyper would write it are not: with them it took 38 KiB here.
const EVENT_STREAM_MAX_BYTES: usize = 24 * KIB;

/// Opens many connections of one kind and compares the memory per connection with a bound.
async fn check(max_bytes: usize, open: impl AsyncFn(SocketAddr, &mut JoinSet<()>)) {
    let program = Program::start(&[
        "--sim-rate=2000",
        "--tape=256KiB",
        "--history=512KiB",
        "--long-history-memory=512KiB",
        "--handshake-timeout=1m",
        "--write-timeout=1m",
        "--shards=1",
    ])
    .await;
    let mut connections = JoinSet::new();
    for _ in 0..FIRST {
        open(program.address, &mut connections).await;
    }
    let before = steady(&program).await;
    for _ in 0..CONNECTIONS {
        open(program.address, &mut connections).await;
    }
    sleep(WAIT).await;
    let filled = program.memory_bytes();
    let each = filled.saturating_sub(before + NOISE_BYTES) / CONNECTIONS;
    assert!(
        each <= max_bytes,
        "{} KiB each (limit {})",
        each / KIB,
        max_bytes / KIB
    );
    // On a busy machine a burst may come late. What is not bounded grows in every window.
    let mut last = filled;
    let mut growths = Vec::new();
    while growths.iter().all(|&growth| growth > NOISE_BYTES) {
        assert!(growths.len() < WINDOWS_MAX, "it grows: {growths:?}");
        sleep(WAIT).await;
        let now = program.memory_bytes();
        growths.push(now.saturating_sub(last));
        last = now;
    }
    // No connection may have been closed meanwhile: that would be cheap as well.
    if let Some(ended) = connections.try_join_next() {
        panic!("a connection ended: {ended:?}");
    }
}

/// The memory once the tape and the history are full.
async fn steady(program: &Program) -> usize {
    let mut before = program.memory_bytes();
    for _ in 0..STEADY_MAX {
        sleep(WAIT).await;
        let after = program.memory_bytes();
        if after.saturating_sub(before) < STEADY_BYTES {
            return after;
        }
        before = after;
    }
    panic!("the memory of a server with {FIRST} connections still grows");
}

/// Keeps a connection open without reading from it.
fn keep(connections: &mut JoinSet<()>, connection: impl Send + 'static) {
    connections.spawn(async move {
        std::future::pending::<()>().await;
        drop(connection);
    });
}

/// Reads everything.
fn read(connections: &mut JoinSet<()>, mut stream: impl AsyncReadExt + Unpin + Send + 'static) {
    connections.spawn(async move {
        let mut piece = vec![0; 64 * KIB];
        while matches!(stream.read(&mut piece).await, Ok(1..)) {}
    });
}

async fn send_plain(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn subscribed(address: SocketAddr, mode: &str) -> RawSocket {
    let mut socket = RawSocket::open(address, "/ws", "").await;
    let request = json!({"type": "subscribe", "id": 1, "filters": ["#"], "mode": mode});
    socket.send_json(&request).await;
    socket
}

#[tokio::test]
async fn a_client_that_says_nothing() {
    check(32 * KIB, async |address, connections| {
        keep(connections, TcpStream::connect(address).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn half_a_request() {
    check(48 * KIB, async |address, connections| {
        let padding = "x".repeat(12 * KIB);
        let half = format!("GET /ws HTTP/1.1\r\nHost: {address}\r\nPadding: {padding}");
        keep(connections, send_plain(address, &half).await);
    })
    .await;
}

#[tokio::test]
async fn a_websocket_without_subscriptions() {
    check(40 * KIB, async |address, connections| {
        keep(connections, RawSocket::open(address, "/ws", "").await);
    })
    .await;
}

#[tokio::test]
async fn subscribers_that_read() {
    for mode in ["every", "latest"] {
        check(48 * KIB, async |address, connections| {
            read(connections, subscribed(address, mode).await.stream);
        })
        .await;
    }
}

#[tokio::test]
async fn subscribers_that_do_not_read() {
    for mode in ["every", "latest"] {
        check(80 * KIB, async |address, connections| {
            keep(connections, subscribed(address, mode).await);
        })
        .await;
    }
}

#[tokio::test]
async fn event_streams_that_read() {
    check(EVENT_STREAM_MAX_BYTES, async |address, connections| {
        let request = format!("GET /v1/stream?mode=every HTTP/1.1\r\nHost: {address}\r\n\r\n");
        read(connections, send_plain(address, &request).await);
    })
    .await;
}

#[tokio::test]
async fn event_streams_that_do_not_read() {
    check(EVENT_STREAM_MAX_BYTES, async |address, connections| {
        let request = format!("GET /v1/stream?mode=every HTTP/1.1\r\nHost: {address}\r\n\r\n");
        keep(connections, send_plain(address, &request).await);
    })
    .await;
}

#[tokio::test]
async fn questions_for_history_whose_answers_are_not_read() {
    // A client may leave 64 KiB unread before it is asked for nothing more, and one answer beyond.
    check(256 * KIB, async |address, connections| {
        let mut socket = RawSocket::open(address, "/ws", "").await;
        for id in 0..90 {
            let topic = "market/BTC-USDT/trade";
            let question = json!({"type": "history", "id": id, "topic": topic});
            socket.send_json(&question).await;
        }
        keep(connections, socket);
    })
    .await;
}

#[tokio::test]
async fn questions_for_candles_whose_answers_are_not_read() {
    check(256 * KIB, async |address, connections| {
        let mut socket = RawSocket::open(address, "/ws", "").await;
        for id in 0..90 {
            let topic = "market/BTC-USDT/trade";
            let question = json!({"type": "candles", "id": id, "topic": topic, "interval": "1s"});
            socket.send_json(&question).await;
        }
        keep(connections, socket);
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_message() {
    check(128 * KIB, async |address, connections| {
        let mut socket = RawSocket::open(address, "/ws", "").await;
        // A text frame that is not the last one of its message.
        let start = masked(TEXT & 0x7f, &[b' '; 60 * KIB]);
        socket.send_bytes(&start).await;
        keep(connections, socket);
    })
    .await;
}

#[tokio::test]
async fn publishers_that_do_not_read_their_answers() {
    check(80 * KIB, async |address, connections| {
        let mut socket = RawSocket::open(address, "/ws", "").await;
        connections.spawn(async move {
            for id in 0_u32.. {
                let update = json!({"topic": "lab/scale", "value": {"reading": 1.5}});
                let message = json!({"type": "publish", "id": id, "updates": [update]});
                let frame = masked(TEXT, message.to_string().as_bytes());
                // When the server stops reading, the publisher waits here.
                if socket.stream.write_all(&frame).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
    })
    .await;
}

#[tokio::test]
async fn an_echo_whose_answers_are_not_read() {
    check(128 * KIB, async |address, connections| {
        let mut socket = RawSocket::open(address, "/echo", "").await;
        let frame = masked(TEXT, &[b'x'; 16 * KIB]);
        connections.spawn(async move { while socket.stream.write_all(&frame).await.is_ok() {} });
    })
    .await;
}

#[tokio::test]
async fn answers_over_http_that_are_not_read() {
    check(96 * KIB, async |address, connections| {
        let requests = format!("GET /v1/latest HTTP/1.1\r\nHost: {address}\r\n\r\n").repeat(50);
        let sent = send_plain(address, &requests);
        keep(connections, soon("requests are taken", sent).await);
    })
    .await;
}
