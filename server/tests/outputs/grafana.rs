//! Lines for Grafana Live, read by an HTTP server that refuses what the line protocol forbids.
//! Grafana itself is no package of Debian, so no test runs it.

use std::{collections::BTreeMap, fs};

use tickcast_server_testkit::until;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::source::Source;

/// A request: its head and its body.
struct Push {
    head: String,
    body: String,
}

/// Answers requests, each with the status of its number, and the last status from then on.
async fn serve(
    listener: TcpListener,
    statuses: &'static [&'static str],
    pushes: mpsc::Sender<Push>,
) {
    let mut answered = 0;
    while let Ok((mut stream, _)) = listener.accept().await {
        while let Some(push) = read(&mut stream).await {
            let status = statuses[answered.min(statuses.len() - 1)];
            answered += 1;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
            if status.starts_with("200") {
                pushes.send(push).await.unwrap();
            }
            if stream.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Push> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head.to_lowercase();
            let (_, length) = length.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().parse().unwrap();
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
                return Some(Push { head, body });
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(1..) => {}
            _ => return None,
        }
    }
}

/// Splits at the first `end` that is not escaped, and removes the escapes.
fn key(text: &str, end: char) -> (String, &str) {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => {
                let (_, escaped) = chars.next().expect("an escape has a character");
                assert!([',', ' ', '='].contains(&escaped), "{escaped:?} in {text}");
                key.push(escaped);
            }
            char if char == end => return (key, &text[at + char.len_utf8()..]),
            ',' | ' ' | '=' => panic!("{char:?} is not escaped in {text}"),
            char => key.push(char),
        }
    }
    panic!("no {end:?} in {text}");
}

/// A line: measurement and field, and the value as it is written.
fn line(text: &str) -> ((String, String), String) {
    let (measurement, rest) = key(text, ' ');
    assert!(!measurement.is_empty() && !measurement.starts_with('#'));
    let (field, rest) = key(rest, '=');
    let (value, time) = rest.rsplit_once(' ').expect("a line has a time");
    let time: i64 = time.parse().expect("a time in ns");
    assert!(time > 1_600_000_000_000_000_000, "{time}");
    match value.strip_prefix('"') {
        Some(quoted) => {
            let inner = quoted.strip_suffix('"').expect("a quoted text has an end");
            let plain = inner.replace("\\\\", "").replace("\\\"", "");
            assert!(!plain.contains(['"', '\\']), "{value}");
        }
        None => assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{value}"),
    }
    ((measurement, field), value.to_owned())
}

#[tokio::test]
async fn lines_are_pushed_with_the_token_and_again_after_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut pushes) = mpsc::channel(1_000);
    tokio::spawn(serve(listener, &["401 Unauthorized", "200 OK"], sender));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "glsa_secret\n").unwrap();
    let mut source = Source::start(&format!(
        "[[output]]\ngrafana = \"http://{address}/api/live/push/tickcast\"\nevery = \"0s\"\n\
         token_file = \"{}\"\n",
        token.display()
    ))
    .await;
    source
        .put("plant/line1/temp 21.5\nplant/line1/a,b=c 2\nplant/door open \"wide\"\nalone 7\n")
        .await;
    let mut seen = BTreeMap::new();
    until("all topics come", async || {
        while let Ok(push) = pushes.try_recv() {
            assert!(
                push.head
                    .starts_with("POST /api/live/push/tickcast HTTP/1.1\r\n")
            );
            let head = push.head.to_lowercase();
            assert!(head.contains("authorization: bearer glsa_secret"), "{head}");
            assert!(push.body.ends_with('\n'));
            seen.extend(push.body.lines().map(line));
        }
        seen.len() == 4
    })
    .await;
    let of = |measurement: &str, field: &str| {
        let key = (measurement.to_owned(), field.to_owned());
        seen.get(&key)
            .cloned()
            .unwrap_or_else(|| panic!("{seen:?}"))
    };
    assert_eq!(of("plant.line1", "temp"), "21.5");
    assert_eq!(of("plant.line1", "a,b=c"), "2");
    assert_eq!(of("plant", "door"), "\"open \\\"wide\\\"\"");
    assert_eq!(of("topics", "alone"), "7");
    source.until("sent_total", 4).await;
    assert_eq!(
        source
            .program
            .metric("tickcast_output_refused_total{")
            .await,
        1
    );
    // The log names the reason, and never the token.
    let log = source.program.log();
    assert!(log.contains("check token_file"), "{log}");
    assert!(!log.contains("glsa_secret"), "{log}");
}
