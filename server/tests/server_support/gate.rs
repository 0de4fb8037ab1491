//! A way to a server that can be cut, and lead to another server afterwards.

use std::{net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

#[derive(Clone, Copy)]
struct Way {
    /// Where it leads; nobody gets through if nowhere.
    to: Option<SocketAddr>,
    /// Connections of an earlier time are cut.
    time: u32,
}

/// See the module.
pub(crate) struct Gate {
    pub(crate) address: SocketAddr,
    way: watch::Sender<Way>,
}

impl Gate {
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let way = Way {
            to: Some(to),
            time: 0,
        };
        let (way, watched) = watch::channel(way);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, watched.clone()));
            }
        });
        Self { address, way }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Resets all connections, on both sides, and leads elsewhere from now on.
    pub(crate) fn cut(&self, to: Option<SocketAddr>) {
        self.way.send_modify(|way| {
            way.to = to;
            way.time += 1;
        });
    }
}

async fn pass(mut client: TcpStream, mut way: watch::Receiver<Way>) {
    let Way { to, time } = *way.borrow_and_update();
    let Some(to) = to else {
        return;
    };
    let Ok(mut server) = TcpStream::connect(to).await else {
        return;
    };
    let is_cut = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        changed = way.wait_for(|way| way.time != time) => changed.is_ok(),
    };
    if is_cut {
        for stream in [&client, &server] {
            // Without lingering, closing is a reset: what is under way is thrown away.
            let lingering = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            lingering.expect("an open socket");
        }
    }
}
