//! A client that does what a scenario says, and remembers how its connection ended.

use std::{io::ErrorKind, time::Duration};

use socket2::SockRef;
use tickcast_protocol::codec::{SUBPROTOCOL_BINCODE, SUBPROTOCOL_JSON};
use tickcast_server_testkit::{
    Program,
    raw::{BINARY, CLOSE, RawSocket, TEXT, masked, read_frame},
    soon, until,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::table::Target;

/// A server that takes nothing for this long has stopped reading.
const BLOCKED_AFTER: Duration = Duration::from_millis(300);

/// How a connection ended, as its client saw it.
#[derive(Debug)]
pub(super) struct Seen {
    /// Code and reason of the server's close frame.
    pub close: Option<(Option<u16>, String)>,
    pub end: End,
    /// The time from the cause to the end.
    pub after: Duration,
    /// The code of the client's own close frame.
    pub sent_code: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The end of the stream, not in the middle of a frame.
    Fin,
    /// A reset.
    Reset,
    /// The client was gone by then.
    Unseen,
}

/// A client before the end of its connection.
#[derive(Debug)]
pub(super) struct Client {
    socket: RawSocket,
    pub target: Target,
    cause: Instant,
    has_closed: bool,
    sent_code: Option<u16>,
    answers: bool,
    /// The rest of a frame that has begun.
    unsent: Vec<u8>,
}

impl Client {
    pub(super) async fn open(server: &Program, target: Target) -> Self {
        Self::open_with(server, target, "").await
    }

    /// Sends more lines in the header.
    pub(super) async fn open_with(server: &Program, target: Target, more: &str) -> Self {
        let (path, protocol) = match target {
            Target::Json => ("/ws", SUBPROTOCOL_JSON),
            Target::Bincode => ("/ws", SUBPROTOCOL_BINCODE),
            Target::Echo => ("/echo", ""),
            Target::Http => panic!("it has no WebSocket"),
        };
        let protocol = match protocol {
            "" => String::new(),
            name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        };
        let protocol = format!("{protocol}{more}");
        let socket = RawSocket::open(server.address, path, &protocol).await;
        Self {
            socket,
            target,
            cause: Instant::now(),
            has_closed: false,
            sent_code: None,
            answers: true,
            unsent: Vec::new(),
        }
    }

    /// The first byte of a message of the right kind.
    pub(super) fn message(&self) -> u8 {
        match self.target {
            Target::Bincode => BINARY,
            _ => TEXT,
        }
    }

    /// Sends bytes. The server may end the connection before it has them all.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.cause = Instant::now();
        let _ = soon("bytes are taken", self.socket.stream.write_all(bytes)).await;
    }

    /// Sends until the connection breaks, at most `max_bytes`. Returns the number of bytes sent.
    pub(super) async fn send_until_it_fails(&mut self, max_bytes: usize) -> usize {
        let bytes = vec![0; 64 * 1024];
        let mut sent = 0;
        while sent < max_bytes {
            let written = soon("bytes are taken", self.socket.stream.write(&bytes));
            match written.await {
                Ok(written) => sent += written,
                Err(_) => break,
            }
        }
        sent
    }

    /// Sends a close frame.
    pub(super) async fn close(&mut self, code: Option<u16>, reason: &str) {
        let code_bytes = code.map(u16::to_be_bytes);
        let payload = [
            code_bytes.as_ref().map_or(&[][..], |code| code),
            reason.as_bytes(),
        ];
        self.send(&masked(CLOSE, &payload.concat())).await;
        self.has_closed = true;
        self.sent_code = code;
    }

    /// Sends the same frame again and again, and reads nothing, until the server stops reading.
    pub(super) async fn flood(&mut self, frame: &[u8]) {
        const FRAMES: usize = 64;
        let frames = frame.repeat(FRAMES);
        let mut sent = 0;
        while let Ok(written) =
            timeout(BLOCKED_AFTER, self.socket.stream.write(&frames[sent..])).await
        {
            self.cause = Instant::now();
            sent = (sent + written.unwrap()) % frames.len();
        }
        let begun = sent % frame.len();
        if begun > 0 {
            self.unsent = frame[begun..].to_vec();
        }
    }

    /// The length of the next message.
    pub(super) async fn message_bytes(&mut self) -> usize {
        self.socket.frame().await.1.len()
    }

    /// The cause is what happens now.
    pub(super) fn cause_is_now(&mut self) {
        self.cause = Instant::now();
    }

    pub(super) fn does_not_answer(&mut self) {
        self.answers = false;
    }

    /// Ends the client's direction of the stream.
    pub(super) async fn end_writing(&mut self) {
        self.cause = Instant::now();
        self.socket.stream.shutdown().await.unwrap();
    }

    /// Resets the connection.
    pub(super) fn reset(self) -> Instant {
        let socket = SockRef::from(self.socket.stream.get_ref());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        Instant::now()
    }

    /// Waits until the server has ended the connection, without reading. Returns the time since the
    /// cause.
    pub(super) async fn gone(&self, server: &Program) -> Duration {
        gone(server, self.cause).await
    }

    /// Reads a little now and then, until the server has ended the connection.
    pub(super) async fn read_slowly(mut self, server: &Program) -> Seen {
        let stream = &mut self.socket.stream;
        let mut some = [0; 16 * 1024];
        let after = tokio::select! {
            after = gone(server, self.cause) => after,
            () = async {
                while stream.read(&mut some).await.is_ok() {
                    sleep(Duration::from_millis(100)).await;
                }
            } => self.cause.elapsed(),
        };
        let end = match soon("the end", stream.read_to_end(&mut Vec::new())).await {
            Ok(_) => End::Fin,
            Err(_) => End::Reset,
        };
        Seen {
            close: None,
            end,
            after,
            sent_code: None,
        }
    }

    /// Reads to the end. Answers a close frame of the server.
    pub(super) async fn read_to_end(&mut self) -> Seen {
        let mut close = None;
        let end = loop {
            let bytes = soon("the end", self.socket.stream.fill_buf()).await;
            match bytes {
                Ok([]) => break End::Fin,
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    break End::Reset;
                }
            }
            let frame = soon("a frame", read_frame(&mut self.socket.stream)).await;
            let (first, payload) = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    break End::Reset;
                }
            };
            assert!(close.is_none(), "{first:x} after a close frame");
            if first == CLOSE {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                let reason = String::from_utf8(payload.get(2..).unwrap_or(&[]).to_vec()).unwrap();
                close = Some((code, reason));
                if self.answers && !self.has_closed {
                    // The server may have ended the connection already.
                    let answer = [&self.unsent[..], &masked(CLOSE, &payload[..2])].concat();
                    let _ = self.socket.stream.write_all(&answer).await;
                }
            }
        };
        Seen {
            close,
            end,
            after: self.cause.elapsed(),
            sent_code: self.sent_code,
        }
    }
}

/// Waits until the server has no connection.
pub(super) async fn gone(server: &Program, cause: Instant) -> Duration {
    until("the connection is gone", async || {
        server.metric("tickcast_connections{").await == 0
    })
    .await;
    cause.elapsed()
}

/// A connection without WebSocket.
#[derive(Debug)]
pub(super) struct HttpClient {
    stream: TcpStream,
    cause: Instant,
}

impl HttpClient {
    /// Connects, and sends the beginning of a request.
    pub(super) async fn open(server: &Program, request: &str) -> Self {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Self {
            stream,
            cause: Instant::now(),
        }
    }

    /// Connects to an event stream, and waits until it has begun.
    pub(super) async fn open_stream(server: &Program) -> Self {
        Self::open_stream_with(server, "").await
    }

    /// Sends more lines in the header.
    pub(super) async fn open_stream_with(server: &Program, more: &str) -> Self {
        let request = format!(
            "GET /v1/stream?mode=every HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             {more}\r\n"
        );
        let client = Self::open(server, &request).await;
        until("the stream has begun", async || {
            server.metric("tickcast_connections{").await == 1
        })
        .await;
        client
    }

    /// Waits until the server has no connection, without reading.
    pub(super) async fn gone(&self, server: &Program) {
        gone(server, self.cause).await;
    }

    /// The cause is what happens now.
    pub(super) fn cause_is_now(&mut self) {
        self.cause = Instant::now();
    }

    /// Ends the client's direction of the stream.
    pub(super) async fn end_writing(&mut self) {
        self.cause = Instant::now();
        self.stream.shutdown().await.unwrap();
    }

    /// Reads to the end. Also returns what was read.
    pub(super) async fn read_to_end(mut self) -> (String, Seen) {
        let mut answer = Vec::new();
        let end = match soon("the end", self.stream.read_to_end(&mut answer)).await {
            Ok(_) => End::Fin,
            Err(_) => End::Reset,
        };
        let seen = Seen {
            close: None,
            end,
            after: self.cause.elapsed(),
            sent_code: None,
        };
        (String::from_utf8(answer).unwrap(), seen)
    }
}
