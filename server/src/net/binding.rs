//! Binds listening sockets of TCP. Each shard has one on the same address (SO_REUSEPORT), so the
//! kernel distributes connections and no shard hands one to another.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener},
};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// Maximum number of connections that wait to be accepted: thousands arrive at once when clients
/// reconnect.
const BACKLOG: i32 = 4096;

/// Attempts to find a port that is free at all addresses of a name. A port that the kernel has
/// chosen for the first one is seldom taken at another.
const PORT_ATTEMPTS: u32 = 16;

/// Binds sockets at every address, all at one port: for each address one per shard. An error has
/// the address.
pub(crate) fn bind_all(
    addresses: &[SocketAddr],
    shards: usize,
) -> Result<Vec<Vec<TcpListener>>, (SocketAddr, io::Error)> {
    let is_chosen = addresses.len() > 1 && addresses[0].port() == 0;
    let mut attempts = if is_chosen { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        match attempt(addresses, shards) {
            Err((_, error)) if error.kind() == ErrorKind::AddrInUse && attempts > 0 => {}
            result => return result,
        }
    }
}

fn attempt(
    addresses: &[SocketAddr],
    shards: usize,
) -> Result<Vec<Vec<TcpListener>>, (SocketAddr, io::Error)> {
    let mut all = Vec::<Vec<TcpListener>>::new();
    let mut port = 0;
    let mut missing = None;
    for mut address in addresses.iter().copied() {
        if address.port() == 0 {
            address.set_port(port);
        }
        match bind(address, shards) {
            Ok(sockets) => {
                let bound = sockets[0].local_addr().map_err(|error| (address, error))?;
                port = bound.port();
                all.push(sockets);
            }
            Err(error) if is_without_ipv6(address, &error) => missing = Some((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    match missing {
        Some(missing) if all.is_empty() => return Err(missing),
        Some((address, error)) => {
            tracing::warn!(%error, "not listening on {address}: this machine has no IPv6");
        }
        None => {}
    }
    Ok(all)
}

/// Whether an address of the machine itself cannot be had because it has no IPv6. Many files of
/// names list it even so.
fn is_without_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    let is_unknown = error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error());
    address.ip() == IpAddr::V6(Ipv6Addr::LOCALHOST)
        && (is_unknown || error.kind() == ErrorKind::AddrNotAvailable)
}

/// Binds one socket per shard. With port 0 the kernel chooses one port for all.
fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<TcpListener>> {
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

fn bind_one(address: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::Ipv4Addr, thread};

    use super::*;

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
    #[test]
    fn all_addresses_have_the_port_that_the_kernel_has_chosen_for_the_first() {
        let addresses = ["127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        let bound = bind_all(&addresses, SHARDS).unwrap();
        let local = |sockets: &Vec<TcpListener>| {
            let local = sockets[0].local_addr().unwrap();
            assert!(
                sockets
                    .iter()
                    .all(|socket| socket.local_addr().unwrap() == local)
            );
            local
        };
        let found: Vec<_> = bound.iter().map(local).collect();
        for (found, address) in found.iter().zip(addresses) {
            assert_eq!(found.ip(), address.ip());
        }
        let ports: BTreeSet<_> = found.iter().map(SocketAddr::port).collect();
        assert_eq!((ports.len(), bound[0].len()), (1, SHARDS));
    }

    #[test]
    fn a_port_that_is_taken_at_one_address_is_an_error_with_the_address() {
        let taken = TcpListener::bind("127.0.0.2:0").unwrap();
        let second = taken.local_addr().unwrap();
        let first = SocketAddr::from((Ipv4Addr::LOCALHOST, second.port()));
        let (address, error) = bind_all(&[first, second], SHARDS).unwrap_err();
        assert_eq!((address, error.kind()), (second, ErrorKind::AddrInUse));
        // No port is free at an address twice, so this ends after some attempts.
        let twice = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (_, error) = bind_all(&[twice, twice], SHARDS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn only_loopback_of_ipv6_may_be_missing() {
        let unknown = || io::Error::from_raw_os_error(Errno::AFNOSUPPORT.raw_os_error());
        let missing = || io::Error::from_raw_os_error(Errno::ADDRNOTAVAIL.raw_os_error());
        let taken = io::Error::from(ErrorKind::AddrInUse);
        let loopback = SocketAddr::from((Ipv6Addr::LOCALHOST, 7400));
        assert!(is_without_ipv6(loopback, &unknown()));
        assert!(is_without_ipv6(loopback, &missing()));
        assert!(!is_without_ipv6(loopback, &taken));
        for other in ["127.0.0.1:7400", "[::]:7400", "[fd00::1]:7400"] {
            let other = other.parse().unwrap();
            assert!(!is_without_ipv6(other, &unknown()), "{other}");
            assert!(!is_without_ipv6(other, &missing()), "{other}");
        }
    }
}
