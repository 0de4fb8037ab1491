//! The program and its surroundings: handwritten clients, HTTP, pipes, signals and wrong settings.

use std::{fs, net::TcpListener};

use serde_json::json;
use tickcast_protocol::{
    client::ConnectionError,
    codec::Encoding,
    message::{Draining, Mode, ServerMessage},
    value::Value,
};
use tickcast_server_testkit::{
    Program, command,
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, ask, get},
    soon,
    subscriber::{ENCODINGS, Publisher, Subscriber, number, publication, reading},
    until,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn without_feed() -> Program {
    Program::start(&["--feed", "none"]).await
}

#[tokio::test]
async fn a_handwritten_json_client_and_the_bincode_client_see_the_same_updates() {
    let server = without_feed().await;
    let mut by_hand = RawSocket::open(server.address, "/ws", "").await;
    assert!(
        !by_hand
            .head
            .to_ascii_lowercase()
            .contains("sec-websocket-protocol")
    );
    let welcome = by_hand.json("welcome").await;
    let request = json!({"type": "subscribe", "filters": ["a/+"], "mode": "every"});
    by_hand.send_json(&request).await;
    let subscribed = by_hand.json("subscribed").await;
    assert_eq!(subscribed["results"][0]["epoch"], welcome["epoch"]);
    let url = server.url();
    let [bincode, json] = ENCODINGS;
    let mut binary = Subscriber::start(&url, bincode, "a/+", Mode::Every).await;
    let mut text = Subscriber::start(&url, json, "a/+", Mode::Every).await;

    let trade = json!({"trade": {"price": "39432.480", "size": "0.000263", "side": "buy"}});
    let update = json!({"topic": "a/b", "value": trade});
    let message = json!({"type": "publish", "id": 1, "updates": [update]});
    by_hand.send_json(&message).await;
    let batch = by_hand.json("batch").await;
    assert_eq!(batch["updates"][0]["value"], trade);
    let (binary, text) = (binary.take(1).await, text.take(1).await);
    assert_eq!(binary, text);
    assert_eq!(
        serde_json::to_value(&binary[0]).unwrap(),
        batch["updates"][0]
    );
    let Value::Trade(trade) = &binary[0].value else {
        panic!("{binary:?}");
    };
    assert_eq!(trade.price.to_string(), "39432.480");
}

#[tokio::test]
async fn echo_returns_text_binary_and_fragments() {
    let server = without_feed().await;
    let mut socket = RawSocket::open(server.address, "/echo", "").await;
    for (first, payload) in [
        (TEXT, "Grüße".as_bytes().to_vec()),
        (BINARY, vec![0xff; 70_000]),
        (TEXT, vec![]),
    ] {
        socket.send(first, &payload).await;
        assert_eq!(socket.frame().await, (first, payload));
    }
    // A letter may be cut in two, and each fragment has another mask.
    socket.send(0x01, &[b'a', 0xc3]).await;
    socket.send(0x00, b"").await;
    socket.send(0x80, &[0xa4]).await;
    assert_eq!(socket.frame().await, (TEXT, "aä".as_bytes().to_vec()));
    socket.send(CLOSE, &4321u16.to_be_bytes()).await;
    assert_eq!(socket.closed().await, 4321);
}

/// RFC 6455, sections 5.4 to 5.5.3.
#[tokio::test]
async fn control_frames_may_come_between_fragments_and_a_close_frame_may_be_empty() {
    let server = without_feed().await;
    for path in ["/ws", "/echo"] {
        let mut socket = RawSocket::open(server.address, path, "").await;
        let list = br#"{"type":"list","id":7}"#;
        socket.send(0x01, &list[..9]).await;
        socket.send(PING, b"in between").await;
        // An unsolicited pong.
        socket.send(PONG, b"here I am").await;
        let pong = loop {
            let frame = socket.frame().await;
            // The welcome.
            if frame.0 != TEXT {
                break frame;
            }
        };
        assert_eq!(pong, (PONG, b"in between".to_vec()), "{path}");
        socket.send(PING, b"").await;
        assert_eq!(socket.frame().await, (PONG, vec![]), "{path}");
        socket.send(0x80, &list[9..]).await;
        let wanted = match path {
            "/ws" => &br#"{"type":"subscriptions","id":7,"subscriptions":[]}"#[..],
            _ => list,
        };
        let (first, answer) = socket.frame().await;
        assert_eq!(
            String::from_utf8_lossy(&answer),
            String::from_utf8_lossy(wanted)
        );
        assert_eq!(first, TEXT);
        socket.send(CLOSE, b"").await;
        assert_eq!(socket.frame().await, (CLOSE, vec![]), "{path}");
        let mut rest = Vec::new();
        let _ = soon("the end", socket.stream.read_to_end(&mut rest)).await;
        assert_eq!(rest, b"", "{path}");
    }
}

#[tokio::test]
async fn the_http_pages_have_the_right_content() {
    let server = without_feed().await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher
        .publish(vec![
            reading("plant/1/temperature", 21.5),
            reading("plant/1/temperature", 22.5),
            publication("door", Value::Text("\"open\"".into())),
        ])
        .await;
    let page = async |path: &str| {
        let answer = get(server.address, path).await;
        assert!(
            answer.head.contains("cache-control: no-store"),
            "{answer:?}"
        );
        (answer.status, answer.body)
    };
    assert_eq!(page("/healthz").await, (200, "ok\n".into()));
    assert_eq!(page("/readyz").await, (200, "ready\n".into()));
    assert!(page("/").await.1.contains("/v1/latest"));
    let (status, metrics) = page("/metrics").await;
    assert_eq!(status, 200);
    assert!(
        metrics.contains("\ntickcast_updates_total 3\n"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));

    let latest = async |query: &str| {
        let (status, body) = page(&format!("/v1/latest{query}")).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let updates = body["updates"].as_array().cloned().unwrap_or_default();
        let mut values: Vec<_> = updates
            .iter()
            .map(|update| format!("{} {} {}", update["topic"], update["seq"], update["value"]))
            .collect();
        values.sort();
        (status, values)
    };
    let door = r#""door" 1 {"text":"\"open\""}"#.to_owned();
    let plant = r#""plant/1/temperature" 2 {"reading":22.5}"#.to_owned();
    // A shard other than the publisher's may not have applied the update yet.
    until("all have arrived", async || latest("").await.1.len() == 2).await;
    assert_eq!(latest("").await, (200, vec![door.clone(), plant.clone()]));
    assert_eq!(latest("?filter=plant/%2B/%23").await, (200, vec![plant]));
    assert_eq!(latest("?filter=door").await, (200, vec![door]));
    assert_eq!(latest("?filter=unknown").await, (200, vec![]));
    assert_eq!(latest("?filter=a/%23/b").await.0, 400);
    assert_eq!(latest("?topic=door").await.0, 400);
    let head = ask(
        server.address,
        "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n",
    )
    .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn the_output_of_any_program_can_be_piped_in() {
    let mut server = Program::start(&["--feed", "stdin"]).await;
    let mut subscriber = Subscriber::start(&server.url(), ENCODINGS[0], "#", Mode::Every).await;
    let mut input = server.take_input();
    let lines = "plant/pressure 1.25\n\
                 nonsense\n\
                 {\"topic\":\"market/X/trade\",\"price\":1.10,\"size\":3}\n\
                 door open\n";
    input.write_all(lines.as_bytes()).await.unwrap();
    let values: Vec<_> = subscriber
        .take(3)
        .await
        .into_iter()
        .map(|u| u.value)
        .collect();
    assert_eq!(values[0], Value::Reading(1.25));
    assert!(matches!(&values[1], Value::Trade(trade) if trade.price.to_string() == "1.10"));
    assert_eq!(values[2], Value::Text("open".into()));
    assert_eq!(server.metric("tickcast_feed_undecodable_total").await, 1);
    drop(input);
    let row = "tickcast_feed_state{feed=\"stdin\",kind=\"stdin\",state=\"finished\"}";
    until("the feed has finished", async || {
        server.metric(row).await == 1
    })
    .await;
    // The server stays up for publishers.
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("plant/pressure", [2]).await;
    assert_eq!(number(&subscriber.take(1).await[0]), 2.0);
}

/// A subscriber that reads until the server closes it. Returns the number of updates, whose
/// order it checks, the announcement of the drain, and the close code.
async fn read_to_close(url: String, encoding: Encoding) -> (u32, Option<Draining>, u16) {
    let mut subscriber = Subscriber::start(&url, encoding, "#", Mode::Every).await;
    let (mut last, mut told) = (0, None);
    loop {
        match soon("a message", subscriber.connection.next()).await {
            Ok(ServerMessage::Batch(batch)) => {
                for update in batch.updates {
                    last += 1;
                    assert_eq!(number(&update), f64::from(last));
                }
            }
            Ok(ServerMessage::Draining(draining)) => told = Some(draining),
            Ok(_) => {}
            Err(ConnectionError::Closed(reason)) => return (last, told, reason.code),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn sigterm_delivers_accepted_updates_tells_clients_and_exits_with_success() {
    const UPDATES: u32 = 5_000;
    let server = Program::start(&["--feed", "none", "--drain", "1s"]).await;
    let url = server.url();
    let mut publisher = Publisher::start(&url).await;
    let clients = ENCODINGS.map(|encoding| tokio::spawn(read_to_close(url.clone(), encoding)));
    until("they are subscribed", async || {
        server.metric("tickcast_subscriptions").await == 2
    })
    .await;
    for first in (1..=UPDATES).step_by(500) {
        publisher.readings("a", first..first + 500).await;
    }
    server.terminate().await;
    until("it is not ready", async || {
        get(server.address, "/readyz").await.status == 503
    })
    .await;
    for client in clients {
        let told = Draining {
            reconnect_within_ms: 1_000,
        };
        assert_eq!(client.await.unwrap(), (UPDATES, Some(told), 1012));
    }
    drop(publisher);
    assert_eq!(server.end().await.code(), Some(0));
}

/// The program must exit at once, with one line that says how to fix it.
async fn check_refused(arguments: &[&str], expected: &[&str]) {
    let output = soon("it ends", command(arguments).output()).await.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?} {text}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[tokio::test]
async fn a_setting_that_cannot_be_honoured_ends_the_program_with_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for shards in ["1", "2"] {
        let arguments = ["--feed", "none", "--listen", &address, "--shards", shards];
        check_refused(&arguments, &[&address, "in use"]).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tickcast.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "listen = \"127.0.0.1:0\"\nlisten_too = 1\n").unwrap();
    check_refused(&["--config", path], &[path, "listen_too"]).await;
    fs::write(&file, "listen = \n").unwrap();
    check_refused(&["--config", path], &[path]).await;
    let mqtt = |filter| ["--feed", "mqtt", "--mqtt-filter", filter];
    check_refused(&mqtt("a/#/b"), &["--mqtt-filter", "a/#/b"]).await;
    check_refused(&["--subscribe-allow", "a+"], &["--subscribe-allow", "a+"]).await;
    check_refused(&["--listen", "nowhere"], &["--listen", "nowhere"]).await;
    check_refused(&["--no-such-flag"], &["--no-such-flag"]).await;
    let replay = ["--feed", "replay", "--replay-file", "/nowhere/at-all.csv"];
    check_refused(&replay, &["/nowhere/at-all.csv"]).await;
    check_refused(
        &["--config", "/nowhere/at-all.toml"],
        &["/nowhere/at-all.toml"],
    )
    .await;
}
