//! `/echo` is bounded like every other path: memory for unfinished messages, metrics, and a
//! setting.

use std::time::{Duration, Instant};

use tickcast_server_testkit::{
    Program,
    bystander::Bystander,
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, get, masked},
    soon, until,
};
use tokio::{io::AsyncWriteExt, task::JoinSet};

const MIB: usize = 1024 * 1024;

async fn server(arguments: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "2"], arguments].concat()).await
}

/// A header that announces `len` bytes, with a mask of zeros.
fn header(first: u8, len: usize) -> Vec<u8> {
    [&[first, 0xff][..], &(len as u64).to_be_bytes(), &[0; 4]].concat()
}

#[tokio::test]
async fn unfinished_messages_of_all_clients_together_have_64_mib() {
    const CLIENTS: usize = 60;
    const SENT: usize = 4 * MIB;
    let server = server(&["--message-timeout", "10s"]).await;
    let mut bystander = Bystander::start(&server).await;
    bystander.is_served().await;
    let before = server.memory_bytes();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let address = server.address;
        clients.spawn(async move {
            let mut socket = RawSocket::open(address, "/echo", "").await;
            let bytes = [header(BINARY, 16 * MIB), vec![0; SENT]].concat();
            // Most of them are closed before the end.
            let _ = soon("bytes are taken", socket.stream.write_all(&bytes)).await;
            socket
        });
    }
    let sent = async {
        let mut sockets = Vec::new();
        while let Some(socket) = clients.join_next().await {
            sockets.push(socket.unwrap());
        }
        sockets
    };
    let sockets = bystander.is_served_during(sent).await;
    // 240 MiB came. 64 MiB are allowed, and 64 KiB for each client. The allocator may keep as much
    // again from messages that grew.
    let growth = server.memory_bytes().saturating_sub(before);
    assert!(growth < 136 * MIB, "it grew by {} MiB", growth / MIB);
    until("most are refused", async || {
        server.metric("tickcast_closes_total{code=\"1013\"}").await >= (CLIENTS - 64 / 4) as u64
    })
    .await;
    // The rest ends by the time limit.
    until("all have ended", async || {
        server.metric("tickcast_connections{").await == 2
    })
    .await;
    drop(sockets);
    let mut socket = RawSocket::open(server.address, "/echo", "").await;
    socket.send(BINARY, &vec![1; 16 * MIB]).await;
    assert_eq!(socket.frame().await.1.len(), 16 * MIB);
}

#[tokio::test]
async fn a_message_may_have_65536_fragments_and_no_other_client_waits_for_them() {
    const BYTES: usize = 4 * MIB;
    let server = Program::start(&["--feed", "none", "--shards", "1"]).await;
    let mut bystander = Bystander::start(&server).await;
    for len in [64, 256, 1024] {
        let mut socket = RawSocket::open(server.address, "/echo", "").await;
        let piece = vec![b'*'; len];
        let mut bytes = masked(TEXT & 0x0f, &piece);
        bytes.extend(masked(0x00, &piece).repeat(BYTES / len - 2));
        bytes.extend(masked(0x80, &piece));
        let echoed = async {
            socket.send_bytes(&bytes).await;
            socket.frame().await
        };
        let (first, payload) = bystander.is_served_during(echoed).await;
        assert_eq!(
            (first, payload.len()),
            (TEXT, BYTES),
            "in fragments of {len}"
        );
    }
    // The same rule, with the limit of `/ws`.
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    let list = [&br#"{"type":"list","id":7}"#[..], &[b' '; 20_000]].concat();
    let mut bytes = masked(TEXT & 0x0f, b"");
    for byte in list {
        bytes.extend(masked(0x00, &[byte]));
    }
    bytes.extend(masked(0x80, b""));
    socket.send_bytes(&bytes).await;
    assert_eq!(socket.json("subscriptions").await["id"], 7);
}

#[tokio::test]
async fn clients_are_counted_and_a_client_that_answers_pings_stays() {
    let server = server(&["--ping", "200ms", "--pong-timeout", "300ms"]).await;
    assert_eq!(server.metric("tickcast_connections{").await, 0);
    let mut socket = RawSocket::open(server.address, "/echo", "").await;
    for _ in 0..5 {
        until("it is counted", async || {
            server.metric("tickcast_connections{").await == 1
        })
        .await;
        assert_eq!(server.metric("tickcast_connected_total{").await, 1);
        let (first, payload) = socket.frame().await;
        assert_eq!((first, &payload[..]), (PING, &b""[..]));
        socket.send(PONG, &payload).await;
    }
    // A client that is in the middle of a message is not silent.
    socket.send_bytes(&header(BINARY, 20)).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        socket.send_bytes(b"x").await;
    }
    assert_eq!(socket.frame().await, (BINARY, vec![b'x'; 20]));
}

#[tokio::test]
async fn a_setting_switches_it_off() {
    let server = server(&["--echo", "false"]).await;
    let answer = get(server.address, "/echo").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("setting `echo`"), "{}", answer.body);
}

#[tokio::test]
async fn a_drain_closes_clients_one_after_another_over_its_window() {
    const CLIENTS: u32 = 4;
    const WINDOW: Duration = Duration::from_secs(2);
    let server = Program::start(&["--feed", "none", "--shards", "1", "--drain", "2s"]).await;
    let mut sockets = Vec::new();
    for _ in 0..CLIENTS {
        let mut socket = RawSocket::open(server.address, "/echo", "").await;
        // It has begun when it answers.
        socket.send(PING, b"x").await;
        assert_eq!(socket.frame().await.0, PONG);
        sockets.push(socket);
    }
    let start = Instant::now();
    server.terminate().await;
    let mut closed = JoinSet::new();
    for mut socket in sockets {
        closed.spawn(async move {
            let (first, payload) = socket.frame().await;
            let after = start.elapsed();
            socket.send(first, &payload).await;
            assert_eq!((first, &payload[..2]), (CLOSE, &1012_u16.to_be_bytes()[..]));
            after
        });
    }
    let mut times = Vec::new();
    while let Some(time) = closed.join_next().await {
        times.push(time.unwrap());
        if times.len() == 1 {
            let row = "tickcast_closes_total{code=\"1012\"}";
            assert_eq!(server.metric(row).await, 1);
        }
    }
    for (number, time) in (1..).zip(times) {
        let due = WINDOW * number / CLIENTS;
        let expected = due..due + WINDOW / CLIENTS;
        assert!(expected.contains(&time), "client {number} after {time:?}");
    }
    assert_eq!(server.end().await.code(), Some(0));
}
