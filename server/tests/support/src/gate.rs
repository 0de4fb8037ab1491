//! A TCP proxy whose connections can be reset, and that can then lead to another server.

use std::{net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Debug, Clone, Copy)]
struct Way {
    /// The server; without one, connections are closed at once.
    to: Option<SocketAddr>,
    /// Connections that were opened before the last cut are reset.
    cuts: u32,
}

/// A proxy to one server at a time.
#[derive(Debug)]
pub struct Gate {
    /// Where it listens.
    pub address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Gate {
    /// Listens on a free port.
    pub async fn open(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let way = Way {
            to: Some(to),
            cuts: 0,
        };
        let (way, watched) = watch::channel(way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, watched.clone()));
            }
        });
        Self { address, way }
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Resets all connections on both sides. New ones lead to `to`.
    pub fn cut(&self, to: Option<SocketAddr>) {
        self.way.send_modify(|way| {
            way.to = to;
            way.cuts += 1;
        });
    }
}

async fn pass(mut client: TcpStream, mut way: watch::Receiver<Way>) {
    let Way { to, cuts } = *way.borrow_and_update();
    let Some(to) = to else {
        return;
    };
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let is_cut = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        changed = way.wait_for(|way| way.cuts != cuts) => changed.is_ok(),
    };
    if is_cut {
        for stream in [&client, &server] {
            // Closing without lingering resets the connection and drops bytes in flight.
            let lingering = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            lingering.expect("an open socket");
        }
    }
}
