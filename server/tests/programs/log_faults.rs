//! A log that cannot be written stops nothing: a full disk, a pipe without a reader, a pipe that is
//! not read, a file that may not grow.

use std::{fs::File, io, process::Stdio};

use tickcast_server_testkit::{broker::Broker, until};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::bare::{Bare, reply};

/// Number of bad requests, each of which is a line at level `debug`. Their lines are some times as
/// long as a pipe, which holds 64 KiB.
const BAD_REQUESTS: u32 = 2_000;

/// Restarts of the broker.
const RESTARTS: u32 = 3;

/// Runs a server whose log is broken through everything that is logged, and ends it.
async fn check(shell: &str, level: &str, stderr: Stdio) -> Bare {
    let mut broker = Broker::start("allow_anonymous true");
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let arguments = [
        "--feed",
        "mqtt",
        "--feed",
        "stdin",
        "--mqtt-url",
        &url,
        "--log",
        level,
        "--shards",
        "2",
    ];
    let mut server = Bare::start(shell, &arguments, stderr).await;
    let up = "tickcast_feed_state{feed=\"mqtt\",kind=\"mqtt\",state=\"up\"}";
    for round in 1..=RESTARTS {
        until("the feed is up", async || server.counts(up).await).await;
        broker.publish("plant/a", &format!("{round}\n"), &["-q", "1"]);
        until("the broker's update is there", async || {
            server.has("plant/a", round).await
        })
        .await;
        // Neither a topic nor a value.
        server.line("bad").await;
        server.line(&format!("door {round}")).await;
        until("the line is there", async || {
            server.has("door", round).await
        })
        .await;
        broker.stop();
        until("the loss is seen", async || !server.counts(up).await).await;
        broker.start_again();
    }
    for _ in 0..BAD_REQUESTS {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"bad\r\n\r\n").await.unwrap();
    }
    until("the feed is up", async || server.counts(up).await).await;
    let undecodable = "tickcast_feed_undecodable_total{feed=\"stdin\"";
    assert_eq!(server.metric(undecodable).await, u64::from(RESTARTS));
    assert!(!server.counts("tickcast_task_failures_total").await);
    for address in [server.address, server.admin] {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(reply(address, path).await.unwrap().0, 200, "{path}");
        }
    }
    server
}

async fn check_dropping(shell: &str, stderr: Stdio) {
    let server = check(shell, "debug", stderr).await;
    let dropped = server.metric("tickcast_log_lines_dropped_total").await;
    assert!(
        dropped >= u64::from(BAD_REQUESTS),
        "{dropped} lines were dropped"
    );
    assert_eq!(server.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_full_disk_below_the_log_stops_nothing() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    check_dropping("", full.into()).await;
}

#[tokio::test]
async fn a_log_pipe_without_a_reader_stops_nothing() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    check_dropping("", writer.into()).await;
}

#[tokio::test]
async fn a_log_file_that_may_not_grow_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    check_dropping("ulimit -f 1;", File::create(&path).unwrap().into()).await;
    assert!(
        path.metadata().unwrap().len() > 0,
        "the limit allows a little"
    );
}

#[tokio::test]
async fn a_log_pipe_that_is_not_read_stops_nothing_at_any_level() {
    for level in ["info", "debug"] {
        let (reader, writer) = io::pipe().unwrap();
        let server = check("", level, writer.into()).await;
        assert_eq!(server.terminate().await.code(), Some(0));
        // It was not read before.
        let text = io::read_to_string(reader).unwrap();
        assert!(text.contains("cannot read a message"), "{text}");
    }
}
