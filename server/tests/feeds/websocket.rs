//! The feed `websocket`: any server that speaks WebSocket.

use std::time::{Duration, Instant};

use tickcast_protocol::value::Value;
use tickcast_server::testing::{FeedState, Source, websocket::WebsocketSettings};
use tickcast_server_testkit::{Program, command, feed::RunningFeed, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};
use tokio_tungstenite::tungstenite::Message;

use crate::websocket_server::WebSocketServer;

fn settings(server: &WebSocketServer) -> WebsocketSettings {
    WebsocketSettings {
        url: Some(server.url().parse().unwrap()),
        send_interval: Duration::ZERO,
        ..WebsocketSettings::default()
    }
}

fn start(settings: WebsocketSettings) -> RunningFeed {
    RunningFeed::start(Source::Websocket(Box::new(settings)), Vec::new())
}

#[tokio::test]
async fn texts_and_binary_messages_become_updates_of_the_feeds_name() {
    let server = WebSocketServer::start().await;
    let mut feed = start(settings(&server));
    let mut peer = server.accept().await;
    feed.until_up().await;
    peer.send("21.5").await;
    peer.send_message(Message::binary(&b"22"[..])).await;
    peer.send(r#"{"a":1,"b":{"c":"on"}}"#).await;
    let updates = feed.take(4).await;
    let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    assert_eq!(topics, ["test", "test", "test/a", "test/b/c"]);
    assert_eq!(updates[1].value, Value::Reading(22.0));
    assert_eq!(feed.metrics.received.get(), 3);
    feed.stop().await;
    // The end is told.
    loop {
        match peer.message().await {
            Ok(Message::Close(Some(frame))) => break assert_eq!(u16::from(frame.code), 1001),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn the_server_gets_the_path_the_headers_and_no_extension() {
    let server = WebSocketServer::start().await;
    let feed = start(WebsocketSettings {
        headers: vec!["X-Key: a b".parse().unwrap()],
        ..settings(&server)
    });
    let peer = server.accept().await;
    let header = |name: &str| {
        let value = peer.request.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    assert_eq!(peer.request.uri().to_string(), "/stream?key=secret");
    assert_eq!(header("x-key").as_deref(), Some("a b"));
    assert!(
        header("user-agent")
            .unwrap()
            .starts_with("tickcast-server/")
    );
    assert_eq!(header("host").unwrap(), server.address().to_string());
    assert_eq!(header("sec-websocket-extensions"), None);
    assert_eq!(header("sec-websocket-protocol"), None);
    feed.stop().await;
}

#[tokio::test]
async fn texts_are_sent_in_order_with_a_pause_and_again_after_each_reconnect() {
    let server = WebSocketServer::start().await;
    let mut feed = start(WebsocketSettings {
        send: vec!["one".into(), "two".into(), "three".into()],
        send_interval: Duration::from_millis(100),
        ..settings(&server)
    });
    for reconnects in 0..3 {
        let mut peer = server.accept().await;
        let start = Instant::now();
        for text in ["one", "two", "three"] {
            assert_eq!(peer.text().await, text);
        }
        assert!(start.elapsed() > Duration::from_millis(150));
        peer.send("7").await;
        assert_eq!(feed.next().await.value, Value::Reading(7.0));
        assert_eq!(feed.metrics.reconnects.get(), reconnects);
        // Ends in order, and in disorder.
        match reconnects {
            0 => peer.close().await,
            _ => drop(peer),
        }
        feed.until("the feed is down", |metrics| {
            metrics.state() == FeedState::Down
        })
        .await;
    }
    feed.stop().await;
}

#[tokio::test]
async fn pings_are_frames_or_texts_and_pings_of_the_server_are_answered() {
    let server = WebSocketServer::start().await;
    for text in [None, Some("ping")] {
        let feed = start(WebsocketSettings {
            ping: Duration::from_secs(1),
            ping_text: text.map(str::to_owned),
            ..settings(&server)
        });
        let mut peer = server.accept().await;
        peer.send_message(Message::Ping("abc".into())).await;
        assert_eq!(peer.message().await.unwrap(), Message::Pong("abc".into()));
        match (text, peer.message().await.unwrap()) {
            (None, Message::Ping(_)) => {}
            (Some(wanted), Message::Text(text)) => assert_eq!(text.as_str(), wanted),
            other => panic!("{other:?}"),
        }
        feed.stop().await;
    }
}

#[tokio::test]
async fn a_server_without_messages_is_left_and_connected_again() {
    let server = WebSocketServer::start().await;
    let feed = start(WebsocketSettings {
        silence: Duration::from_millis(300),
        ..settings(&server)
    });
    let _first = server.accept().await;
    let _second = server.accept().await;
    feed.until("it is counted", |metrics| metrics.reconnects.get() == 1)
        .await;
    feed.stop().await;
}

#[tokio::test]
async fn a_server_that_answers_no_ping_is_left_and_connected_again() {
    let server = WebSocketServer::start().await;
    let feed = start(WebsocketSettings {
        silence: Duration::ZERO,
        ping: Duration::from_secs(1),
        ..settings(&server)
    });
    // The first does not read, so it answers nothing.
    let _first = server.accept().await;
    let _second = server.accept().await;
    feed.until("it is counted", |metrics| metrics.reconnects.get() == 1)
        .await;
    feed.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_connection_and_the_reason_is_told() {
    let source = WebSocketServer::start().await;
    let url = source.url();
    let arguments = [
        "--feed=websocket",
        "--websocket-max-message=2KiB",
        "--websocket-url",
        &url,
    ];
    let server = Program::start(&arguments).await;
    let mut peer = source.accept().await;
    peer.send(&"x".repeat(2048)).await;
    peer.send(&"x".repeat(2049)).await;
    let told = "a message of the server is too long (limit 2048 bytes)";
    until("it is told", async || server.log().contains(told)).await;
    assert_eq!(server.metric("tickcast_feed_submitted_total").await, 1);
    let log = server.log();
    assert!(
        !log.contains("secret") && !server.first_log().contains("secret"),
        "{log}"
    );
    let _again = source.accept().await;
}

#[tokio::test]
async fn a_server_that_refuses_is_told_with_its_answer() {
    let source = WebSocketServer::start().await;
    let url = source.url();
    let server = Program::start(&["--feed=websocket", "--websocket-url", &url]).await;
    let mut stream = source.accept_tcp().await;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_buf(&mut request).await.unwrap();
    }
    let answer = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n\
                  Content-Length: 9\r\n\r\nslow down";
    stream.write_all(answer.as_bytes()).await.unwrap();
    until("it is told", async || {
        server.log().contains("429 Too Many Requests") && server.log().contains("slow down")
    })
    .await;
    assert_eq!(
        server
            .metric("tickcast_feed_state{feed=\"websocket\",kind=\"websocket\",state=\"up\"}")
            .await,
        0
    );
}

#[tokio::test]
async fn nothing_is_lost_while_the_sequencer_holds_the_feed_back() {
    const MESSAGES: u32 = 60_000;
    let server = WebSocketServer::start().await;
    let source = Source::Websocket(Box::new(WebsocketSettings {
        silence: Duration::from_millis(500),
        ..settings(&server)
    }));
    let mut feed = RunningFeed::start_stuck(source).await;
    let mut peer = server.accept().await;
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            peer.send(&number.to_string()).await;
        }
        peer
    });
    feed.until("it is held back", |metrics| metrics.pushed_back.get() > 0)
        .await;
    // Longer than the silence that would end the connection.
    sleep(Duration::from_secs(1)).await;
    for number in 0..MESSAGES {
        assert_eq!(feed.next().await.value, Value::Reading(number.into()));
    }
    let _peer = sending.await.unwrap();
    assert_eq!(
        (feed.metrics.reconnects.get(), feed.metrics.lost.get()),
        (0, 0)
    );
    feed.stop().await;
}

#[test]
fn wrong_settings_are_refused_with_what_is_expected() {
    for (arguments, wanted) in [
        (&[][..], "there is no server"),
        (
            &["--websocket-url=http://h"][..],
            "expected ws://host:port/path",
        ),
        (
            &["--websocket-url=ws://u:secret@h/"][..],
            "a login before the host",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-ping=10ms"][..],
            "at least 1s",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-header=secret"][..],
            "Authorization: Bearer",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-header=Host: secret"][..],
            "header of the handshake",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-topic=a/#"][..],
            "a/#",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-max-message=1"][..],
            "expected a size",
        ),
        (
            &["--websocket-url=ws://h", "--websocket-tls-insecure=true"][..],
            "only on wss://",
        ),
        (
            &["--websocket-url=wss://h", "--websocket-tls-ca=/no/file"][..],
            "/no/file",
        ),
    ] {
        let mut server = command(&["--feed=websocket", "--check"]);
        let output = server.as_std_mut().args(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(error.contains(wanted), "{arguments:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let mut server = command(&[
        "--feed=websocket",
        "--websocket-url=wss://stream.example/a?key=secret",
        "--websocket-header=Authorization: Bearer secret",
        "--print-config",
    ]);
    let output = server.as_std_mut().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("wss://stream.example/a?(hidden)"), "{text}");
    assert!(text.contains("Authorization:(hidden)"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
