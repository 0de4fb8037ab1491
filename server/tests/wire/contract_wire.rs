//! What clients must not do: it costs next to nothing, and does not affect other clients. How each
//! violation ends is in `endings` and `rfc6455`.

use std::time::Duration;

use tickcast_server_testkit::{
    Program,
    bystander::Bystander,
    raw::{CLOSE, PING, PONG, RawSocket, TEXT, ask, get, masked},
    soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A server with one shard, so that all clients share everything that can be shared.
async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

#[tokio::test]
async fn an_invalid_message_is_answered_and_the_connection_stays() {
    let server = server(&[]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    for (text, code) in [
        ("hello", 100),
        (r#"{"type":"subscribe"}"#, 100),
        (r#"{"type":"dance"}"#, 101),
        (r#"{"type":"list","id":4294967296}"#, 100),
    ] {
        socket.send(TEXT, text.as_bytes()).await;
        let error = socket.json("error").await;
        assert_eq!(error["code"], code, "{text}: {error}");
    }
    socket.send(PING, b"still here?").await;
    assert_eq!(socket.frame().await, (PONG, b"still here?".to_vec()));
    socket.send(CLOSE, &1000u16.to_be_bytes()).await;
    assert_eq!(socket.closed().await, 1000);
}

/// A server that takes nothing for this long is not reading. The write timeout is longer.
const BLOCKED_AFTER: Duration = Duration::from_secs(1);

/// Sends until the server stops reading, at most `max_bytes`. Returns the number of bytes sent.
async fn flood(socket: &mut RawSocket, bytes: &[u8], max_bytes: usize) -> usize {
    let mut taken = 0;
    while taken < max_bytes {
        let write = socket.stream.write(bytes);
        match timeout(BLOCKED_AFTER, write).await {
            Ok(written) => taken += written.unwrap(),
            Err(_) => break,
        }
    }
    taken
}

async fn check_flood(bytes: Vec<u8>) {
    const FLOOD_MAX_BYTES: usize = 256 * 1024 * 1024;
    const GROWTH_MAX_BYTES: usize = 8 * 1024 * 1024;
    let rate = ["--requests-per-s", "1000000", "--request-burst", "1000000"];
    let server = server(&[&["--write-timeout", "3s"], &rate[..]].concat()).await;
    let mut bystander = Bystander::start(&server).await;
    bystander.is_served().await;
    let before = server.memory_bytes();
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let taken = flood(&mut socket, &bytes, FLOOD_MAX_BYTES).await;
    assert!(taken < FLOOD_MAX_BYTES, "the server reads it all");
    let growth = server.memory_bytes().saturating_sub(before);
    assert!(growth < GROWTH_MAX_BYTES, "it grew by {growth} bytes");
    bystander.is_served().await;
    until("it is disconnected", async || {
        let row = "tickcast_closes_total{code=\"4000\"}";
        server.metric(row).await == 1
    })
    .await;
    // The close frame is at the end of what the client finds when it reads.
    let mut rest = Vec::new();
    let ended = soon("the end", socket.stream.read_to_end(&mut rest)).await;
    assert!(ended.is_err(), "a reset, because it did not answer");
    let close = [&[CLOSE, 15][..], &4000_u16.to_be_bytes(), b"write timeout"].concat();
    assert!(rest.ends_with(&close), "{:?}", &rest[rest.len() - 20..]);
    bystander.is_served().await;
}

#[tokio::test]
async fn a_client_that_floods_and_never_reads_is_not_read_costs_little_and_is_disconnected() {
    let pings = masked(PING, &[b'x'; 125]).repeat(100);
    let time = masked(TEXT, br#"{"type":"time","id":1,"client_time_ns":"1"}"#).repeat(100);
    tokio::join!(check_flood(pings), check_flood(time));
}

#[tokio::test]
async fn an_incomplete_handshake_times_out_and_an_invalid_one_is_refused() {
    let server = server(&["--handshake-timeout", "200ms"]).await;
    let mut bystander = Bystander::start(&server).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /ws HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    // With or without an answer or a reset, the connection must end.
    let _ = soon("the end", slow.read_to_end(&mut rest)).await;

    const UPGRADE: &str = "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                           Sec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let head = |more: &str| format!("GET /ws HTTP/1.1\r\n{UPGRADE}{more}");
    for (what, head, status) in [
        (
            "no upgrade",
            "GET /ws HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
            426,
        ),
        (
            "another method",
            "POST /ws HTTP/1.1\r\nHost: localhost\r\n".to_owned(),
            405,
        ),
        (
            "a foreign page",
            head("Origin: http://evil.example\r\n"),
            403,
        ),
        (
            "an unknown subprotocol",
            head("Sec-WebSocket-Protocol: soap\r\n"),
            400,
        ),
    ] {
        let answer = ask(server.address, &head).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_ne!(answer.body, "", "{what}");
    }
    assert_eq!(get(server.address, "/nowhere").await.status, 404);
    bystander.is_served().await;
}

/// As docs/operations.md says (refused requests).
#[tokio::test]
async fn what_is_not_readable_as_http_has_an_answer_without_text() {
    let server = server(&[]).await;
    const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    const POST: &str = "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\n";
    for (head, status) in [
        (format!("{GET}X-Long: {}\r\n", "x".repeat(20_000)), 431),
        (GET.to_owned() + &"X-Many: x\r\n".repeat(100), 431),
        (format!("{GET}X Spaced: x\r\n"), 400),
        ("GET / HTTP/3.0\r\nHost: localhost\r\n".to_owned(), 400),
        ("{}\r\n".to_owned(), 400),
        (format!("{POST}Content-Length: x\r\n"), 400),
        (format!("{POST}Transfer-Encoding: x\r\n"), 400),
    ] {
        let answer = ask(server.address, &head).await;
        let found = (answer.status, answer.body.as_str());
        assert_eq!(found, (status, ""), "{head:.80}");
    }
    let mut http2 = TcpStream::connect(server.address).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    http2.write_all(preface).await.unwrap();
    let mut answer = Vec::new();
    let end = soon("the end", http2.read_to_end(&mut answer)).await;
    assert_eq!((end.ok(), answer.as_slice()), (Some(0), &b""[..]));
    assert_eq!(ask(server.address, GET).await.status, 200);
}
