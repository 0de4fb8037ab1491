//! Several listeners, Unix sockets, the PROXY protocol, and the address that a proxy names.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::json;
use tempfile::TempDir;
use tickcast_server_testkit::{
    Program, command,
    raw::{Answer, RawSocket, TEXT, ask, get, masked, read_frame},
    soon, until,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

const PUBLISH: &str =
    r#"{"type":"publish","id":1,"updates":[{"topic":"a","value":{"reading":1}}]}"#;

/// A header of the PROXY protocol, version 2, for a client of IPv4.
pub(crate) fn header(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let SocketAddr::V4(client) = client else {
        panic!("it is of IPv4");
    };
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    bytes.extend(client.ip().octets());
    bytes.extend(Ipv4Addr::LOCALHOST.octets());
    bytes.extend(client.port().to_be_bytes());
    bytes.extend(7400_u16.to_be_bytes());
    bytes
}

/// A server with a file of settings, besides its own listener at a free port.
pub(crate) async fn server(folder: &TempDir, settings: &str) -> Program {
    let path = folder.path().join("tickcast.toml");
    fs::write(&path, settings).unwrap();
    let config = path.to_str().unwrap();
    Program::start(&["--config", config, "--feed", "none", "--shards", "2"]).await
}

/// The port of the listener that begins after the first one, from its line in the log.
pub(crate) async fn second_address(server: &Program) -> SocketAddr {
    let find = || {
        let log = server.log();
        let (_, rest) = log.split_once("listening on ws")?;
        let (_, rest) = rest.split_once("://")?;
        rest.split_once("/ws")?.0.parse().ok()
    };
    until("the second listener is logged", async || find().is_some()).await;
    find().unwrap()
}

pub(crate) async fn ask_on(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    soon("an answer", async {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        Answer::parse(&text)
    })
    .await
}

/// Makes a handshake with more header lines, publishes, and returns the type of the answer.
pub(crate) async fn publish_on(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    more: &str,
) -> String {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    soon("a publish is answered", async {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        if !head.starts_with("HTTP/1.1 101") {
            return head.split(' ').nth(1).unwrap().to_owned();
        }
        stream
            .write_all(&masked(TEXT, PUBLISH.as_bytes()))
            .await
            .unwrap();
        loop {
            let (_, payload) = read_frame(&mut stream).await.unwrap();
            let message: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            if message["type"] != "welcome" {
                return message["type"].as_str().unwrap().to_owned();
            }
        }
    })
    .await
}

#[tokio::test]
async fn each_listener_has_the_paths_that_it_is_not_without() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(
        &folder,
        "[[listen]]\naddress = \"127.0.0.1:0\"\noff = [\"/metrics\", \"/echo\", \"/try\"]\n",
    )
    .await;
    let public = second_address(&server).await;
    for (path, first, second) in [
        ("/metrics", 200, 404),
        ("/try", 200, 404),
        ("/readyz", 200, 200),
        ("/", 200, 200),
        ("/echo", 426, 404),
    ] {
        assert_eq!(get(server.address, path).await.status, first, "{path}");
        assert_eq!(get(public, path).await.status, second, "{path}");
    }
    // Both are the same server.
    let mut subscriber = RawSocket::open(public, "/ws", "").await;
    let subscribe = json!({"type": "subscribe", "filters": ["a"]});
    subscriber.send_json(&subscribe).await;
    subscriber.json("subscribed").await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(publish_on(stream, "").await, "published");
    subscriber.json("batch").await;
}

#[tokio::test]
async fn a_unix_socket_has_its_mode_replaces_a_dead_one_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.sock");
    let settings = format!(
        "[[listen]]\nunix = \"{}\"\nmode = \"0600\"\n",
        path.display()
    );
    for is_killed in [true, false] {
        let server = server(&folder, &settings).await;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let connect = async || UnixStream::connect(&path).await.unwrap();
        assert_eq!(ask_on(connect().await, "/readyz").await.status, 200);
        // A program on the same machine is local.
        assert_eq!(publish_on(connect().await, "").await, "published");
        let curl = tokio::process::Command::new("curl")
            .args(["--silent", "--fail", "--unix-socket"])
            .arg(&path)
            .arg("http://localhost/readyz")
            .output();
        let answer = curl.await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer.stdout), "ready\n");
        // Another server cannot have it.
        let config = folder.path().join("tickcast.toml");
        let other = [
            "--config",
            config.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ];
        let other = command(&other).output().await.unwrap();
        let error = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(error.contains("cannot listen on unix:"), "{error}");
        if is_killed {
            server.kill().await;
            assert!(path.exists());
        } else {
            server.terminate().await;
            assert!(server.end().await.success());
            assert!(!path.exists());
        }
    }
    fs::write(&path, "a file").unwrap();
    let config = folder.path().join("tickcast.toml");
    let refused = command(&["--config", config.to_str().unwrap()]).output();
    let error = String::from_utf8_lossy(&refused.await.unwrap().stderr).into_owned();
    assert!(error.contains("a file that is no socket"), "{error}");
}

/// A server whose second listener is behind the PROXY protocol.
async fn behind_proxy(folder: &TempDir, trusted: &str) -> (Program, SocketAddr) {
    let settings = format!(
        "trusted_proxies = [{trusted}]\nconnections_per_address_max = 2\n\
         handshake_timeout = \"500ms\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\nproxy_protocol = \"v2\"\n"
    );
    let server = server(folder, &settings).await;
    let address = second_address(&server).await;
    (server, address)
}

async fn proxied(address: SocketAddr, header: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(header).await.unwrap();
    stream
}

#[tokio::test]
async fn a_proxy_header_names_the_client_for_permissions_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = behind_proxy(&folder, "\"127.0.0.1\"").await;
    let stranger = header("203.0.113.7:40000");
    let local = proxied(address, &header("127.0.0.2:40000")).await;
    assert_eq!(publish_on(local, "").await, "published");
    // Another proxy of this machine, which does not name its client.
    let proxy = proxied(address, &header("127.0.0.1:40000")).await;
    assert_eq!(publish_on(proxy, "").await, "error");
    let other = proxied(address, &stranger).await;
    assert_eq!(publish_on(other, "").await, "error");
    // The header may come in parts.
    let (first, rest) = stranger.split_at(7);
    let mut parts = proxied(address, first).await;
    parts.write_all(rest).await.unwrap();
    assert_eq!(ask_on(parts, "/readyz").await.status, 200);
    // What the client itself writes is not read: its address is known.
    let liar = proxied(address, &header("203.0.113.9:40000")).await;
    let line = "X-Forwarded-For: 127.0.0.1\r\n";
    assert_eq!(publish_on(liar, line).await, "error");
    let held = [
        proxied(address, &stranger).await,
        proxied(address, &stranger).await,
    ];
    until("a third connection of the client is refused", async || {
        let third = proxied(address, &stranger).await;
        ask_on(third, "/readyz").await.status == 429
    })
    .await;
    let elsewhere = proxied(address, &header("203.0.113.8:1")).await;
    assert_eq!(ask_on(elsewhere, "/readyz").await.status, 200);
    drop(held);
    // A proxy that asks for itself is local, one that hides its client makes no client local.
    let itself = proxied(address, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await;
    assert_eq!(ask_on(itself, "/readyz").await.status, 200);
    let hidden = proxied(address, b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0").await;
    assert_eq!(publish_on(hidden, "").await, "error");
    assert_eq!(server.metric("tickcast_handshakes_failed_total").await, 0);
}

#[tokio::test]
async fn a_connection_without_the_header_that_is_required_is_closed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = behind_proxy(&folder, "\"127.0.0.1\"").await;
    let count = "tickcast_handshakes_failed_total{reason=\"proxy\"}";
    for (number, bytes) in (1..).zip([
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ]) {
        let mut stream = proxied(address, bytes).await;
        let mut answer = Vec::new();
        // The connection may also be reset.
        let _ = soon("it is closed", stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty());
        until("it is counted", async || {
            server.metric(count).await == number
        })
        .await;
    }
    let mut silent = TcpStream::connect(address).await.unwrap();
    let closed = soon("it is closed", silent.read_u8()).await;
    assert!(closed.is_err());
    let timeouts = "tickcast_handshakes_failed_total{reason=\"timeout\"}";
    until("it is counted", async || {
        server.metric(timeouts).await == 1
            && server.metric("tickcast_handshakes_under_way").await == 0
    })
    .await;
    assert!(server.log().contains("send-proxy-v2"), "{}", server.log());
}

#[tokio::test]
async fn a_header_is_read_only_from_proxies_that_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (server, address) = behind_proxy(&folder, "\"10.0.0.0/8\"").await;
    let mut stream = proxied(address, &header("127.0.0.1:1")).await;
    let closed = soon("it is closed", stream.read_u8()).await;
    assert!(closed.is_err());
    let count = "tickcast_handshakes_failed_total{reason=\"proxy\"}";
    until("it is counted", async || server.metric(count).await == 1).await;
    let told = "not in trusted_proxies";
    until("it is logged", async || server.log().contains(told)).await;
}

#[tokio::test]
async fn what_a_listener_does_not_expect_is_counted_and_told() {
    let server = Program::start(&["--feed", "none"]).await;
    let count = "tickcast_refused_total{reason=\"preamble\"}";
    for (number, bytes, told) in [
        (1, header("203.0.113.7:1"), "begins with a PROXY header"),
        (
            2,
            [&[0x16, 3, 1, 0, 200, 1][..], &[7; 200]].concat(),
            "speaks TLS",
        ),
    ] {
        // Nothing that follows is served.
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut stream = proxied(server.address, &[&bytes[..], request].concat()).await;
        let mut answer = Vec::new();
        let _ = soon("it is closed", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(!answer.contains("200 OK"), "{answer}");
        until("it is counted", async || {
            server.metric(count).await == number
        })
        .await;
        if number == 1 {
            until("it is logged", async || server.log().contains(told)).await;
        }
    }
}

#[tokio::test]
async fn x_forwarded_for_is_read_from_trusted_proxies_alone() {
    let check = async |address: SocketAddr, line: &str, expected: &str| {
        let stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(publish_on(stream, line).await, expected, "{line:?}");
    };
    let folder = tempfile::tempdir().unwrap();
    let open = server(&folder, "").await;
    // No proxy is trusted: the client is on this machine, whatever it writes.
    check(
        open.address,
        "X-Forwarded-For: 203.0.113.7\r\n",
        "published",
    )
    .await;
    let settings = "trusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]\n\
                    connections_per_address_max = 2\n";
    let behind = server(&folder, settings).await;
    for (line, expected) in [
        ("X-Forwarded-For: 127.0.0.1\r\n", "published"),
        ("X-Forwarded-For: 203.0.113.1\r\n", "error"),
        ("X-Forwarded-For: 127.0.0.1, 203.0.113.2\r\n", "error"),
        ("X-Forwarded-For: 127.0.0.1, 10.0.0.1\r\n", "error"),
        (
            "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.3\r\n",
            "error",
        ),
        ("X-Forwarded-For: nonsense\r\n", "error"),
        // A proxy that does not name its clients makes none of them local.
        ("", "error"),
    ] {
        check(behind.address, line, expected).await;
    }
    // The limit of connections is the client's.
    let line = "X-Forwarded-For: 203.0.113.9\r\n";
    let first = RawSocket::open(behind.address, "/ws", line).await;
    let second = RawSocket::open(behind.address, "/ws", line).await;
    check(behind.address, line, "429").await;
    let head = format!("GET /readyz HTTP/1.1\r\nHost: localhost\r\n{line}");
    assert_eq!(ask(behind.address, &head).await.status, 429);
    check(behind.address, "X-Forwarded-For: 203.0.113.10\r\n", "error").await;
    drop((first, second));
    let refused = behind.metric("tickcast_refused_total{reason=\"connections\"}");
    assert_eq!(refused.await, 2);
}

#[tokio::test]
async fn wrong_listeners_are_told_before_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    let check = async |text: &str, expected: &str| {
        fs::write(&path, text).unwrap();
        let refused = command(&["--config", path.to_str().unwrap(), "--check"]).output();
        let output = refused.await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(expected), "{text}: {error}");
        assert_eq!(output.status.code(), Some(1));
    };
    check("[[listen]]\n", "neither address nor unix is set").await;
    check(
        "[[listen]]\naddress = \":7400\"\n[[listen]]\naddress = \"127.0.0.1:7400\"\n",
        "tickcast.toml:4:1: listen.address: another listener has 0.0.0.0:7400 already",
    )
    .await;
    check(
        "admin = \"127.0.0.1:7401\"\n[[listen]]\naddress = \"127.0.0.1:7401\"\n",
        "has the same port as listen",
    )
    .await;
    check(
        "[[listen]]\naddress = \":7400\"\nproxy_protocol = \"v2\"\n",
        "tickcast.toml:3:1: listen.proxy_protocol: a PROXY header names the client",
    )
    .await;
    check(
        "[[listen]]\naddress = \":7400\"\noff = [\"/ws\"]\n",
        "listen.off \"/ws\": expected one of /metrics, /echo, /try",
    )
    .await;
    check(
        "trusted_proxies = [\"10.0.0.1/8\"]\n",
        "trusted_proxies \"10.0.0.1/8\": the address has bits after the prefix",
    )
    .await;
    let missing = format!(
        "[[listen]]\naddress = \":7400\"\ntls_cert = \"{}\"\n",
        Path::new("/nowhere/cert.pem").display()
    );
    check(
        &missing,
        "tickcast.toml:3:1: listen.tls_cert: cannot read /nowhere/cert.pem",
    )
    .await;
}

#[tokio::test]
async fn the_effective_settings_with_several_listeners_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    fs::write(
        &path,
        "[[listen]]\nunix = \"/tmp/a.sock\"\n[[listen]]\naddress = \":7401\"\noff = [\"/try\"]\n",
    )
    .unwrap();
    let print = async |more: &[&str]| {
        let arguments = [
            &["--config", path.to_str().unwrap(), "--print-config"],
            more,
        ]
        .concat();
        let output = command(&arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // A key that is not set is a comment, and an empty list is one that is not set.
    let essence = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.map(|line| line.split(" # ").next().unwrap().trim().to_owned());
        lines
            .filter(|line| !line.is_empty() && line != "off = []")
            .collect()
    };
    let printed = print(&["--listen", "127.0.0.1:7402"]).await;
    assert_eq!(printed.matches("\n[[listen]]").count(), 3, "{printed}");
    fs::write(&path, &printed).unwrap();
    let again = print(&[]).await;
    assert_eq!(essence(&again), essence(&printed));
}
