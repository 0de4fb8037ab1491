//! SIGHUP, and signals that come twice.

use std::{fs, time::Duration};

use tickcast_server_testkit::{
    Program,
    raw::{RawSocket, get},
    until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

async fn bad_request(server: &Program) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"bad\r\n\r\n").await.unwrap();
    // Its line is logged before the connection is closed.
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

async fn until_logged(server: &Program, part: &str) {
    until(part, async || server.log().contains(part)).await;
}

#[tokio::test]
async fn a_hangup_without_a_change_is_ignored_with_one_line() {
    let server = Program::start(&["--feed", "none"]).await;
    for hangups in 1..=2 {
        server.signal("HUP").await;
        until("it is logged", async || {
            server.log().matches("SIGHUP: ignored").count() == hangups
        })
        .await;
    }
    assert_eq!(server.log().lines().count(), 2, "{}", server.log());
    assert_eq!(get(server.address, "/readyz").await.status, 200);
}

#[tokio::test]
async fn a_hangup_reads_the_log_filter_again_and_says_what_needs_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    let file = path.to_str().unwrap();
    let hang_up = async |server: &Program, text: &str| {
        fs::write(&path, text).unwrap();
        server.signal("HUP").await;
    };
    fs::write(&path, "log = \"info\"\n").unwrap();
    let server = Program::start(&["--feed", "none", "--config", file]).await;
    bad_request(&server).await;
    hang_up(&server, "log = \"debug\"\n").await;
    until_logged(&server, "SIGHUP: the log filter is debug now").await;
    assert!(!server.log().contains("the HTTP connection failed"));
    bad_request(&server).await;
    until_logged(&server, "the HTTP connection failed").await;

    hang_up(&server, "log = \"verbose\"\n").await;
    until_logged(
        &server,
        "SIGHUP: the settings remain, because they are wrong now",
    )
    .await;
    until_logged(&server, "is not a level").await;
    hang_up(&server, "log = \"info\"\nping = \"7s\"\n").await;
    until_logged(&server, "SIGHUP: the log filter is info now").await;
    until_logged(
        &server,
        "SIGHUP: other settings have changed; they need a restart",
    )
    .await;
    assert_eq!(get(server.address, "/readyz").await.status, 200);
    server.terminate().await;
    assert_eq!(server.end().await.code(), Some(0));
}

/// A client that never answers the close frame, so that the server drains for some seconds.
async fn silent_client(server: &Program) -> RawSocket {
    RawSocket::open(server.address, "/ws", "").await
}

#[tokio::test]
async fn two_signals_within_a_moment_are_one() {
    let server = Program::start(&["--feed", "none", "--drain", "1s"]).await;
    let _client = silent_client(&server).await;
    server.signal("TERM").await;
    server.signal("TERM").await;
    server.signal("INT").await;
    until_logged(&server, "SIGTERM: draining").await;
    let log = server.log();
    assert_eq!(server.end().await.code(), Some(0), "{log}");
}

#[tokio::test]
async fn a_second_signal_later_ends_the_server_now_and_a_hangup_does_not() {
    let server = Program::start(&["--feed", "none", "--drain", "20s"]).await;
    let _client = silent_client(&server).await;
    server.signal("TERM").await;
    until_logged(&server, "SIGTERM: draining").await;
    sleep(Duration::from_millis(600)).await;
    server.signal("HUP").await;
    until_logged(&server, "SIGHUP: ignored").await;
    server.signal("TERM").await;
    assert_eq!(server.end().await.code(), Some(130));
}
