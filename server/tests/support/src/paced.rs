//! A slow link: a proxy that takes a fixed number of bytes per second from the server.
//!
//! It needs no rights, and holds almost nothing itself. `scripts/slow-link.sh` does the same with a
//! queue of the kernel.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// The link passes bytes at this interval.
const INTERVAL: Duration = Duration::from_millis(20);

/// The smallest buffer that Linux allows, about: what the link has taken is old as well.
const BUFFER_BYTES: u32 = 4 * 1024;

/// A slow link to a server.
#[derive(Debug)]
pub struct PacedLink {
    /// Where clients connect.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl PacedLink {
    /// A link that takes `bytes_per_s` from the server, for each connection.
    pub async fn start(to: SocketAddr, bytes_per_s: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that ends on one side ends on the other.
                tokio::spawn(async move {
                    let _ = pass(client, to, bytes_per_s).await;
                });
            }
        });
        Self { address, accepting }
    }

    /// The URL for subscribers.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }
}

impl Drop for PacedLink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(client: TcpStream, to: SocketAddr, bytes_per_s: usize) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    // Before it connects: it bounds the window.
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    let server = socket.connect(to).await?;
    client.set_nodelay(true)?;
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    tokio::select! {
        up = io::copy(&mut from_client, &mut to_server) => up.map(|_| ()),
        down = pass_slowly(&mut from_server, &mut to_client, bytes_per_s) => down,
    }
}

async fn pass_slowly(
    from: &mut (impl io::AsyncRead + Unpin),
    to: &mut (impl io::AsyncWrite + Unpin),
    bytes_per_s: usize,
) -> io::Result<()> {
    let mut buffer = vec![0; bytes_per_s * INTERVAL.as_millis() as usize / 1000];
    loop {
        let due = Instant::now() + INTERVAL;
        let mut len = 0;
        while len < buffer.len() && Instant::now() < due {
            let read = tokio::time::timeout_at(due, from.read(&mut buffer[len..])).await;
            match read {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(count)) => len += count,
                Ok(Err(error)) => return Err(error),
                Err(_) => break,
            }
        }
        sleep_until(due).await;
        to.write_all(&buffer[..len]).await?;
    }
}
