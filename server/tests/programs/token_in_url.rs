//! Tokens in URLs, where they do not belong.

use std::fs;

use tickcast_server_testkit::raw::{ask, get};

use crate::identities::{Identities, READER, bearer, handshake, operate, read};

const ROLES: &str = "[roles.warden]\ncommands = [\"who\", \"kick\", \"revoke\"]\n";

#[tokio::test]
async fn a_token_in_a_url_gives_nothing_and_is_nowhere_to_be_read() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    let warden = identities.make("wendy", "warden").await;
    identities.write(&format!("{READER}{ROLES}[admin]\nalways_token = true\n"));
    let path = identities.path().with_file_name("audit.jsonl");
    let audit = path.display().to_string();
    let more = ["--audit", &audit, "--feed", "none", "--log", "trace"];
    let (server, admin) = identities.start(&more).await;
    // Any signed token looks like this one.
    let signed = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJib2IifQ.c2VjcmV0LXNpZ25hdHVyZQ";
    for token in [token.as_str(), signed] {
        for name in [
            "token",
            "access_token",
            "bearer",
            "jwt",
            "%74oken",
            "ticket",
        ] {
            let query = format!("filter=eu/%23&{name}={token}");
            for path in ["/v1/stream", "/v1/latest"] {
                let answer = read(&server, &format!("{path}?{query}"), "").await;
                assert!((400..=401).contains(&answer.status), "{name} {path}");
                assert!(!answer.body.contains(&token[4..]), "{}", answer.body);
            }
            if name != "ticket" {
                let answer = handshake(&server, &format!("/ws?{name}={token}"), "").await;
                assert_eq!(answer.status, 400, "{name}");
            }
            // Not even beside the right token.
            let right = bearer(token);
            let answer = read(&server, &format!("/v1/latest?{query}"), &right).await;
            assert!((400..=401).contains(&answer.status), "{name}");
            let head = format!("POST /v1/ticket?{name}={token} HTTP/1.1\r\nHost: localhost\r\n");
            let head = format!("{head}Content-Length: 0\r\n");
            let answer = ask(server.address, &head).await;
            assert!((400..=401).contains(&answer.status), "{name}");
        }
    }
    // Operators name a token by its id. The token itself is a mistake.
    for secret in [token.as_str(), warden.as_str(), signed] {
        let more = bearer(&warden);
        for (command, name) in [
            ("kick", "token"),
            ("revoke", "token"),
            ("revoke", "subject"),
            ("kick", "access_token"),
        ] {
            let head =
                format!("POST /v1/{command}?{name}={secret} HTTP/1.1\r\nHost: localhost\r\n");
            let answer = ask(admin, &format!("{head}Content-Length: 0\r\n{more}")).await;
            assert_eq!(answer.status, 400, "{command} {name}: {}", answer.body);
            assert!(!answer.body.contains(&secret[4..]), "{}", answer.body);
        }
        let kick = operate(admin, &format!("/v1/kick?token={secret}")).await;
        assert_eq!(kick.status, 401, "{}", kick.body);
        let who = get(admin, &format!("/v1/who?access_token={secret}")).await;
        assert_eq!(who.status, 401, "{}", who.body);
    }
    let head = "POST /v1/kick?subject=carol HTTP/1.1\r\nHost: localhost\r\n";
    let head = format!("{head}Content-Length: 0\r\n{}", bearer(&warden));
    assert_eq!(ask(admin, &head).await.status, 200);
    let metrics = get(admin, "/metrics").await.body;
    server.terminate().await;
    let log = format!("{}{}", server.first_log(), server.log());
    server.end().await;
    let audit = fs::read_to_string(&path).unwrap();
    assert!(audit.contains("\"event\":\"refused\""), "{audit}");
    assert!(audit.contains("\"event\":\"command\""), "{audit}");
    let revoked = identities.path().with_file_name("identities.toml.revoked");
    let revoked = fs::read_to_string(revoked).unwrap_or_default();
    for (name, text) in [
        ("log", &log),
        ("audit", &audit),
        ("metrics", &metrics),
        ("revocations", &revoked),
    ] {
        for secret in [token.as_str(), warden.as_str(), signed] {
            // Parts of it as well.
            for part in secret.split('.').filter(|part| part.len() > 12) {
                assert!(!text.contains(&part[4..]), "{name}: {text}");
            }
        }
    }
}
