//! Tickets for event streams, from end to end.

use std::{fs, net::SocketAddr, path::Path};

use serde_json::Value;
use tickcast_server_testkit::{
    raw::{Answer, ask},
    soon,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::identities::{Identities, READER, bearer, metric, operate};

/// The answer in docs/security.md.
fn documented() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, block) = text.split_once("```json\n").unwrap();
    let (block, _) = block.split_once("\n```").unwrap();
    serde_json::from_str(block).unwrap()
}

async fn post(address: SocketAddr, more: &str) -> Answer {
    let head = "POST /v1/ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    ask(address, &format!("{head}{more}")).await
}

async fn ticket(address: SocketAddr, token: &str) -> String {
    let answer = post(address, &bearer(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let documented = documented();
    let members = |value: &Value| -> Vec<_> {
        let members = value.as_object().unwrap().keys();
        members.cloned().collect()
    };
    assert_eq!(members(&body), members(&documented));
    assert_eq!(body["expires_in_ms"], documented["expires_in_ms"]);
    body["ticket"].as_str().unwrap().to_owned()
}

/// The first line of the answer to a request for an event stream.
async fn stream(address: SocketAddr, query: &str) -> String {
    let head = format!("GET /v1/stream?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    soon("an answer", async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n") {
            text.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    })
    .await
}

#[tokio::test]
async fn a_ticket_opens_one_event_stream_and_a_replayed_one_opens_none() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let address = server.address;
    let first = ticket(address, &token).await;
    let query = format!("filter=eu/%23&ticket={first}");
    let answer = stream(address, &query).await;
    assert!(answer.contains(" 200 "), "{answer}");
    let answer = stream(address, &query).await;
    assert!(answer.contains(" 401 "), "{answer}");
    // A ticket allows what its identity may do.
    let second = ticket(address, &token).await;
    let answer = stream(address, &format!("filter=us&ticket={second}")).await;
    assert!(answer.contains(" 403 "), "{answer}");
    // It is for event streams alone, and gives no other ticket.
    let third = ticket(address, &token).await;
    let head = format!("GET /v1/latest?ticket={third} HTTP/1.1\r\nHost: localhost\r\n");
    assert_eq!(ask(address, &head).await.status, 401);
    let head = format!("POST /v1/ticket?ticket={third} HTTP/1.1\r\nHost: localhost\r\n");
    let head = format!("{head}Content-Length: 0\r\n");
    assert_eq!(ask(address, &head).await.status, 401);
    // A revocation reaches a ticket that was not used yet.
    operate(admin, "/v1/revoke?subject=alice").await;
    let answer = stream(address, &format!("filter=eu/%23&ticket={third}")).await;
    assert!(answer.contains(" 401 "), "{answer}");
    let refused = "tickcast_refused_total{reason=\"ticket\"}";
    assert_eq!(metric(admin, refused).await, 2);
    let log = format!("{}{}", server.first_log(), server.log());
    assert!(!log.contains("tck_"), "{log}");
}

#[tokio::test]
async fn a_ticket_needs_a_token_a_post_and_a_page_of_its_own() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, _) = identities.start(&["--feed", "none"]).await;
    let address = server.address;
    assert_eq!(post(address, "").await.status, 401);
    assert_eq!(post(address, &bearer("tct_wrong")).await.status, 401);
    let foreign = format!("{}Origin: https://evil.example\r\n", bearer(&token));
    assert_eq!(post(address, &foreign).await.status, 403);
    let head = format!(
        "GET /v1/ticket HTTP/1.1\r\nHost: localhost\r\n{}",
        bearer(&token)
    );
    let answer = ask(address, &head).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("post, options"));
}
