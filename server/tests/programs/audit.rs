//! The audit, from end to end: what it says is what clients have seen.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tickcast_server_testkit::{raw::RawSocket, until};

use crate::identities::{Identities, READER, bearer, handshake, metric, operate, read, subscribe};

/// The lines of an event.
fn lines(path: &Path, event: &str) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["event"] == event)
        .collect()
}

#[tokio::test]
async fn the_audit_says_exactly_which_positions_were_handed_to_whom() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write("[roles.reader]\nsubscribe = [\"#\"]\n");
    let path = identities.path().with_file_name("audit.jsonl");
    let audit = path.display().to_string();
    let (server, admin) = identities
        .start(&["--audit", &audit, "--sim-rate", "5000"])
        .await;
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(&token)).await;
    socket.send_json(&subscribe(&["#"])).await;
    let accepted = socket.json("subscribed").await["results"][0].take();
    let mut live = Vec::new();
    let mut batches = 0;
    let code = loop {
        let (first, payload) = socket.frame().await;
        if first == 0x88 {
            break u16::from_be_bytes([payload[0], payload[1]]);
        }
        let message: Value = serde_json::from_slice(&payload).unwrap_or_default();
        if message["type"] == "batch" && message["snapshot"] == false {
            let updates = message["updates"].as_array().unwrap();
            live.extend(
                updates
                    .iter()
                    .map(|update| update["position"].as_u64().unwrap()),
            );
            batches += 1;
            if batches == 50 {
                let kicked = operate(admin, "/v1/kick?subject=alice").await;
                assert_eq!(kicked.status, 200, "{}", kicked.body);
            }
        }
    };
    assert_eq!(code, 4503);
    until("the end is in the audit", async || {
        !lines(&path, "closed").is_empty() && !lines(&path, "command").is_empty()
    })
    .await;
    let [granted] = &lines(&path, "granted")[..] else {
        panic!("one subscription");
    };
    let [ended] = &lines(&path, "ended")[..] else {
        panic!("one end");
    };
    assert_eq!(granted["from"], accepted["position"]);
    assert_eq!(granted["channel"], accepted["channel"]);
    assert_eq!(granted["snapshot_after"], accepted["snapshot"]);
    for line in [granted, ended] {
        assert_eq!(line["subject"], "alice");
        assert_eq!(line["filter"], "#");
        assert_eq!(line["connection"], granted["connection"]);
    }
    let first = granted["from"].as_u64().unwrap() + 1;
    let last = ended["to"].as_u64().unwrap();
    assert_eq!(live, (first..=last).collect::<Vec<_>>());
    let [connected] = &lines(&path, "connected")[..] else {
        panic!("one connection");
    };
    assert!(
        connected["client"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert_eq!(lines(&path, "closed")[0]["code"], 4503);
    let command = &lines(&path, "command")[0];
    assert_eq!(
        (&command["command"], &command["affected"]),
        (&json!("kick"), &json!(1))
    );
}

#[tokio::test]
async fn the_audit_has_refusals_and_no_token_and_goes_on_after_a_restart() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let path = identities.path().with_file_name("audit.jsonl");
    let audit = path.display().to_string();
    let more = ["--audit", audit.as_str(), "--feed", "none"];
    let (server, admin) = identities.start(&more).await;
    let answer = handshake(&server, "/ws", &bearer("tct_wrong")).await;
    assert_eq!(answer.status, 401);
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(&token)).await;
    socket.send_json(&subscribe(&["us/#"])).await;
    socket.json("subscribed").await;
    let latest = read(&server, "/v1/latest?filter=eu/%23", &bearer(&token)).await;
    assert_eq!(latest.status, 200, "{}", latest.body);
    operate(admin, "/v1/revoke?subject=alice").await;
    assert_eq!(socket.closed().await, 4502);
    assert_eq!(handshake(&server, "/ws", &bearer(&token)).await.status, 401);
    until("all of it is written", async || {
        lines(&path, "refused").len() == 3 && !lines(&path, "closed").is_empty()
    })
    .await;
    let refused = lines(&path, "refused");
    assert_eq!(refused[0]["why"], "token");
    assert_eq!(refused[1]["why"], "subscribing not allowed");
    assert_eq!(refused[1]["subject"], "alice");
    assert!(refused[2]["reason"].as_str().unwrap().contains("revoked"));
    let read = &lines(&path, "read")[0];
    assert_eq!(
        (&read["what"], &read["subject"]),
        (&json!("latest"), &json!("alice"))
    );
    assert_eq!(metric(admin, "tickcast_audit_dropped_total").await, 0);
    assert!(metric(admin, "tickcast_audit_lines_total").await >= 8);
    server.terminate().await;
    server.end().await;
    let (_server, _) = identities.start(&more).await;
    until("it goes on", async || lines(&path, "started").len() == 2).await;
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("tct_"), "{text}");
}

#[tokio::test]
async fn an_audit_that_cannot_be_opened_is_an_error_at_the_start() {
    let output = tickcast_server_testkit::command(&["--audit", "/nowhere/audit", "--feed", "none"])
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("/nowhere/audit"), "{text}");
}
