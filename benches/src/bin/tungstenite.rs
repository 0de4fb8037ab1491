//! A contender: a plain broadcast server made with tokio-tungstenite and tokio's broadcast channel,
//! with a task per subscriber. What comes from `/publish` goes to all clients on `/subscribe`.
//! Argument: the port.

use anyhow::Context;
use futures_util::SinkExt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, error::RecvError},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Bytes, Message,
        handshake::server::{Request, Response},
    },
};

/// Updates that may wait for the slowest subscriber: more than the benchmark ever has on the way
/// where nothing may be lost. A subscriber that is further behind skips updates.
const CHANNEL_UPDATES: usize = 16_384;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args()
        .nth(1)
        .context("the first argument must be the port")?
        .parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let (updates, _) = broadcast::channel(CHANNEL_UPDATES);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A connection that ends with an error ends nothing else.
        tokio::spawn(serve(stream, updates.clone()));
    }
}

async fn serve(stream: TcpStream, updates: broadcast::Sender<Bytes>) -> anyhow::Result<()> {
    let mut path = String::new();
    // The library defines the type of the error.
    #[allow(clippy::result_large_err)]
    let note_path = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, note_path).await?;
    if path == "/publish" {
        use futures_util::StreamExt;
        while let Some(message) = socket.next().await {
            if let Message::Binary(update) = message? {
                // It is not an error if there are no subscribers.
                let _ = updates.send(update);
            }
        }
        return Ok(());
    }
    let mut receiver = updates.subscribe();
    loop {
        match receiver.recv().await {
            Ok(update) => socket.send(Message::Binary(update)).await?,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}
