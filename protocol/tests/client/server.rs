//! A WebSocket server that a test scripts.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
use http_body_util::Empty;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tickcast_protocol::{
    codec::{self, Encoding},
    error::CloseCode,
    message::{ClientMessage, Epoch, Limits, ServerMessage, TopicId, Welcome},
    topic::Topic,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// Longer than any step takes on a busy machine: only a test that hangs reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.addr())
    }

    /// The next connection, upgraded, as a byte stream.
    pub(crate) async fn accept_tcp(&self) -> (TcpStream, Encoding) {
        let accepted = tokio::time::timeout(PATIENCE, self.listener.accept());
        let (stream, _) = accepted.await.expect("a connection").unwrap();
        let (give, mut take) = mpsc::channel(1);
        let service = service_fn(move |mut request: Request<Incoming>| {
            assert!(fastwebsockets::upgrade::is_upgrade_request(&request));
            let offered = request.headers()[SEC_WEBSOCKET_PROTOCOL].clone();
            let (mut response, upgrade) = fastwebsockets::upgrade::upgrade(&mut request).unwrap();
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::clone(&offered));
            let encoding = Encoding::from_subprotocol(offered.to_str().unwrap()).unwrap();
            give.try_send((upgrade, encoding)).unwrap();
            async move { Ok::<Response<Empty<Bytes>>, Infallible>(response) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        connection.await.unwrap();
        let (upgrade, encoding) = take.recv().await.unwrap();
        let parts = upgrade
            .await
            .unwrap()
            .into_inner()
            .into_inner()
            .downcast::<TokioIo<TcpStream>>()
            .unwrap();
        assert!(parts.read_buf.is_empty(), "the client waits for the answer");
        (parts.io.into_inner(), encoding)
    }

    /// The next connection, ready for messages.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, encoding) = self.accept_tcp().await;
        let mut socket = WebSocket::after_handshake(stream, Role::Server);
        socket.set_auto_close(false);
        Peer {
            socket: FragmentCollector::new(socket),
            encoding,
        }
    }
}

/// The server's end of a connection.
pub(crate) struct Peer {
    socket: FragmentCollector<TcpStream>,
    encoding: Encoding,
}

impl Peer {
    pub(crate) async fn frame(&mut self, frame: Frame<'_>) {
        let frame = Frame::new(
            frame.fin,
            frame.opcode,
            None,
            Payload::Owned(frame.payload.to_vec()),
        );
        self.socket.write_frame(frame).await.unwrap();
    }

    pub(crate) async fn send(&mut self, message: ServerMessage<TopicId>) {
        let bytes = codec::encode_server_bincode(&message);
        assert_eq!(self.encoding, Encoding::Bincode);
        self.frame(Frame::binary(Payload::Owned(bytes))).await;
    }

    pub(crate) async fn send_json(&mut self, message: ServerMessage<Topic>) {
        let bytes = codec::encode_server_json(&message);
        assert_eq!(self.encoding, Encoding::Json);
        self.frame(Frame::text(Payload::Owned(bytes))).await;
    }

    /// The next frame of the client.
    pub(crate) async fn receive_frame(&mut self) -> (OpCode, Vec<u8>) {
        let frame = tokio::time::timeout(PATIENCE, self.socket.read_frame())
            .await
            .expect("a frame")
            .unwrap();
        (frame.opcode, frame.payload.to_vec())
    }

    /// The next message, except requests for the time, which come at any time.
    pub(crate) async fn receive(&mut self) -> ClientMessage {
        loop {
            let (opcode, payload) = self.receive_frame().await;
            assert!(
                matches!(opcode, OpCode::Text | OpCode::Binary),
                "{opcode:?}"
            );
            let message = codec::decode_client(&payload, self.encoding).unwrap();
            if !matches!(message, ClientMessage::Time(_)) {
                return message;
            }
        }
    }

    /// The next close frame. Skips other frames.
    pub(crate) async fn receive_close(&mut self) -> u16 {
        loop {
            let (opcode, payload) = self.receive_frame().await;
            if opcode == OpCode::Close {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    pub(crate) async fn close(&mut self, code: CloseCode, reason: &str) {
        self.frame(Frame::close(code.number(), reason.as_bytes()))
            .await;
    }
}

pub(crate) const EPOCH: Epoch = Epoch(0x00c0_ffee);

/// A heartbeat interval that no test waits for.
pub(crate) const HEARTBEAT_MS: u32 = 60_000;

pub(crate) fn welcome<T>() -> ServerMessage<T> {
    welcome_of(EPOCH, HEARTBEAT_MS)
}

pub(crate) fn welcome_of<T>(epoch: Epoch, heartbeat_ms: u32) -> ServerMessage<T> {
    ServerMessage::Welcome(Welcome {
        server: "scripted".into(),
        epoch,
        position: 0,
        server_time_ns: 0,
        heartbeat_ms,
        limits: Limits {
            message_bytes: 65_536,
            topic_bytes: 256,
            subscriptions: 1024,
            requests_per_s: 20,
            request_burst: 100,
            write_timeout_ms: 10_000,
            tape_bytes: 64 * 1024 * 1024,
            rate_min_hz: 0.01,
            rate_max_hz: 1000.0,
            publish_updates_per_s: 0,
            publish_bytes_per_s: 0,
            new_topics_per_s: 0,
            new_topics_burst: 0,
        },
        continues: vec![],
    })
}
