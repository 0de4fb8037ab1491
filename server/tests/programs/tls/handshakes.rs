//! Which handshakes succeed, and what the others are told.

use std::{fs, process::Output, sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tickcast_server_testkit::{
    certificates::{Authority, Validity},
    command, soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
    time::Instant,
};
use tokio_rustls::TlsConnector;

use super::client::{SecureServer, config, connect};
use crate::listeners::header;

async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null());
    soon(program, command.output()).await.unwrap()
}

#[tokio::test]
async fn curl_and_openssl_are_served_with_tls_and_resume() {
    let server = SecureServer::start("", &[]).await;
    let port = server.address.port();
    let ca = server.path("ca.pem").display().to_string();
    let url = format!("https://localhost:{port}/readyz");
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let max = ["--tls-max", version.trim_start_matches("--tlsv")];
        let answer = run(
            "curl",
            &[&["-sS", "--cacert", &ca, version, &url], &max[..]].concat(),
        )
        .await;
        assert_eq!(
            String::from_utf8_lossy(&answer.stdout),
            "ready\n",
            "{answer:?}"
        );
    }
    let address = server.address.to_string();
    let shown = run(
        "openssl",
        &[
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &ca,
            "-servername",
            "localhost",
            "-alpn",
            "h2,http/1.1",
            "-verify_return_error",
        ],
    )
    .await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    assert!(shown.contains("ALPN protocol: http/1.1"), "{shown}");
    assert!(shown.contains("TLSv1.3"), "{shown}");
    // Full so far; the next ones of one client continue the first.
    let full = server
        .program
        .metric("tickcast_handshakes_total{kind=\"full\"}")
        .await;
    assert_eq!(full, 3);
    let client = Arc::new(server.config());
    for _ in 0..3 {
        server.says_ready(&client).await;
    }
    let resumed = server
        .program
        .metric("tickcast_handshakes_total{kind=\"resumed\"}")
        .await;
    assert_eq!(resumed, 2);
    until("no handshake is under way", async || {
        server.program.metric("tickcast_handshakes_under_way").await == 0
    })
    .await;
    let expires = "tickcast_certificate_expires_seconds";
    // 31 December 2090.
    assert_eq!(server.program.metric(expires).await, 3_818_361_600);
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_gives_up_and_is_counted() {
    let server = SecureServer::start("", &[]).await;
    let url = format!("https://localhost:{}/readyz", server.address.port());
    let other = Authority::new("theirs");
    let ca = server.path("theirs.pem");
    fs::write(&ca, other.pem()).unwrap();
    let refused = run("curl", &["-sS", "--cacert", ca.to_str().unwrap(), &url]).await;
    // 60: the certificate cannot be verified (curl(1), EXIT CODES).
    assert_eq!(refused.status.code(), Some(60), "{refused:?}");
    server.until_failed("refused", 1).await;
}

#[tokio::test]
async fn a_client_must_have_a_certificate_of_the_client_authority() {
    let server = SecureServer::start("tls_client_ca = \"FOLDER/ca.pem\"\n", &[]).await;
    let url = format!("https://localhost:{}/readyz", server.address.port());
    let ca = server.path("ca.pem").display().to_string();
    let absent = run("curl", &["-sS", "--cacert", &ca, &url]).await;
    assert!(!absent.status.success(), "{absent:?}");
    server.until_failed("no_certificate", 1).await;
    let theirs = Authority::new("theirs").issue(&["a"], Validity::Now);
    let expired = server.authority.issue(&["a"], Validity::Past);
    for (number, wrong) in [(1, theirs), (2, expired)] {
        let (cert, key) = wrong.write(server.folder.path(), "wrong");
        let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
        let arguments = ["-sS", "--cacert", &ca, "--cert", cert, "--key", key, &url];
        let refused = run("curl", &arguments).await;
        assert!(!refused.status.success(), "{refused:?}");
        server.until_failed("certificate", number).await;
    }
    let right = server.authority.issue(&["a"], Validity::Now);
    let (cert, key) = right.write(server.folder.path(), "client");
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let arguments = ["-sS", "--cacert", &ca, "--cert", cert, "--key", key, &url];
    let answer = run("curl", &arguments).await;
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        "ready\n",
        "{answer:?}"
    );
    // A session that is continued is that of the client with the certificate.
    let client = Arc::new(config(&server.authority, Some(&right)));
    for _ in 0..2 {
        server.says_ready(&client).await;
    }
}

#[tokio::test]
async fn what_is_no_tls_is_told_so_and_counted() {
    let server = SecureServer::start("", &["--handshake-timeout", "500ms"]).await;
    let url = format!("http://localhost:{}/readyz", server.address.port());
    let answer = run("curl", &["-sS", &url]).await;
    let text = String::from_utf8_lossy(&answer.stdout);
    assert_eq!(
        text,
        "this address speaks TLS alone: use https:// and wss://\n"
    );
    server.until_failed("plain_http", 1).await;
    let closed = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let start = Instant::now();
        // The connection may also be reset.
        let _ = soon("it is closed", stream.read_to_end(&mut answer)).await;
        (answer, start.elapsed())
    };
    closed(&[0, 1, 2, 3]).await;
    server.until_failed("not_tls", 1).await;
    closed(b"\r\n\r\n\0\r\nQUIT\n").await;
    server.until_failed("proxy", 1).await;
    // A record of a handshake with nonsense in it gets an alert.
    let (alert, _) = closed(&[&[0x16, 3, 1, 0, 8, 1, 0, 0, 4][..], &[9; 4]].concat()).await;
    assert_eq!(alert.first(), Some(&0x15), "{alert:?}");
    server.until_failed("protocol", 1).await;
    // Silence, and the first half of a message.
    for (number, start) in [(1, &[][..]), (2, &[0x16, 3, 1, 2, 0, 1, 0])] {
        let (answer, elapsed) = closed(start).await;
        assert!(answer.is_empty());
        assert!(elapsed >= Duration::from_millis(400), "{elapsed:?}");
        server.until_failed("timeout", number).await;
    }
    drop(TcpStream::connect(server.address).await.unwrap());
    server.until_failed("lost", 1).await;
    let mut http2 = server.config();
    http2.alpn_protocols = vec![b"h2".into()];
    let error = connect(server.address, &Arc::new(http2)).await.unwrap_err();
    assert!(
        error.to_string().contains("NoApplicationProtocol"),
        "{error}"
    );
    server.until_failed("incompatible", 1).await;
    until("none is under way", async || {
        server.program.metric("tickcast_handshakes_under_way").await == 0
    })
    .await;
    assert_eq!(server.program.metric("tickcast_connections").await, 0);
}

#[tokio::test]
async fn silent_handshakes_take_their_places_and_no_others() {
    let limits = ["--handshakes-max", "2", "--handshake-timeout", "1s"];
    let server = SecureServer::start("", &limits).await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    until("the places are taken", async || {
        server.program.metric("tickcast_handshakes_under_way").await == 2
    })
    .await;
    // The others wait for a place, and then for the timeout.
    server.until_failed("timeout", 6).await;
    let waited = server
        .program
        .metric("tickcast_handshakes_waited_total")
        .await;
    assert!((2..=4).contains(&waited), "{waited}");
    server.connect(&Arc::new(server.config())).await;
}

#[tokio::test]
async fn slow_handshakes_of_one_address_leave_places_for_others() {
    let keys = "proxy_protocol = \"v2\"\n";
    // A proxy on this machine names the addresses.
    let limits = [
        "--handshakes-max",
        "8",
        "--handshake-timeout",
        "20s",
        "--trusted-proxies",
        "127.0.0.1",
    ];
    let server = SecureServer::start(keys, &limits).await;
    let slow = async || {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let start = [&header("198.51.100.2:4000")[..], &[0x16, 3, 1]].concat();
        stream.write_all(&start).await.unwrap();
        stream
    };
    // Two of eight places are for one address.
    let first = [slow().await, slow().await];
    until("it has its places", async || {
        server.program.metric("tickcast_handshakes_under_way").await == 2
    })
    .await;
    for number in 1..=20 {
        let mut more = slow().await;
        let closed = soon("it is closed", more.read_u8()).await;
        assert!(closed.is_err());
        server.until_failed("address", number).await;
    }
    let told = "2 handshakes of its address are under way";
    let log = server.program.log();
    assert!(log.contains(told), "{log}");
    // Another address is served at once, and the first one again when a place is free.
    let serves = async |address: &str| {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&header(address)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(server.config()));
        soon("a handshake", connector.connect(name, stream))
            .await
            .is_ok()
    };
    for _ in 0..3 {
        assert!(serves("198.51.100.3:4000").await);
    }
    assert!(!serves("198.51.100.2:4001").await);
    drop(first);
    until("there is a place again", async || {
        serves("198.51.100.2:4001").await
    })
    .await;
    let timeouts = "tickcast_handshakes_failed_total{reason=\"timeout\"}";
    assert_eq!(server.program.metric(timeouts).await, 0);
}

#[tokio::test]
async fn a_certificate_or_key_that_cannot_be_used_is_told_before_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let authority = Authority::new("ours");
    let right = authority.issue(&["localhost"], Validity::Now);
    let other = authority.issue(&["localhost"], Validity::Now);
    let cert = write("cert.pem", &right.cert);
    let key = write("key.pem", &right.key);
    let other_key = write("other.pem", &other.key);
    let order = write("order.pem", &format!("{}{}", authority.pem(), right.cert));
    let expired = authority.issue(&["localhost"], Validity::Past);
    let future = authority.issue(&["localhost"], Validity::Future);
    let (old, old_key) = (
        write("old.pem", &expired.cert),
        write("old.key", &expired.key),
    );
    let (new, new_key) = (
        write("new.pem", &future.cert),
        write("new.key", &future.key),
    );
    let empty = write("empty.pem", "");
    let nowhere = folder.path().join("nowhere.pem").display().to_string();
    let config = folder.path().join("tickcast.toml");
    for (cert, key, place, expected) in [
        (
            &cert,
            &other_key,
            "tls_key",
            "does not belong to the certificate in",
        ),
        (
            &order,
            &key,
            "tls_cert",
            "wrong order: number 2 belongs to the private key",
        ),
        (&nowhere, &key, "tls_cert", "cannot read"),
        (&cert, &nowhere, "tls_key", "cannot read"),
        (
            &key,
            &key,
            "tls_cert",
            "has no certificate: it has a private key",
        ),
        (
            &cert,
            &cert,
            "tls_key",
            "has no private key: it has a certificate",
        ),
        (&empty, &key, "tls_cert", "has no certificate: it is empty"),
        (
            &old,
            &old_key,
            "tls_cert",
            "expired at 2020-12-31T00:00:00Z: renew it",
        ),
        (
            &new,
            &new_key,
            "tls_cert",
            "is not valid before 2090-01-01T00:00:00Z",
        ),
    ] {
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\ntls_cert = \"{cert}\"\ntls_key = \"{key}\"\n"
        );
        fs::write(&config, text).unwrap();
        let refused = command(&["--config", config.to_str().unwrap()]).output();
        let output = refused.await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(&format!("listen.{place}: ")), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[tokio::test]
async fn acceptors_give_way_to_shards() {
    /// The lowest priority. A test that runs with it itself sees no difference.
    const NICENESS_MAX: i32 = 19;
    let server = SecureServer::start("", &[]).await;
    let of = |name: &str| {
        let threads = server.program.niceness();
        // Linux cuts names of threads after 15 bytes.
        let found = threads.iter().find(|(thread, _)| thread.starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {threads:?}")).1
    };
    // The listener is bound, and logged, before its acceptor's thread runs.
    until("an acceptor gives way", async || {
        of("tickcast-accept") == (of("tickcast-shard-") + 5).min(NICENESS_MAX)
    })
    .await;
    assert_eq!(of("tickcast-ingest"), of("tickcast-shard-"));
}
