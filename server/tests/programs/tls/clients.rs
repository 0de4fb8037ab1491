//! The Rust client over TLS.

use std::{fs, path::PathBuf};

use tickcast_protocol::{
    client::{ConnectError, ConnectOptions, Connection},
    codec::Encoding,
    message::{ClientMessage, Mode, Publish, ServerMessage, Subscribe},
    tls::TlsOptions,
    value::Value,
};
use tickcast_server_testkit::{
    certificates::{Authority, Validity},
    soon,
    subscriber::publication,
    tls_server::TlsServer,
};

use super::client::SecureServer;

fn options(server: &SecureServer, ca: PathBuf) -> ConnectOptions {
    let url = format!("wss://localhost:{}/ws", server.address.port());
    ConnectOptions {
        tls: TlsOptions {
            ca: Some(ca),
            ..TlsOptions::named_as_flags()
        },
        ..ConnectOptions::new(url, Encoding::Bincode)
    }
}

async fn refused(options: &ConnectOptions) -> String {
    let connected = soon("a refusal", Connection::connect(options)).await;
    match connected.unwrap_err() {
        ConnectError::Tls(reason) => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_rust_client_speaks_wss_with_a_ca_of_one_s_own() {
    let server = SecureServer::start("", &[]).await;
    let options = options(&server, server.path("ca.pem"));
    let connection = soon("a connection", Connection::connect(&options)).await;
    let mut connection = connection.unwrap();
    assert_eq!(connection.local_addr().ip(), server.address.ip());
    let subscribe = Subscribe {
        id: 1,
        filters: vec!["a".into()],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    soon(
        "it is sent",
        connection.send(&ClientMessage::Subscribe(subscribe)),
    )
    .await
    .unwrap();
    // Each is longer than several records, and all are longer than what TLS may hold.
    let text = "x".repeat(60_000);
    for id in 1..=20 {
        let publish = ClientMessage::Publish(Publish {
            id: Some(id),
            updates: vec![publication("a", Value::Text(text.clone()))],
        });
        let sent = soon("it is sent", connection.send(&publish));
        sent.await.unwrap();
    }
    let mut seen = 0;
    while seen < 20 {
        let message = soon("a message", connection.next()).await.unwrap();
        if let ServerMessage::Batch(batch) = message {
            seen += batch.updates.len();
        }
    }
}

#[tokio::test]
async fn the_rust_client_says_why_a_server_is_not_trusted() {
    let server = SecureServer::start("", &[]).await;
    let other = server.path("theirs.pem");
    fs::write(&other, Authority::new("theirs").pem()).unwrap();
    let reason = refused(&options(&server, other)).await;
    assert!(
        reason.contains("is not signed by an authority in"),
        "{reason}"
    );
    assert!(reason.contains("set --ca to"), "{reason}");
    let missing = refused(&options(&server, server.path("nowhere.pem"))).await;
    assert!(missing.starts_with("--ca: cannot read"), "{missing}");
    let plain = ConnectOptions {
        url: format!("wss://localhost:{}/ws", server.program.address.port()),
        ..options(&server, server.path("ca.pem"))
    };
    let reason = refused(&plain).await;
    assert!(reason.contains("this port is one without TLS"), "{reason}");
}

#[tokio::test]
async fn the_rust_client_refuses_a_certificate_of_another_name_and_one_that_has_expired() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours");
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, authority.pem()).unwrap();
    for (names, validity, expected) in [
        ("localhost", Validity::Now, None),
        ("other.example", Validity::Now, Some("not for localhost")),
        ("localhost", Validity::Past, Some("expired at 2020-12-31")),
        ("localhost", Validity::Future, Some("is not valid before")),
    ] {
        let certificate = authority.issue(&[names], validity);
        let server = TlsServer::start(folder.path(), &certificate);
        let options = ConnectOptions {
            tls: TlsOptions {
                ca: Some(ca.clone()),
                ..TlsOptions::named_as_flags()
            },
            ..ConnectOptions::new(server.url(), Encoding::Bincode)
        };
        match (
            soon("an end", Connection::connect(&options)).await,
            expected,
        ) {
            // It is a server that is trusted, and none for WebSockets.
            (Err(ConnectError::Tls(reason)), None) => panic!("{reason}"),
            (Err(ConnectError::Tls(reason)), Some(expected)) => {
                assert!(reason.contains(expected), "{reason}");
            }
            (Err(_), None) => {}
            (other, _) => panic!("{names} {validity:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_rust_client_shows_its_certificate_and_says_if_it_lacks_one() {
    let server = SecureServer::start("tls_client_ca = \"FOLDER/ca.pem\"\n", &[]).await;
    let mut options = options(&server, server.path("ca.pem"));
    let reason = refused(&options).await;
    assert!(reason.contains("requires a client certificate"), "{reason}");
    assert!(reason.contains("--cert and --key"), "{reason}");
    let own = server.authority.issue(&["a"], Validity::Now);
    let (cert, key) = own.write(server.folder.path(), "client");
    (options.tls.cert, options.tls.key) = (Some(cert), Some(key));
    let connected = soon("a connection", Connection::connect(&options)).await;
    assert!(connected.is_ok(), "{connected:?}");
}
