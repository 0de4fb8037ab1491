//! HTTP and WebSocket byte by byte, so that a test can also send what no proper client sends.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::waiting::soon;

/// First byte of a complete text frame.
pub const TEXT: u8 = 0x81;
/// First byte of a complete binary frame.
pub const BINARY: u8 = 0x82;
/// First byte of a close frame.
pub const CLOSE: u8 = 0x88;
/// First byte of a ping.
pub const PING: u8 = 0x89;
/// First byte of a pong.
pub const PONG: u8 = 0x8a;

/// A response to a plain HTTP request.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the header, in lower case.
    pub head: String,
    /// All after the header.
    pub body: String,
}

impl Answer {
    /// Parses a whole response.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).expect("a status");
        Self {
            status: status.parse().expect("a number"),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// The value of a header, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(field, value)| (field == name).then_some(value))
    }
}

/// A plain GET.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n"),
    )
    .await
}

/// A plain GET whose body comes in one piece: HTTP/1.0 has no chunks.
pub async fn get_whole(address: SocketAddr, path: &str) -> Answer {
    ask(
        address,
        &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n"),
    )
    .await
}

/// Sends a request line and header lines, and reads the whole response.
pub async fn ask(address: SocketAddr, head: &str) -> Answer {
    exchange(address, &format!("{head}Connection: close\r\n\r\n")).await
}

/// Sends bytes, and reads a response up to the end of the connection, which must be in order. The
/// head of a WebSocket is all that is read of it.
pub async fn exchange(address: SocketAddr, request: &str) -> Answer {
    soon("an answer over HTTP", async {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut bytes = Vec::new();
        let is_websocket = |bytes: &[u8]| {
            bytes.starts_with(b"HTTP/1.1 101 ") && bytes.windows(4).any(|end| end == b"\r\n\r\n")
        };
        while stream.read_buf(&mut bytes).await.expect("it answers") > 0 && !is_websocket(&bytes) {}
        Answer::parse(&String::from_utf8(bytes).expect("a text"))
    })
    .await
}

/// A masked frame (RFC 6455, section 5.3).
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len @ 126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    let pairs = payload.iter().zip(MASK.iter().cycle());
    bytes.extend(pairs.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// Makes a handshake with the key of RFC 6455, section 1.3. `more` holds further header lines.
/// Returns the stream and the server's header.
///
/// # Errors
///
/// If the connection breaks.
pub async fn shake_hands(
    stream: TcpStream,
    path: &str,
    more: &str,
) -> io::Result<(BufReader<TcpStream>, String)> {
    let address = stream.peer_addr()?;
    let mut stream = BufReader::new(stream);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    Ok((stream, head))
}

/// Reads a frame, which a server never masks. Returns its first byte and its payload.
///
/// # Errors
///
/// If the connection breaks.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let first = stream.read_u8().await?;
    let len = match stream.read_u8().await? {
        126 => stream.read_u16().await?.into(),
        127 => stream.read_u64().await?,
        len => u64::from(len),
    };
    let mut payload = vec![0; len as usize];
    stream.read_exact(&mut payload).await?;
    Ok((first, payload))
}

/// A WebSocket after its handshake.
#[derive(Debug)]
pub struct RawSocket {
    /// The bytes of the connection.
    pub stream: BufReader<TcpStream>,
    /// The server's header in the handshake.
    pub head: String,
}

impl RawSocket {
    /// Connects and makes the handshake. `more` holds further header lines.
    pub async fn open(address: SocketAddr, path: &str, more: &str) -> Self {
        let opened = soon("a handshake", async {
            let stream = TcpStream::connect(address).await?;
            shake_hands(stream, path, more).await
        });
        let (stream, head) = opened.await.expect("it listens and answers");
        Self { stream, head }
    }

    /// Sends a masked frame.
    pub async fn send(&mut self, first: u8, payload: &[u8]) {
        self.send_bytes(&masked(first, payload)).await;
    }

    /// Sends any bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = self.stream.write_all(bytes);
        soon("bytes are taken", sent).await.expect("it is open");
    }

    /// Reads the next frame. Returns its first byte and its payload.
    pub async fn frame(&mut self) -> (u8, Vec<u8>) {
        let frame = soon("a frame", read_frame(&mut self.stream)).await;
        frame.expect("it is open")
    }

    /// Sends a JSON message.
    pub async fn send_json(&mut self, message: &serde_json::Value) {
        self.send(TEXT, message.to_string().as_bytes()).await;
    }

    /// Reads JSON messages until one has the type `wanted`.
    pub async fn json(&mut self, wanted: &str) -> serde_json::Value {
        loop {
            let (first, payload) = self.frame().await;
            if first == PING {
                continue;
            }
            let text = String::from_utf8_lossy(&payload);
            assert_eq!(first, TEXT, "{text}");
            let message: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
            if message["type"] == wanted {
                return message;
            }
        }
    }

    /// Reads to the close frame and answers it. Returns the server's code after the connection has
    /// ended.
    pub async fn closed(mut self) -> u16 {
        let code = loop {
            let (first, payload) = self.frame().await;
            if first == CLOSE {
                break u16::from_be_bytes([payload[0], payload[1]]);
            }
        };
        // The server may have closed already.
        let answer = masked(CLOSE, &code.to_be_bytes());
        let _ = self.stream.write_all(&answer).await;
        let mut rest = Vec::new();
        // The connection may also end by a reset.
        let _ = soon("the end", self.stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "nothing comes after a close frame");
        code
    }
}
