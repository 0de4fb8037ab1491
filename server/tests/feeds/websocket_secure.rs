//! The feed `websocket` over TLS.

use std::path::PathBuf;

use tempfile::TempDir;
use tickcast_protocol::value::Value;
use tickcast_server::testing::{ClientTls, Source, websocket::WebsocketSettings};
use tickcast_server_testkit::{
    Program,
    certificates::{Authority, Validity},
    feed::RunningFeed,
    until,
};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::websocket_server::WebSocketServer;

struct Authorities {
    folder: TempDir,
    ours: Authority,
    theirs: Authority,
}

impl Authorities {
    fn new() -> Self {
        let authorities = Self {
            folder: tempfile::tempdir().unwrap(),
            ours: Authority::new("ours"),
            theirs: Authority::new("theirs"),
        };
        for (name, authority) in [("ours", &authorities.ours), ("theirs", &authorities.theirs)] {
            std::fs::write(authorities.path(name), authority.pem()).unwrap();
        }
        authorities
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.pem"))
    }

    /// The files of a certificate of our authority.
    fn issue(&self, name: &str, validity: Validity) -> (PathBuf, PathBuf) {
        let certificate = self.ours.issue(&[name], validity);
        certificate.write(self.folder.path(), &format!("{name}-{validity:?}"))
    }
}

fn start(server: &WebSocketServer, tls: ClientTls) -> RunningFeed {
    let settings = WebsocketSettings {
        url: Some(server.url().parse().unwrap()),
        tls,
        ..WebsocketSettings::default()
    };
    RunningFeed::start(Source::Websocket(Box::new(settings)), Vec::new())
}

#[tokio::test]
async fn messages_arrive_from_a_server_that_is_verified_and_verifies() {
    let authorities = Authorities::new();
    let server = authorities.issue("127.0.0.1", Validity::Now);
    let client = authorities.theirs.issue(&["feed"], Validity::Now);
    let (cert, key) = client.write(authorities.folder.path(), "feed");
    for is_mutual in [false, true] {
        let clients = is_mutual.then_some(&authorities.theirs);
        let server = WebSocketServer::with_tls(server.clone(), clients).await;
        let mut feed = start(
            &server,
            ClientTls {
                ca: Some(authorities.path("ours")),
                cert: is_mutual.then(|| cert.clone()),
                key: is_mutual.then(|| key.clone()),
                ..ClientTls::default()
            },
        );
        let mut peer = server.accept().await;
        peer.send("7").await;
        assert_eq!(feed.next().await.value, Value::Reading(7.0));
        feed.stop().await;
    }
}

/// A file that is gone for a moment does not end a feed: what was read before is used.
#[tokio::test]
async fn a_file_that_cannot_be_read_again_is_told_and_the_last_one_is_used() {
    let authorities = Authorities::new();
    let server = authorities.issue("127.0.0.1", Validity::Now);
    let server = WebSocketServer::with_tls(server, None).await;
    let (url, ca) = (server.url(), authorities.path("ours"));
    let ca_flag = format!("--websocket-tls-ca={}", ca.display());
    let program = Program::start(&["--feed=websocket", "--websocket-url", &url, &ca_flag]).await;
    let peer = server.accept().await;
    std::fs::remove_file(ca).unwrap();
    drop(peer);
    let mut peer = server.accept().await;
    peer.send("7").await;
    until("the message comes", async || {
        program.metric("tickcast_feed_submitted_total").await == 1
    })
    .await;
    let log = program.log();
    assert!(
        log.contains("ours.pem") && log.contains("what was read before is used"),
        "{log}"
    );
    assert!(
        log.contains("the server closed the connection without a close frame"),
        "{log}"
    );
}

/// A program with this feed must say why it has no connection, and try again.
async fn check<const N: usize>(url: &str, flags: &[String], parts: [&str; N]) {
    let mut arguments = vec!["--feed=websocket", "--websocket-url", url];
    arguments.extend(flags.iter().map(String::as_str));
    let program = Program::start(&arguments).await;
    let log = || format!("{}{}", program.first_log(), program.log());
    until(&format!("{parts:?} of {url}"), async || {
        let log = log();
        parts.iter().all(|part| log.contains(part)) && log.matches("no connection").count() >= 2
    })
    .await;
    let log = log();
    assert!(!log.contains("secret"), "{log}");
    let state = "tickcast_feed_state{feed=\"websocket\",kind=\"websocket\",state=\"up\"}";
    assert_eq!(program.metric(state).await, 0);
}

#[tokio::test]
async fn a_server_that_is_not_accepted_or_does_not_accept_is_explained_in_the_log() {
    let authorities = Authorities::new();
    let start = async |name: &str, validity, clients| {
        let files = authorities.issue(name, validity);
        let server = WebSocketServer::with_tls(files, clients).await;
        let url = server.url();
        (url, tokio::spawn(server.turn_away()))
    };
    let right = start("127.0.0.1", Validity::Now, None).await.0;
    let expired = start("127.0.0.1", Validity::Past, None).await.0;
    let named = start("a.example", Validity::Now, None).await.0;
    let mutual = start("127.0.0.1", Validity::Now, Some(&authorities.theirs))
        .await
        .0;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_url = format!("127.0.0.1:{}/", plain.local_addr().unwrap().port());
    // It speaks neither TLS nor HTTP, and closes.
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = plain.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    let flag = |key: &str, path: PathBuf| format!("--websocket-tls-{key}={}", path.display());
    let (ours, theirs) = (
        flag("ca", authorities.path("ours")),
        [flag("ca", authorities.path("theirs"))],
    );
    let (cert, key) = authorities.issue("feed", Validity::Now);
    let strange = [ours.clone(), flag("cert", cert), flag("key", key)];
    let without_tls = right.replace("wss:", "ws:");
    let wrong_ca = "the certificate of 127.0.0.1 is not signed by an authority";
    let ours = [ours];
    tokio::join!(
        check(&right, &theirs, [wrong_ca, "theirs.pem: set tls_ca"]),
        check(
            &right,
            &[],
            [wrong_ca, "that the system trusts: set tls_ca"]
        ),
        check(
            &expired,
            &ours,
            ["the certificate of 127.0.0.1 expired at 2020-12-31T00:00:00Z: renew it"],
        ),
        check(
            &named,
            &ours,
            [
                "the server's certificate is for a.example, not for 127.0.0.1",
                "tls_server_name"
            ],
        ),
        check(
            &mutual,
            &ours,
            ["the server requires a client certificate: set tls_cert and tls_key"],
        ),
        check(
            &mutual,
            &strange,
            [
                "the server does not trust the authority of the client certificate",
                "feed-Now.pem"
            ],
        ),
    );
    let closed = "the server closed the connection during the WebSocket handshake";
    let (plain_wss, plain_ws) = (format!("wss://{plain_url}"), format!("ws://{plain_url}"));
    tokio::join!(
        check(
            &plain_wss,
            &ours,
            [
                "the server closed the connection during the TLS handshake",
                "may be one without TLS"
            ],
        ),
        check(
            &plain_ws,
            &[],
            [
                closed,
                "this port may be one for TLS (wss://), or without WebSocket"
            ],
        ),
        check(
            &without_tls,
            &[],
            ["the server's answer is not HTTP: this port may be one for TLS (wss://)"],
        ),
        check(
            &right,
            &ours,
            [closed, "this port may be one without WebSocket"]
        ),
    );
}
