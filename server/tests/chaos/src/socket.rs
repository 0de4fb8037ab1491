//! A WebSocket client for JSON (RFC 6455), with no more than the checker needs.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// A connection that brings no byte for this long is dead: several heartbeats are missing.
pub const SILENCE_MAX: Duration = Duration::from_secs(4);

/// Longest message that the checker accepts from the server.
const MESSAGE_MAX_BYTES: u64 = 16 * 1024 * 1024;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL: u8 = 0x80;

/// A connection after its handshake.
#[derive(Debug)]
pub struct Socket {
    stream: BufReader<TcpStream>,
    /// Bytes of frames that are not complete.
    bytes: Vec<u8>,
    /// The fragments of a message that is not complete.
    message: Vec<u8>,
}

impl Socket {
    /// Connects to `/ws` and makes the handshake.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Self::open_at(address, "/ws").await
    }

    /// Connects to a path and makes the handshake.
    pub async fn open_at(address: SocketAddr, path: &str) -> anyhow::Result<Self> {
        let stream = connect(address).await?;
        let mut stream = BufReader::new(stream);
        // The key and its answer are the example of RFC 6455, section 1.3.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let head = timeout(SILENCE_MAX, read_head(&mut stream)).await??;
        if !head.starts_with("HTTP/1.1 101 ") {
            bail!("no handshake: {}", head.lines().next().unwrap_or(""));
        }
        if !head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
            bail!("the handshake has a wrong key");
        }
        Ok(Self {
            stream,
            bytes: Vec::new(),
            message: Vec::new(),
        })
    }

    /// Sends a text.
    pub async fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.send_frame(FINAL | TEXT, text.as_bytes()).await
    }

    /// Sends the start of a message that never ends.
    pub async fn send_part(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.send_frame(TEXT, bytes).await
    }

    /// Reads the next text message. No byte is lost if the caller stops waiting.
    pub async fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            let (first, payload) = timeout(SILENCE_MAX, self.frame())
                .await
                .context("the connection is silent")??;
            match first & 0xf {
                PING => self.send_frame(FINAL | PONG, &payload).await?,
                PONG => {}
                CLOSE => bail!("closed with {:?}", payload.get(..2)),
                _ => {
                    self.message.extend_from_slice(&payload);
                    if first & FINAL != 0 {
                        return Ok(std::mem::take(&mut self.message));
                    }
                }
            }
        }
    }

    async fn frame(&mut self) -> anyhow::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = take_frame(&mut self.bytes)? {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.bytes).await? == 0 {
                bail!("the connection ended");
            }
        }
    }

    async fn send_frame(&mut self, first: u8, payload: &[u8]) -> anyhow::Result<()> {
        const MASK: [u8; 4] = [0x5a, 0x01, 0xc3, 0x7e];
        let mut bytes = vec![first];
        match u16::try_from(payload.len()) {
            Ok(len) if len < 126 => bytes.push(0x80 | len as u8),
            Ok(len) => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&MASK);
        let masked = payload.iter().zip(MASK.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        let sent = self.stream.write_all(&bytes);
        timeout(SILENCE_MAX, sent)
            .await
            .context("it reads nothing")??;
        Ok(())
    }
}

/// Takes a complete frame of a server from the front: its first byte and its payload.
fn take_frame(bytes: &mut Vec<u8>) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
    let (&[first, short], rest) = match bytes.split_first_chunk::<2>() {
        Some(split) => split,
        None => return Ok(None),
    };
    let (len, start) = match short {
        126 => match rest.first_chunk() {
            Some(&long) => (u64::from(u16::from_be_bytes(long)), 4),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(&long) => (u64::from_be_bytes(long), 10),
            None => return Ok(None),
        },
        len => (u64::from(len), 2),
    };
    if len > MESSAGE_MAX_BYTES {
        bail!("a frame of {len} bytes");
    }
    let end = start + len as usize;
    if bytes.len() < end {
        return Ok(None);
    }
    let payload = bytes[start..end].to_vec();
    bytes.drain(..end);
    Ok(Some((first, payload)))
}

/// Connects with a bound in time.
pub async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = timeout(SILENCE_MAX, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads the header of an HTTP response.
pub async fn read_head(stream: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    const HEAD_MAX_BYTES: usize = 8 * 1024;

    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
        if head.len() > HEAD_MAX_BYTES {
            bail!("a header without end");
        }
    }
    Ok(String::from_utf8(head)?)
}

/// The status code of a plain GET.
pub async fn status(address: SocketAddr, path: &str) -> anyhow::Result<u16> {
    let asked = async {
        let mut stream = BufReader::new(connect(address).await?);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let head = read_head(&mut stream).await?;
        let code = head.split(' ').nth(1).context("no status")?;
        Ok(code.parse()?)
    };
    timeout(SILENCE_MAX, asked).await.context("no answer")?
}
