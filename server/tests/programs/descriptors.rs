//! File descriptors are short: health is still answered, feeds connect again, clients get 503, and
//! the log has two lines.

use std::process::Stdio;

use tickcast_server_testkit::{broker::Broker, until};
use tokio::net::TcpStream;

use crate::bare::{Bare, reply};

/// More connections than there are descriptors.
const CLIENTS: usize = 120;

/// Connections that were refused for it.
const REFUSED: &str = "tickcast_refused_total{reason=\"descriptors\"}";

#[tokio::test]
async fn when_descriptors_are_short_health_is_answered_and_the_log_has_two_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut broker = Broker::start("allow_anonymous true");
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let log = std::fs::File::create(&path).unwrap();
    let arguments = [
        "--feed",
        "mqtt",
        "--mqtt-url",
        &url,
        "--handshake-timeout",
        "10m",
        "--shards",
        "2",
    ];
    let server = Bare::start("ulimit -n 100;", &arguments, log.into()).await;
    let log = || std::fs::read_to_string(&path).unwrap();
    let lines = |part: &str| log().lines().filter(|line| line.contains(part)).count();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect(server.address).await.unwrap());
    }
    until("descriptors are short", async || {
        server.counts(REFUSED).await
    })
    .await;
    let up = "tickcast_feed_state{feed=\"mqtt\",kind=\"mqtt\",state=\"up\"}";
    for round in 1..=3 {
        // Some that have been refused are being closed, and take places for a moment.
        until("a client is told", async || {
            // An operator's connection may have left a place.
            clients.push(TcpStream::connect(server.address).await.unwrap());
            matches!(reply(server.address, "/v1/latest").await, Some((503, body))
                if body.contains("short of file descriptors"))
        })
        .await;
        for address in [server.address, server.admin] {
            for path in ["/healthz", "/readyz"] {
                until("health is answered", async || {
                    matches!(reply(address, path).await, Some((200, _)))
                })
                .await;
            }
        }
        broker.stop();
        until("the loss is seen", async || !server.counts(up).await).await;
        broker.start_again();
        until("the feed is back", async || server.counts(up).await).await;
        assert_eq!(
            lines("file descriptors are short"),
            1,
            "round {round}: {}",
            log()
        );
    }
    drop(clients);
    until("clients are served", async || {
        matches!(reply(server.address, "/v1/latest").await, Some((200, _)))
    })
    .await;
    until("the end is logged", async || {
        lines("connections are accepted again refused=") == 1
    })
    .await;
    assert!(!log().contains("cannot accept"), "{}", log());
    assert_eq!(lines("file descriptors are short"), 1);
    let counted = server.metric(REFUSED).await;
    assert!(
        log().contains(&format!("refused={counted} ")),
        "{counted}: {}",
        log()
    );
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn short_descriptors_and_a_log_without_a_reader_together_stop_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let arguments = [
        "--feed",
        "none",
        "--handshake-timeout",
        "10m",
        "--shards",
        "2",
    ];
    let server = Bare::start("ulimit -n 100;", &arguments, writer.into()).await;
    for _ in 0..3 {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(TcpStream::connect(server.address).await.unwrap());
        }
        until("health is answered", async || {
            let reply = reply(server.address, "/healthz").await;
            matches!(reply, Some((200, _)))
        })
        .await;
        drop(clients);
        until("clients are served", async || {
            matches!(reply(server.address, "/v1/latest").await, Some((200, _)))
        })
        .await;
    }
    assert!(server.counts(REFUSED).await);
    assert_eq!(server.terminate().await.code(), Some(0));
}

/// The limit is lowered while the server runs, so that hardly any of the reserve exists.
#[tokio::test]
async fn silent_clients_that_are_refused_make_way_when_no_descriptor_is_left() {
    const SILENT: usize = 100;
    const SPARE: usize = 2;
    let arguments = ["--feed", "none", "--shards", "2", "--drain", "0s"];
    let server = Bare::start("", &arguments, Stdio::null()).await;
    server.limit_files(server.open_files().await + SPARE).await;
    let mut clients = Vec::new();
    for _ in 0..SILENT {
        clients.push(TcpStream::connect(server.address).await.unwrap());
    }
    for address in [server.admin, server.address] {
        // A silent client would keep a descriptor for 250 ms: all of them for twelve seconds. It
        // makes way after 20 ms: all of them after one second.
        assert!(matches!(reply(address, "/healthz").await, Some((200, _))));
    }
    assert_eq!(server.terminate().await.code(), Some(0));
}

/// Without room for its own files the server must not look alive.
#[tokio::test]
async fn with_any_limit_of_descriptors_the_server_serves_or_ends_with_an_error() {
    let mut served = 0;
    for limit in (5..=70).step_by(5) {
        let shell = format!("ulimit -n {limit};");
        let arguments = [
            "--feed", "none", "--shards", "2", "--drain", "0s", "--log", "off",
        ];
        let mut server = Bare::spawn(&shell, &arguments, Stdio::null());
        let mut is_served = false;
        until("it serves or ends", async || {
            let (address, admin) = (server.address, server.admin);
            is_served = matches!(reply(admin, "/readyz").await, Some((200, _)))
                && matches!(reply(address, "/").await, Some((200, _)));
            is_served || server.ended().is_some()
        })
        .await;
        if is_served {
            served += 1;
            assert_eq!(server.terminate().await.code(), Some(0), "limit {limit}");
        } else {
            // 126 and 127 are the shell's and the linker's.
            let code = server.end().await.code();
            assert!(
                matches!(code, Some(1 | 126 | 127)),
                "limit {limit}: {code:?}"
            );
        }
    }
    assert_eq!(served, 4, "a server with two shards needs 52");
}
