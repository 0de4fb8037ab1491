//! Accepts connections. Each shard has a listening socket on the same address (SO_REUSEPORT), so
//! the kernel distributes connections and no shard hands one to another.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tickcast_core::shard::UNSENT_START_BYTES;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    arrival::{Admission, ListenerInfo},
    descriptors::{CALM, Descriptors},
    peer::Peer,
    permits::{Permit, Permits},
};
use crate::settings::ServerSettings;

/// Maximum number of connections that wait to be accepted: thousands arrive at once when clients
/// reconnect.
const BACKLOG: i32 = 4096;

/// An HTTP answer is cut off if the client reads no byte of it for this many write timeouts. This
/// is late enough for the shard to be the first to close an event stream and count it.
pub(super) const UNREAD_TIMEOUTS: u32 = 2;

/// Longest pause after an error of accept(2) that would recur at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds one socket per shard. With port 0 the kernel chooses one port for all.
pub(crate) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<StdListener>> {
    if shards == 1 {
        return Ok(vec![bind_one(address, false)?]);
    }
    // SO_REUSEPORT would let a second server take half of the first one's connections. So this
    // first checks, without the option, that the address is free. A port chosen by the kernel is
    // free.
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

/// An accept loop.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) listener: TcpListener,
    /// What is special about the listener.
    pub(super) info: Arc<ListenerInfo>,
    pub(super) settings: Arc<ServerSettings>,
    pub(super) permits: Arc<Permits>,
    pub(super) descriptors: Arc<Descriptors>,
}

impl Accept {
    /// Accepts connections without end, and hands each to `serve`.
    pub(super) async fn run(&self, serve: impl Fn(TcpStream, Peer, Admission)) {
        loop {
            let (stream, peer) = accept(&self.listener, &self.descriptors).await;
            let peer = Peer::tcp(peer);
            let admission = if self.descriptors.is_reserved(&stream) {
                let Some(refusal) = self.descriptors.refuse() else {
                    continue;
                };
                Admission::Short(refusal)
            } else {
                admit(peer, &self.settings, &self.permits)
            };
            serve(stream, peer, admission);
        }
    }
}

/// Whether there is room for a connection of this client. A proxy's connections are not counted:
/// its requests are, each with the address of its client.
pub(super) fn admit(peer: Peer, settings: &ServerSettings, permits: &Arc<Permits>) -> Admission {
    if peer.is_trusted(&settings.trusted_proxies) {
        return Admission::Granted(Permit::uncounted());
    }
    let permit = permits.take(peer);
    permit.map_or(Admission::TooMany, Admission::Granted)
}

/// Accepts a connection, however long it takes. Errors are counted, and logged once.
pub(super) async fn accept(
    listener: &TcpListener,
    descriptors: &Descriptors,
) -> (TcpStream, SocketAddr) {
    accept_with(|| listener.accept(), descriptors).await
}

/// Accepts a connection in the same way. `attempt` waits for the next one.
pub(super) async fn accept_with<T>(
    attempt: impl AsyncFn() -> io::Result<T>,
    descriptors: &Descriptors,
) -> T {
    loop {
        let accepted = match descriptors.is_short() {
            true => timeout(CALM, attempt()).await.ok(),
            false => Some(attempt().await),
        };
        descriptors.calm();
        match accepted {
            Some(Ok(accepted)) => return accepted,
            // The client has gone before it was accepted (accept(2), ERRORS).
            Some(Err(error)) if error.kind() == ErrorKind::ConnectionAborted => {}
            Some(Err(error)) => {
                descriptors.failed(&error);
                descriptors.make_room(ACCEPT_PAUSE).await;
            }
            None => {}
        }
    }
}

/// Sets the options that every client's socket needs.
pub(super) fn set_options(stream: &TcpStream, write_timeout: Duration) -> io::Result<()> {
    // A round is a single write: waiting for more data would only add delay.
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Otherwise an answer that the client does not read would be held without limit (RFC 5482).
    socket.set_tcp_user_timeout(Some(write_timeout.saturating_mul(UNREAD_TIMEOUTS)))?;
    // The shard changes it when it knows what the client's link takes.
    socket.set_tcp_notsent_lowat(UNSENT_START_BYTES)
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
        let used = servers[0][0].local_addr().unwrap();
        assert!(bind(used, SHARDS).is_err());
    }
}
