//! Opens the TCP connection.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::{connect_error::ConnectError, server_url::ServerUrl};

/// Connects to the first address of the server that accepts.
pub async fn connect(
    server: &ServerUrl,
    local_address: Option<IpAddr>,
) -> Result<TcpStream, ConnectError> {
    let resolve_error = |error| ConnectError::Resolve {
        host: server.host.clone(),
        error,
    };
    let addresses = lookup_host((server.host.as_str(), server.port))
        .await
        .map_err(resolve_error)?;
    let mut failure = resolve_error(io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        "it has no address of the local address's family (IPv4 or IPv6)",
    ));
    for address in addresses {
        if local_address.is_some_and(|local| local.is_ipv4() != address.is_ipv4()) {
            continue;
        }
        match connect_address(address, local_address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = ConnectError::Tcp { address, error },
        }
    }
    Err(failure)
}

async fn connect_address(
    address: SocketAddr,
    local_address: Option<IpAddr>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(local) = local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
