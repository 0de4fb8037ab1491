//! Accepts connections: one listening socket per shard on the same address (SO_REUSEPORT), so that
//! the kernel spreads connections and no shard hands one to another.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::sleep,
};

use crate::http::Site;

/// Connections that may wait to be accepted: a reconnect storm of thousands arrives at once.
const BACKLOG: i32 = 4096;

/// Bytes that the kernel holds unsent for a connection before it is not writable any more
/// (TCP_NOTSENT_LOWAT). What lies there is already old when it leaves; little enough, and a slow
/// client in mode `latest` gets new values instead.
const UNSENT_MAX_BYTES: u32 = 128 * 1024;

/// Longest request header.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// Most header fields of a request.
const HEADERS_MAX: usize = 64;

/// An answer over HTTP of which no byte is taken for so many write timeouts is cut off: late enough
/// that the shard is the first to give up an event stream, and counts it.
const UNREAD_TIMEOUTS: u32 = 2;

/// Pause after an error of accept(2), such as too many open files, which would come back at once.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds one socket per shard. With port 0 the kernel chooses a port, the same for all.
pub fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<StdListener>> {
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

/// Counts connections by address.
#[derive(Debug)]
pub struct ConnectionCounts {
    max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// A place among the connections of an address, given back when dropped.
#[derive(Debug, Clone)]
pub struct ConnectionPermit {
    _place: Option<Arc<Place>>,
}

#[derive(Debug)]
struct Place {
    counts: Arc<ConnectionCounts>,
    address: IpAddr,
}

impl ConnectionCounts {
    /// Allows so many connections per address.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            counts: Mutex::default(),
        })
    }

    fn take(self: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Some(ConnectionPermit { _place: None });
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        let place = Place {
            counts: Arc::clone(self),
            address,
        };
        Some(ConnectionPermit {
            _place: Some(Arc::new(place)),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .counts
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Accepts connections for ever.
pub async fn accept(listener: TcpListener, site: Rc<Site>, counts: Arc<ConnectionCounts>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match counts.take(peer.ip()) {
                Some(permit) => {
                    spawn_local(serve(stream, peer, Rc::clone(&site), permit));
                }
                None => tracing::debug!(%peer, "too many connections from this address"),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, site: Rc<Site>, permit: ConnectionPermit) {
    let settings = &site.context.settings;
    if let Err(error) = set_options(&stream, settings.write_timeout) {
        tracing::debug!(%peer, %error, "socket options");
        return;
    }
    let handshake_timeout = settings.handshake_timeout;
    let service = service_fn(move |request| Rc::clone(&site).answer(request, peer, permit.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(handshake_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%peer, %error, "request");
    }
}

fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // A round is one write already: waiting for more to send would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // An answer that nobody reads would be held for ever (RFC 5482).
    socket.set_tcp_user_timeout(Some(write_timeout.saturating_mul(UNREAD_TIMEOUTS)))?;
    socket.set_tcp_notsent_lowat(UNSENT_MAX_BYTES)
}

/// A WebSocket's shard sees for itself who takes no bytes, and counts and names it.
pub(crate) fn leave_to_shard(stream: &TcpStream) -> io::Result<()> {
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
