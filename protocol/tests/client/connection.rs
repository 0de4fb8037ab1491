//! One connection to a scripted server.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use fastwebsockets::{Frame, OpCode, Payload};
use tickcast_protocol::{
    client::{
        CloseReason, ConnectError, ConnectOptions, Connection, ConnectionError, TopicTableError,
    },
    codec::{self, Encoding, SERVER_MESSAGE_MAX_BYTES},
    error::CloseCode,
    message::{
        Batch, ClientMessage, List, Quality, ServerMessage, Subscribe, TimeRequest, TopicInfo,
        Update,
    },
    topic::Topic,
    value::Value,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

use crate::server::{PATIENCE, Peer, Server, welcome};

async fn connect(server: &Server, encoding: Encoding) -> (Connection, Peer) {
    let options = ConnectOptions::new(server.url(), encoding);
    let (client, peer) = tokio::join!(Connection::connect(&options), server.accept());
    (client.unwrap(), peer)
}

async fn next(client: &mut Connection) -> Result<ServerMessage<Topic>, ConnectionError> {
    timeout(PATIENCE, client.next()).await.expect("a message")
}

fn update<T>(topic: T, position: u64) -> Update<T> {
    Update {
        topic,
        position,
        seq: 1,
        source_time_ns: None,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value: Value::Reading(21.5),
    }
}

fn batch<T>(topics: Vec<TopicInfo>, updates: Vec<Update<T>>) -> ServerMessage<T> {
    ServerMessage::Batch(Batch {
        channel: 1,
        from: 0,
        to: 10,
        snapshot: false,
        topics,
        updates,
    })
}

fn kitchen() -> TopicInfo {
    TopicInfo {
        unit: Some("°C".into()),
        ..TopicInfo::new(7, Topic::new("home/kitchen").unwrap())
    }
}

#[tokio::test]
async fn messages_arrive_with_topics_by_name_in_both_encodings() {
    let server = Server::start().await;
    let named = |topics| batch(topics, vec![update(kitchen().topic, 3)]);

    let (mut client, mut peer) = connect(&server, Encoding::Bincode).await;
    peer.send(welcome()).await;
    peer.send(batch(vec![kitchen()], vec![update(7, 3)])).await;
    peer.send(batch(vec![], vec![update(7, 3)])).await;
    assert_eq!(next(&mut client).await.unwrap(), welcome());
    assert_eq!(next(&mut client).await.unwrap(), named(vec![kitchen()]));
    assert_eq!(next(&mut client).await.unwrap(), named(vec![]));

    let (mut client, mut peer) = connect(&server, Encoding::Json).await;
    peer.send_json(named(vec![kitchen()])).await;
    assert_eq!(next(&mut client).await.unwrap(), named(vec![kitchen()]));
}

#[tokio::test]
async fn an_update_of_an_unknown_topic_is_an_error() {
    let server = Server::start().await;
    let (mut client, mut peer) = connect(&server, Encoding::Bincode).await;
    peer.send(welcome()).await;
    peer.send(batch(vec![kitchen()], vec![update(8, 3)])).await;
    next(&mut client).await.unwrap();
    assert!(matches!(
        next(&mut client).await,
        Err(ConnectionError::Topic(TopicTableError::Unknown(8)))
    ));
}

#[tokio::test]
async fn requests_are_sent_while_a_read_is_pending() {
    let server = Server::start().await;
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let (mut client, mut peer) = connect(&server, encoding).await;
        let message = ClientMessage::List(List { id: 5 });
        // The first poll starts to read and finds nothing.
        assert!(
            timeout(Duration::from_millis(1), client.next())
                .await
                .is_err()
        );
        client.send(&message).await.unwrap();
        assert_eq!(peer.receive().await, message);

        client.queue(&message).unwrap();
        assert!(client.queued_bytes() > 0);
        tokio::select! {
            received = peer.receive() => assert_eq!(received, message),
            result = client.next() => panic!("{result:?}"),
        }
    }
}

#[tokio::test]
async fn frames_of_the_client_are_masked() {
    let server = Server::start().await;
    let options = ConnectOptions::new(server.url(), Encoding::Bincode);
    let (client, (mut tcp, _)) = tokio::join!(Connection::connect(&options), server.accept_tcp());
    let message = ClientMessage::Time(TimeRequest {
        id: 1,
        client_time_ns: 77_777_777,
    });
    client.unwrap().send(&message).await.unwrap();

    let mut head = [0; 6];
    tcp.read_exact(&mut head).await.unwrap();
    assert_eq!(head[0], 0x82, "one binary frame");
    assert_eq!(head[1] & 0x80, 0x80, "masked");
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    tcp.read_exact(&mut payload).await.unwrap();
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= head[2 + i % 4];
    }
    assert_eq!(
        codec::decode_client(&payload, Encoding::Bincode),
        Ok(message)
    );
}

#[tokio::test]
async fn dropping_a_read_halfway_loses_nothing() {
    let server = Server::start().await;
    let options = ConnectOptions::new(server.url(), Encoding::Bincode);
    let (client, (mut tcp, _)) = tokio::join!(Connection::connect(&options), server.accept_tcp());
    let mut client = client.unwrap();
    let payload = codec::encode_server_bincode(&welcome());
    let mut bytes = vec![0x82, u8::try_from(payload.len()).unwrap()];
    bytes.extend_from_slice(&payload);
    assert!(payload.len() < 126);

    for round in 0..3 {
        for (i, &byte) in bytes.iter().enumerate() {
            // A timeout of zero polls `next` once.
            let given_up = timeout(Duration::ZERO, client.next()).await;
            assert!(given_up.is_err(), "round {round}, byte {i}");
            tcp.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(next(&mut client).await.unwrap(), welcome());
    }
}

#[tokio::test]
async fn a_part_of_a_message_proves_that_the_server_is_alive() {
    let server = Server::start().await;
    let options = ConnectOptions::new(server.url(), Encoding::Bincode);
    let (client, (mut tcp, _)) = tokio::join!(Connection::connect(&options), server.accept_tcp());
    let mut client = client.unwrap();
    let (bytes, at) = (client.received_bytes(), client.received_at());
    let frame = frame(0x82, &[0; 1_000]);
    tcp.write_all(&frame[..500]).await.unwrap();
    while client.received_bytes() < bytes + 500 {
        let nothing = timeout(Duration::from_millis(1), client.next_payload()).await;
        assert!(nothing.is_err());
    }
    assert!(client.received_at() > at);
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let server = Server::start().await;
    let (mut client, mut peer) = connect(&server, Encoding::Bincode).await;
    peer.frame(Frame::new(
        true,
        OpCode::Ping,
        None,
        Payload::Borrowed(b"are you there"),
    ))
    .await;
    tokio::select! {
        (opcode, payload) = peer.receive_frame() => {
            assert_eq!((opcode, payload.as_slice()), (OpCode::Pong, &b"are you there"[..]));
        }
        result = client.next() => panic!("{result:?}"),
    }
}

#[tokio::test]
async fn a_close_frame_is_reported_and_echoed() {
    let server = Server::start().await;
    let (mut client, mut peer) = connect(&server, Encoding::Bincode).await;
    peer.send(welcome()).await;
    peer.close(CloseCode::ServiceRestart, "back in a minute")
        .await;
    next(&mut client).await.unwrap();
    match next(&mut client).await {
        Err(ConnectionError::Closed(reason)) => {
            assert_eq!(
                reason,
                CloseReason {
                    code: 1012,
                    reason: "back in a minute".into()
                }
            );
            assert_eq!(
                reason.to_string(),
                "service restart (1012), back in a minute"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(peer.receive_close().await, 1012);
    assert!(next(&mut client).await.is_err(), "it stays closed");
}

#[tokio::test]
async fn after_closing_messages_on_their_way_still_arrive() {
    let server = Server::start().await;
    let (mut client, mut peer) = connect(&server, Encoding::Bincode).await;
    peer.send(welcome()).await;
    client.close(CloseCode::Normal, "enough");
    assert_eq!(next(&mut client).await.unwrap(), welcome());
    let server_side = async {
        assert_eq!(peer.receive_close().await, 1000);
        peer.close(CloseCode::Normal, "").await;
    };
    let (result, ()) = tokio::join!(next(&mut client), server_side);
    assert!(matches!(result, Err(ConnectionError::Closed(reason)) if reason.code == 1000));
}

#[tokio::test]
async fn the_end_of_a_connection_without_a_close_frame_is_an_error() {
    let server = Server::start().await;
    let (mut client, peer) = connect(&server, Encoding::Bincode).await;
    drop(peer);
    assert!(matches!(
        next(&mut client).await,
        Err(ConnectionError::Io(_))
    ));
}

/// An unmasked frame with a length of eight bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, 127];
    bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[track_caller]
fn assert_payload(result: Result<bytes::Bytes, ConnectionError>, expected: &[u8]) {
    match result {
        Ok(payload) => assert!(payload == expected),
        Err(error) => panic!("{error}"),
    }
}

async fn receive_raw(encoding: Encoding, bytes: &[u8]) -> Result<bytes::Bytes, ConnectionError> {
    let server = Server::start().await;
    let options = ConnectOptions::new(server.url(), encoding);
    let (client, (mut tcp, _)) = tokio::join!(Connection::connect(&options), server.accept_tcp());
    let mut client = client.unwrap();
    let sending = async {
        // The client may disconnect while this is sent.
        let _ = tcp.write_all(bytes).await;
        let _ = tcp.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = timeout(PATIENCE, client.next_payload()) => result.expect("a payload"),
        () = sending => unreachable!(),
    }
}

#[tokio::test]
async fn a_message_may_come_in_fragments_with_a_ping_in_between() {
    let mut bytes = frame(0x02, b"one ");
    bytes.extend([0x89, 0]);
    bytes.extend(frame(0x00, b"two "));
    bytes.extend(frame(0x80, b"three"));
    assert_payload(
        receive_raw(Encoding::Bincode, &bytes).await,
        b"one two three",
    );
    // The frames split the euro sign.
    let mut bytes = frame(0x01, b"\xe2\x82");
    bytes.extend(frame(0x80, b"\xac"));
    assert_payload(receive_raw(Encoding::Json, &bytes).await, "€".as_bytes());
}

#[tokio::test]
async fn frames_that_violate_the_rfc_are_errors() {
    let whole = |first: u8| frame(first, b"x");
    let check = async |encoding, bytes: Vec<u8>, expected: &str| {
        let result = receive_raw(encoding, &bytes).await;
        let error = format!("{:?}", result.unwrap_err());
        assert!(error.contains(expected), "{error} instead of {expected}");
    };
    let twice = |first, second| [whole(first), whole(second)].concat();
    check(Encoding::Bincode, whole(0x80), "continuation frame").await;
    check(Encoding::Bincode, twice(0x02, 0x82), "inside another").await;
    check(Encoding::Bincode, whole(0x81), "WrongKind").await;
    check(Encoding::Json, whole(0x82), "WrongKind").await;
    check(Encoding::Json, frame(0x81, b"\xff"), "UTF-8").await;
    check(Encoding::Bincode, vec![0xc2, 0], "Reserved").await;
    check(Encoding::Bincode, vec![0x88, 1, 0], "close frame").await;
    check(
        Encoding::Bincode,
        vec![0x88, 3, 3, 232, 0xff],
        "close frame",
    )
    .await;
    check(
        Encoding::Bincode,
        vec![0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0],
        "TooLong",
    )
    .await;
}

#[tokio::test]
async fn the_longest_message_is_accepted_and_a_longer_one_is_not() {
    let longest = vec![b'x'; SERVER_MESSAGE_MAX_BYTES];
    assert_payload(
        receive_raw(Encoding::Bincode, &frame(0x82, &longest)).await,
        &longest,
    );
    let too_long = [longest.as_slice(), b"x"].concat();
    assert!(matches!(
        receive_raw(Encoding::Bincode, &frame(0x82, &too_long)).await,
        Err(ConnectionError::TooLong)
    ));
    let in_fragments = [frame(0x02, &longest), frame(0x80, b"x")].concat();
    assert!(matches!(
        receive_raw(Encoding::Bincode, &in_fragments).await,
        Err(ConnectionError::TooLong)
    ));
}

#[tokio::test]
async fn a_server_that_reads_nothing_costs_bounded_memory() {
    let server = Server::start().await;
    let (mut client, _peer) = connect(&server, Encoding::Bincode).await;
    let message = ClientMessage::Subscribe(Subscribe {
        id: 1,
        filters: vec!["x".repeat(60_000).as_str().into()],
        mode: tickcast_protocol::message::Mode::Every,
        max_rate_hz: None,
    });
    let refused = (0..1000).find_map(|_| client.queue(&message).err());
    assert!(matches!(refused, Some(ConnectionError::OutgoingFull)));
    assert!(client.queued_bytes() < 2 * tickcast_protocol::client::OUTGOING_MAX_BYTES);
}

/// The value of `Sec-WebSocket-Accept` for the key in a request.
fn accept_for(request: &str) -> String {
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-key: "))
        .unwrap();
    let request = hyper::Request::builder()
        .header("sec-websocket-key", key)
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let (response, _) = fastwebsockets::upgrade::upgrade(request).unwrap();
    let accept = &response.headers()["sec-websocket-accept"];
    accept.to_str().unwrap().to_owned()
}

/// Connects to a server that sends this answer, with `{accept}` filled in, and these bytes after
/// it, in one write.
async fn answered(answer: &str, after: &[u8]) -> Result<Connection, ConnectError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![];
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let accept = accept_for(std::str::from_utf8(&request).unwrap());
        let answer = answer.replace("{accept}", &accept);
        let bytes = [answer.as_bytes(), after].concat();
        stream.write_all(&bytes).await.unwrap();
        std::future::pending::<()>().await;
    };
    let mut options = ConnectOptions::new(url, Encoding::Bincode);
    if answer.is_empty() {
        options.timeout = Duration::from_millis(50);
    }
    tokio::select! {
        result = Connection::connect(&options) => result,
        () = serving => unreachable!(),
    }
}

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: keep-alive, Upgrade\r\n";

#[tokio::test]
async fn messages_that_arrive_with_the_servers_answer_are_not_lost() {
    let answer = format!(
        "{SWITCHING}upgrade: WebSocket\r\nsec-websocket-accept: {{accept}}\r\n\
         sec-websocket-protocol: tickcast.v1.bincode\r\n\r\n"
    );
    let payload = codec::encode_server_bincode(&welcome());
    let after = frame(0x82, &payload);
    let mut client = answered(&answer, &after).await.unwrap();
    assert_eq!(client.received_bytes(), after.len() as u64);
    assert_eq!(next(&mut client).await.unwrap(), welcome());
}

#[tokio::test]
async fn wrong_answers_to_the_handshake_are_refused() {
    let check = async |answer: &str, expected: &str| {
        let error = answered(answer, b"").await.unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    let switching = async |headers: &str, expected: &str| {
        let expected = format!("the server's answer {expected}");
        check(&format!("{SWITCHING}{headers}\r\n\r\n"), &expected).await;
    };
    check(
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno",
        "the server answered 403 Forbidden, expected 101 Switching Protocols",
    )
    .await;
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno",
        "the server answered 200 OK, expected 101 Switching Protocols: a page is at this path, and \
         no WebSocket, which is at one such as /ws",
    )
    .await;
    let text = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain; charset=utf-8\r\n";
    check(
        &format!("{text}content-length: 5\r\n\r\nno\u{1b}!\n"),
        "the server answered 403 Forbidden, expected 101 Switching Protocols: no!",
    )
    .await;
    check(
        &format!("{text}content-length: 9000\r\n\r\n{}", "x".repeat(9_000)),
        "the server answered 403 Forbidden, expected 101 Switching Protocols",
    )
    .await;
    switching("upgrade: h2c", "has a wrong header upgrade: \"h2c\"").await;
    switching(
        "upgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "has a wrong header sec-websocket-accept: \"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"",
    )
    .await;
    let upgraded = "upgrade: websocket\r\nsec-websocket-accept: {accept}";
    switching(
        upgraded,
        "names no subprotocol: another WebSocket than Tickcast's is at this path, expected one \
         such as /ws",
    )
    .await;
    switching(
        &format!("{upgraded}\r\nsec-websocket-protocol: tickcast.v1.json"),
        "has a wrong header sec-websocket-protocol: \"tickcast.v1.json\"",
    )
    .await;
    switching(
        &format!(
            "{upgraded}\r\nsec-websocket-protocol: tickcast.v1.bincode\r\n\
             sec-websocket-extensions: permessage-deflate"
        ),
        "has a wrong header sec-websocket-extensions: \"permessage-deflate\"",
    )
    .await;
    check("", "no connection within 50ms").await;
    let nonsense = answered("nonsense\r\n\r\n", b"").await;
    assert!(
        matches!(nonsense, Err(ConnectError::Http(_))),
        "{nonsense:?}"
    );
}

#[tokio::test]
async fn bad_urls_are_refused() {
    for url in [
        "",
        "ws:/x",
        "http://localhost/ws",
        "ws://",
        "localhost:80",
        "ws://h:99999/",
        "ws://me@h/",
    ] {
        let options = ConnectOptions::new(url, Encoding::Json);
        let error = Connection::connect(&options).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::BadUrl { .. }),
            "{url}: {error}"
        );
    }
}

#[tokio::test]
async fn the_source_address_can_be_chosen() {
    let server = Server::start().await;
    let mut options = ConnectOptions::new(server.url(), Encoding::Bincode);
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    options.local_address = Some(local);
    let (client, _peer) = tokio::join!(Connection::connect(&options), server.accept());
    assert_eq!(client.unwrap().local_addr().ip(), local);

    options.local_address = Some("::1".parse().unwrap());
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve { .. }), "{error}");
}
