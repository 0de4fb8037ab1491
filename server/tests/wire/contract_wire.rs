//! What clients must not do: each violation ends with its close code, costs next to nothing, and
//! does not affect other clients.

use std::{collections::BTreeMap, time::Duration};

use tickcast_protocol::codec::SUBPROTOCOL_BINCODE;
use tickcast_server_testkit::{
    Program,
    bystander::Bystander,
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, ask, get, masked},
    soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// First bytes of the first, of a middle, and of the last fragment of a text message.
const FIRST_OF_TEXT: u8 = 0x01;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

/// A header that announces `len` bytes, which are never sent.
fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first, 0xff];
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(&[1, 2, 3, 4]);
    bytes
}

/// A server with one shard, so that all clients share everything that can be shared.
async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], arguments].concat()).await
}

/// Violations with their close codes. A message of the kind `wrong` is in the other encoding.
fn violations(longest_bytes: u64, wrong: Option<u8>) -> Vec<(&'static str, Vec<u8>, u16)> {
    let empty_fragments = [masked(FIRST_OF_TEXT, b""), masked(MORE, b"").repeat(2_000)];
    let mut violations = vec![
        ("a frame without a mask", vec![TEXT, 1, b'x'], 1002),
        ("a reserved bit", masked(TEXT | 0x40, b"x"), 1002),
        ("an unknown opcode", masked(0x83, b"x"), 1002),
        ("nothing to continue", masked(LAST, b"x"), 1002),
        (
            "a message inside another one",
            [masked(FIRST_OF_TEXT, b"x"), masked(TEXT, b"y")].concat(),
            1002,
        ),
        ("a ping in fragments", masked(PING & 0x0f, b"x"), 1002),
        ("a long ping", masked(PING, &[0; 126]), 1002),
        ("a close frame of one byte", masked(CLOSE, &[3]), 1002),
        (
            "a close code that must not be sent",
            masked(CLOSE, &[3, 0xed]),
            1002,
        ),
        (
            "a close reason that is not UTF-8",
            masked(CLOSE, &[3, 0xe8, 0xff]),
            1007,
        ),
        ("text that is not UTF-8", masked(TEXT, &[0xff]), 1007),
        (
            "a letter cut in two and never finished",
            [masked(FIRST_OF_TEXT, &[0xc3]), masked(LAST, b"x")].concat(),
            1007,
        ),
        ("a long message", header(TEXT, longest_bytes + 1), 1009),
        (
            "a message that is long in sum",
            [
                masked(FIRST_OF_TEXT, b"x"),
                masked(MORE, b"x"),
                header(LAST, longest_bytes - 1),
            ]
            .concat(),
            1009,
        ),
        ("2^63 - 1 bytes", header(TEXT, i64::MAX as u64), 1009),
        ("2^64 - 1 bytes", header(TEXT, u64::MAX), 1009),
        ("endless fragments", empty_fragments.concat(), 1008),
    ];
    if let Some(wrong) = wrong {
        violations.push(("a message of the other kind", masked(wrong, b"x"), 1003));
    }
    violations
}

#[tokio::test]
async fn each_violation_ends_with_its_close_code_and_harms_no_other_client() {
    let server = server(&[]).await;
    let mut bystander = Bystander::start(&server).await;
    let bincode = format!("Sec-WebSocket-Protocol: {SUBPROTOCOL_BINCODE}\r\n");
    let (message, echo) = (64 * 1024, 16 * 1024 * 1024);
    let mut expected: BTreeMap<u16, u64> = BTreeMap::new();
    let mut closing = JoinSet::new();
    for (path, protocol, violations) in [
        ("/ws", "", violations(message, Some(BINARY))),
        ("/ws", &bincode, violations(message, Some(TEXT))),
        ("/echo", "", violations(echo, None)),
    ] {
        for (what, bytes, code) in violations {
            let mut socket = RawSocket::open(server.address, path, protocol).await;
            closing.spawn(async move {
                // The server may close before it has taken all of a long one.
                let _ = socket.stream.write_all(&bytes).await;
                assert_eq!(socket.closed().await, code, "{what}");
            });
            // Connections to `/echo` do not belong to a shard.
            *expected.entry(code).or_default() += u64::from(path == "/ws");
        }
    }
    let all = async {
        while let Some(closed) = closing.join_next().await {
            closed.unwrap();
        }
    };
    bystander.is_served_during(all).await;
    for (code, expected) in expected {
        let row = format!("tickcast_closes_total{{code=\"{code}\"}}");
        assert_eq!(server.metric(&row).await, expected, "{code}");
    }
    until("only the bystander is left", async || {
        server.metric("tickcast_connections").await == 2
    })
    .await;
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
    // There was no room for a close frame.
    let mut rest = Vec::new();
    let ended = soon("the end", socket.stream.read_to_end(&mut rest)).await;
    assert!(ended.is_err(), "a reset, because it did not read");
    bystander.is_served().await;
}

#[tokio::test]
async fn a_client_that_floods_and_never_reads_is_not_read_costs_little_and_is_disconnected() {
    let pings = masked(PING, &[b'x'; 125]).repeat(100);
    let time = masked(TEXT, br#"{"type":"time","id":1,"client_time_ns":"1"}"#).repeat(100);
    tokio::join!(check_flood(pings), check_flood(time));
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed() {
    let server = server(&["--ping", "100ms", "--pong-timeout", "200ms"]).await;
    let socket = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(socket.closed().await, 4001);
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
        (
            "a long header",
            head(&format!("X-Long: {}\r\n", "x".repeat(20_000))),
            431,
        ),
        (
            "many header fields",
            head(&"X-Many: x\r\n".repeat(100)),
            431,
        ),
    ] {
        let answer = ask(server.address, &head).await;
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    assert_eq!(get(server.address, "/nowhere").await.status, 404);
    bystander.is_served().await;
}
