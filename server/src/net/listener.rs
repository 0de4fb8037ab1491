//! Accepts connections: one listening socket per shard on the same address (SO_REUSEPORT), so that
//! the kernel spreads connections and no shard hands one to another.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::permits::{Permit, Permits};

/// Connections that may wait to be accepted: a reconnect storm of thousands arrives at once.
const BACKLOG: i32 = 4096;

/// Bytes that the kernel holds unsent for a connection before it is not writable any more
/// (TCP_NOTSENT_LOWAT). These bytes are old when they leave. With few of them a slow client in mode
/// `latest` gets new values instead.
const UNSENT_MAX_BYTES: u32 = 128 * 1024;

/// An answer over HTTP of which no byte is taken for this many write timeouts is cut off. It is late
/// enough that the shard is the first to give up an event stream, and counts it.
const UNREAD_TIMEOUTS: u32 = 2;

/// Pause after an error of accept(2), such as too many open files, which would come back at once.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds one socket per shard. With port 0 the kernel chooses a port, the same for all.
pub(crate) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<StdListener>> {
    if shards == 1 {
        return Ok(vec![bind_one(address, false)?]);
    }
    // SO_REUSEPORT would let a second server take half of a first one's connections: so first
    // see, without it, whether the address is free. A port that the kernel chooses is.
    if address.port() != 0 {
        bind_one(address, false)?;
    }
    let first = bind_one(address, true)?;
    let address = first.local_addr()?;
    let others = (1..shards).map(|_| bind_one(address, true));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn bind_one(address: SocketAddr, reuse_port: bool) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts connections for ever, and hands each to `serve` with the permit of its address.
pub(crate) async fn accept(
    listener: TcpListener,
    permits: Arc<Permits>,
    serve: impl Fn(TcpStream, SocketAddr, Permit),
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match permits.take(peer.ip()) {
                Some(permit) => serve(stream, peer, permit),
                None => tracing::debug!(%peer, "too many connections from this address"),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Sets what every client's socket needs.
pub(super) fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // A round is one write already: waiting for more to send would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // An answer that the client does not read would be held for ever (RFC 5482).
    socket.set_tcp_user_timeout(Some(write_timeout.saturating_mul(UNREAD_TIMEOUTS)))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX_BYTES)
}

/// Lets the shard decide when a client takes no bytes: it counts and names the client.
pub(super) fn leave_to_shard(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(None)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        net::{Ipv4Addr, SocketAddr},
        thread,
    };

    use super::bind;

    const SHARDS: usize = 2;

    #[test]
    fn a_port_is_shared_by_the_shards_of_one_server_only() {
        const THREADS: usize = 4;
        const SERVERS: usize = 50;

        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bind_many = || -> Vec<_> {
            let servers = (0..SERVERS).map(|_| bind(any, SHARDS).unwrap());
            servers.collect()
        };
        let servers: Vec<_> = thread::scope(|scope| {
            let threads = [(); THREADS].map(|()| scope.spawn(bind_many));
            let bound = threads.map(|thread| thread.join().unwrap());
            bound.into_iter().flatten().collect()
        });
        let ports: BTreeSet<_> = servers
            .iter()
            .map(|shards| {
                let [first, second] = &shards[..] else {
                    panic!("{shards:?}");
                };
                let address = first.local_addr().unwrap();
                assert_eq!(second.local_addr().unwrap(), address);
                address.port()
            })
            .collect();
        assert_eq!(ports.len(), THREADS * SERVERS);
        let taken = servers[0][0].local_addr().unwrap();
        assert!(bind(taken, SHARDS).is_err());
    }
}
