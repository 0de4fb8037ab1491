//! A reader of `/v1/stream`: server-sent events over a chunked HTTP response.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::{
    ledger::{Mode, Token},
    socket::{SILENCE_MAX, connect, read_head},
};

/// An open event stream.
#[derive(Debug)]
pub struct EventStream {
    stream: BufReader<TcpStream>,
    /// Bytes of the body that are not read yet.
    body: Vec<u8>,
}

impl EventStream {
    /// Opens a stream of all topics, which continues at the token.
    pub async fn open(
        address: SocketAddr,
        mode: Mode,
        token: Option<&Token>,
    ) -> anyhow::Result<Self> {
        let id = token.map_or_else(String::new, |token| {
            format!("Last-Event-ID: {}\r\n", event_id(mode, token))
        });
        let mut stream = BufReader::new(connect(address).await?);
        let request = format!(
            "GET /v1/stream?filter=%23&mode={} HTTP/1.1\r\nHost: {address}\r\n{id}\r\n",
            mode.name()
        );
        stream.write_all(request.as_bytes()).await?;
        let head = timeout(SILENCE_MAX, read_head(&mut stream)).await??;
        if !head.starts_with("HTTP/1.1 200 ") {
            bail!("no stream: {}", head.lines().next().unwrap_or(""));
        }
        Ok(Self {
            stream,
            body: Vec::new(),
        })
    }

    /// The data of the next event. A heartbeat is a comment, which has the same form.
    pub async fn receive(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            let line = self.line().await?;
            let data = line.strip_prefix(b"data: ").or(line.strip_prefix(b": "));
            if let Some(data) = data {
                return Ok(data.to_vec());
            }
        }
    }

    async fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.body.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.body.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            timeout(SILENCE_MAX, self.chunk())
                .await
                .context("the stream is silent")??;
        }
    }

    /// Reads one chunk (RFC 9112, section 7.1).
    async fn chunk(&mut self) -> anyhow::Result<()> {
        let mut size = String::new();
        self.stream.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim(), 16).context("no size of a chunk")?;
        if size == 0 {
            bail!("the stream ended");
        }
        let before = self.body.len();
        self.body.resize(before + size, 0);
        self.stream.read_exact(&mut self.body[before..]).await?;
        let mut end = [0; 2];
        self.stream.read_exact(&mut end).await?;
        Ok(())
    }
}

/// The token as the server writes it: what is missing at the end has no colon.
fn event_id(mode: Mode, token: &Token) -> String {
    let Token {
        epoch,
        position,
        count,
        snapshot,
    } = token;
    let count = match mode {
        Mode::Every => count.to_string(),
        Mode::Latest => String::new(),
    };
    let snapshot = snapshot.map_or_else(String::new, |at| format!(":{at}"));
    let id = format!("{epoch}:{position}:{count}{snapshot}");
    id.trim_end_matches(':').to_owned()
}
