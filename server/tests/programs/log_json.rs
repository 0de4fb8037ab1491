//! A log of JSON: no line is anything else, from the start to the end.

use std::{fs, net::SocketAddr};

use serde_json::Value;
use tickcast_server_testkit::{Program, command, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::operators::send;

/// All lines, each of which must have what a line has.
fn lines(text: &str) -> Vec<Value> {
    let lines = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let lines: Result<Vec<_>, _> = lines.collect();
    let lines = lines.unwrap_or_else(|error| panic!("{error}: {text}"));
    for line in &lines {
        let mut keys: Vec<_> = line.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(
            keys,
            ["fields", "level", "message", "target", "time"],
            "{line}"
        );
        let time = line["time"].as_str().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{line}");
        let target = line["target"].as_str().unwrap();
        assert!(target.starts_with("tickcast_server"), "{line}");
        assert!(line["fields"].is_object(), "{line}");
    }
    lines
}

async fn until_logged(server: &Program, part: &str) {
    until(part, async || server.log().contains(part)).await;
}

#[tokio::test]
async fn every_line_is_json_through_reloads_other_filters_and_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tickcast.toml");
    fs::write(&path, "log_format = \"json\"\nlog = \"debug\"\n").unwrap();
    let config = path.to_str().unwrap();
    let arguments = [
        "--config",
        config,
        "--feed",
        "stdin",
        "--admin",
        "127.0.0.1:0",
    ];
    let mut server = Program::start(&arguments).await;
    let (_, admin) = server.first_log().split_once("http://").unwrap();
    let admin: SocketAddr = admin.split_once('/').unwrap().0.parse().unwrap();
    // What a source and a stranger have written is in the log, as it is.
    let mut input = server.take_input();
    input
        .write_all(b"a\"b\\\x01\x1b[31m\x7f\xc3\xa9\n")
        .await
        .unwrap();
    until_logged(&server, "cannot read").await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"b\"a\\d\x01\r\n\r\n").await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    until_logged(&server, "the HTTP connection failed").await;
    // The format stays when the filter changes, in both ways.
    fs::write(&path, "log_format = \"text\"\nlog = \"info\"\n").unwrap();
    server.signal("HUP").await;
    until_logged(&server, "the log filter is info now").await;
    until_logged(&server, "they need a restart").await;
    let filter = "/v1/log?filter=warn,tickcast_server::program=info";
    assert_eq!(send(admin, "POST", filter, "").await.status, 200);
    server.terminate().await;
    until_logged(&server, "drained").await;

    let first = lines(server.first_log());
    let listening = first.last().unwrap();
    assert_eq!(listening["level"], "INFO");
    assert_eq!(listening["target"], "tickcast_server::program");
    assert!(listening["fields"]["shards"].is_u64(), "{listening}");
    let log = server.log();
    let all = lines(&log);
    assert_eq!(all.len(), log.lines().count(), "each is one line");
    let has = |level: &str, part: &str| {
        let is_it = |line: &&Value| {
            line["level"] == level && line["message"].as_str().unwrap().contains(part)
        };
        all.iter().any(|line| is_it(&line))
    };
    assert!(has("WARN", "they need a restart"), "{log}");
    assert!(has("DEBUG", "the HTTP connection failed"), "{log}");
    let bad = all
        .iter()
        .find(|line| line.to_string().contains("cannot read"));
    let bad = bad.unwrap().to_string();
    assert!(!bad.contains('\u{1b}'), "{bad}");
    assert_eq!(server.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_server_that_cannot_start_says_so_in_json_whatever_is_filtered() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for level in ["info", "off"] {
        let arguments = ["--listen", &address, "--log-format", "json", "--log", level];
        let output = command(&arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        let lines = lines(&text);
        let last = lines.last().unwrap();
        assert_eq!(last["level"], "ERROR");
        let message = last["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("cannot listen on {address}")),
            "{message}"
        );
    }
}

#[test]
fn the_line_in_the_document_for_operators_is_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, example) = text.split_once("log_json.rs -->\n\n```json\n").unwrap();
    let (line, _) = example.split_once("\n```\n").unwrap();
    assert_eq!(lines(line).len(), 1);
}
