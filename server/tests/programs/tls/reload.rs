//! Certificates that are replaced while connections are open.

use std::{fs, sync::Arc};

use serde_json::json;
use tickcast_server_testkit::{
    certificates::{Authority, Validity},
    raw::{PING, PONG, RawSocket},
    until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use super::client::{SecureServer, SecureSocket, config, connect};

/// Connections that must survive.
const CONNECTIONS: usize = 1_000;

/// The certificate that a server shows to a new client.
async fn shown(server: &SecureServer) -> Vec<u8> {
    let stream = server.connect(&Arc::new(server.config())).await;
    let certificates = stream.get_ref().1.peer_certificates().unwrap();
    certificates[0].to_vec()
}

async fn hang_up(server: &SecureServer, told: &str) {
    server.program.signal("HUP").await;
    until(told, async || server.program.log().contains(told)).await;
}

#[tokio::test]
async fn a_certificate_is_replaced_under_a_thousand_connections_and_none_is_lost() {
    let limits = ["--connections-per-address-max", "10000"];
    let server = SecureServer::start("", &limits).await;
    let client = Arc::new(server.config());
    let mut opening = JoinSet::new();
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let (address, client) = (server.address, Arc::clone(&client));
        opening.spawn(async move {
            let stream = connect(address, &client).await.unwrap();
            SecureSocket::open(stream, "/ws").await
        });
        if opening.len() == 50 {
            sockets.push(opening.join_next().await.unwrap().unwrap());
        }
    }
    sockets.extend(opening.join_all().await);
    let first = shown(&server).await;
    let renewed = server.authority.issue(&["localhost"], Validity::Now);
    renewed.write(server.folder.path(), "server");
    assert_eq!(shown(&server).await, first, "a file alone changes nothing");
    hang_up(&server, "is used for new connections").await;
    let second = shown(&server).await;
    assert_ne!(second, first);
    // All of them still work, with the sessions that they have.
    for socket in &mut sockets {
        socket.send_frame(PING, b"still").await;
    }
    for socket in &mut sockets {
        loop {
            let (first, payload) = socket.frame().await;
            if first == PONG {
                assert_eq!(payload, b"still");
                break;
            }
        }
    }
    let open = server.program.metric("tickcast_connections").await;
    assert_eq!(open, CONNECTIONS as u64);
    // None of them has come back either.
    let connected = server.program.metric("tickcast_connected_total").await;
    assert_eq!(connected, CONNECTIONS as u64);
}

#[tokio::test]
async fn what_is_wrong_with_new_files_is_told_and_the_old_ones_remain() {
    let server = SecureServer::start("", &[]).await;
    let first = shown(&server).await;
    let write = |name: &str, text: &str| fs::write(server.path(name), text).unwrap();
    let right = server.authority.issue(&["localhost"], Validity::Now);
    let expired = server.authority.issue(&["localhost"], Validity::Past);
    let steps: [(&str, &str, &str); 3] = [
        (
            &right.cert,
            &expired.key,
            "does not belong to the certificate",
        ),
        (&expired.cert, &expired.key, "expired at 2020-12-31"),
        ("nonsense", &right.key, "has no certificate"),
    ];
    for (cert, key, told) in steps {
        write("server.pem", cert);
        write("server.key", key);
        hang_up(&server, told).await;
        assert_eq!(shown(&server).await, first, "{told}");
    }
    fs::remove_file(server.path("server.key")).unwrap();
    write("server.pem", &right.cert);
    hang_up(&server, "cannot read").await;
    assert_eq!(shown(&server).await, first);
    write("server.key", &right.key);
    hang_up(&server, "is used for new connections").await;
    assert_ne!(shown(&server).await, first);
    // What is already there works all the time.
    let mut socket = RawSocket::open(server.program.address, "/ws", "").await;
    let subscribe = json!({"type": "subscribe", "filters": ["a"]});
    socket.send_json(&subscribe).await;
    socket.json("subscribed").await;
}

#[tokio::test]
async fn a_client_authority_that_is_replaced_ends_the_sessions_of_the_old_one() {
    let server = SecureServer::start("tls_client_ca = \"FOLDER/ca.pem\"\n", &[]).await;
    let own = server.authority.issue(&["a"], Validity::Now);
    let client = Arc::new(config(&server.authority, Some(&own)));
    let serves = async |client| {
        let Ok(mut stream) = connect(server.address, client).await else {
            return false;
        };
        let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = String::new();
        stream.write_all(request).await.is_ok()
            && stream.read_to_string(&mut answer).await.is_ok()
            && answer.ends_with("ready\n")
    };
    assert!(serves(&client).await);
    assert!(serves(&client).await);
    let resumed = "tickcast_handshakes_total{kind=\"resumed\"}";
    assert_eq!(server.program.metric(resumed).await, 1);
    fs::write(server.path("ca.pem"), Authority::new("new").pem()).unwrap();
    hang_up(&server, "is used for new connections").await;
    // Its ticket does not help it: the authority of its certificate is not accepted any more.
    assert!(!serves(&client).await);
    assert_eq!(server.program.metric(resumed).await, 1);
}
