//! How a client's socket is opened.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tickcast_protocol::tls::TlsClient;

/// See the module. The default leaves everything to the system.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    /// The local address.
    pub source: Option<IpAddr>,
    /// Size of the receive buffer. The kernel takes its minimum if this is smaller.
    pub receive_buffer_bytes: Option<usize>,
    /// Whether small writes are sent at once (`TCP_NODELAY`).
    pub no_delay: bool,
    /// Whether closing resets the connection, so that its port is free at once.
    pub reset_on_close: bool,
    /// What speaks TLS, if the server does.
    pub tls: Option<Arc<TlsClient>>,
}

impl SocketOptions {
    /// Starts to connect. The socket becomes writable when it is connected or has failed.
    pub(super) fn connect(
        &self,
        address: SocketAddr,
        token: Token,
        registry: &Registry,
    ) -> io::Result<TcpStream> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if self.no_delay {
            socket.set_tcp_nodelay(true)?;
        }
        if self.reset_on_close {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        if let Some(source) = self.source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&address.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }
}
