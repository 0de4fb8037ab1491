//! A client's link to the server, which can be cut, stalled and slowed.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

/// Bytes that pass at once.
const PIECE_BYTES: usize = 4096;

/// How a link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It passes everything at once.
    Open,
    /// It passes nothing, and keeps its connections.
    Stalled,
    /// It passes this many bytes per second.
    Slow(u32),
    /// It breaks its connections and refuses new ones.
    Cut,
}

/// A link to the server.
#[derive(Debug)]
pub struct Link {
    /// The address to connect to.
    pub address: SocketAddr,
    behaviour: watch::Sender<Behaviour>,
}

impl Link {
    /// Opens a link to `target`.
    pub async fn open(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (behaviour, watched) = watch::channel(Behaviour::Open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Behaviour::Cut {
                    tokio::spawn(carry(client, target, watched.clone()));
                }
            }
        });
        Ok(Self { address, behaviour })
    }

    /// Changes the behaviour, for old connections as well.
    pub fn behave(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }
}

async fn carry(client: TcpStream, target: SocketAddr, behaviour: watch::Receiver<Behaviour>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut watched = behaviour.clone();
    tokio::select! {
        () = pass(from_client, to_server, behaviour.clone()) => {}
        () = pass(from_server, to_client, behaviour) => {}
        _ = watched.wait_for(|behaviour| *behaviour == Behaviour::Cut) => {}
    }
}

/// Passes bytes until one side ends.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut behaviour: watch::Receiver<Behaviour>,
) {
    let mut piece = [0; PIECE_BYTES];
    loop {
        let len = match from.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(len) => len,
        };
        let moving = behaviour.wait_for(|behaviour| *behaviour != Behaviour::Stalled);
        let Ok(behaviour) = moving.await.map(|behaviour| *behaviour) else {
            return;
        };
        if let Behaviour::Slow(bytes_per_s) = behaviour {
            sleep(Duration::from_secs_f64(len as f64 / f64::from(bytes_per_s))).await;
        }
        if to.write_all(&piece[..len]).await.is_err() {
            return;
        }
    }
}
