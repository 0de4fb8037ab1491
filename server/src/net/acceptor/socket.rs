//! Listening sockets of acceptors: addresses of TCP, and Unix sockets.

use std::{
    fs,
    io::{self, ErrorKind},
    net::TcpListener as StdTcp,
    os::{
        fd::OwnedFd,
        linux::net::SocketAddrExt,
        unix::{
            fs::{FileTypeExt, PermissionsExt},
            net::{UnixListener as StdUnix, UnixStream},
        },
    },
    path::Path,
};

use socket2::{Domain, SockAddr, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::{
    net::{descriptors::Descriptors, listener, peer::Peer},
    settings::endpoint::{Endpoint, MODE_MAX},
};

/// Maximum number of connections that wait to be accepted, as for TCP.
const BACKLOG: i32 = 4096;

/// A listening socket that is not used yet.
#[derive(Debug)]
pub(crate) enum Bound {
    /// An address of TCP.
    Tcp(StdTcp),
    /// A Unix socket, which all acceptors share.
    Unix(StdUnix),
}

/// A listening socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// The same socket once more, for another acceptor.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> io::Result<Endpoint> {
        let address = match self {
            Self::Tcp(socket) => return Ok(Endpoint::Tcp(socket.local_addr()?)),
            Self::Unix(socket) => socket.local_addr()?,
        };
        let abstract_name = || {
            let name = String::from_utf8_lossy(address.as_abstract_name()?);
            Some(format!("@{name}").into())
        };
        let path = address.as_pathname().map(Path::to_owned);
        let path = path.or_else(abstract_name).unwrap_or_default();
        let file = fs::symlink_metadata(&path);
        let mode = file.map_or(0, |file| file.permissions().mode() & MODE_MAX);
        Ok(Endpoint::Unix { path, mode })
    }

    pub(super) fn listen(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(socket) => Socket::Tcp(TcpListener::from_std(socket)?),
            Self::Unix(socket) => Socket::Unix(UnixListener::from_std(socket)?),
        })
    }
}

impl Socket {
    /// Accepts a connection, however long it takes.
    pub(super) async fn accept(&self, descriptors: &Descriptors) -> (TcpStream, Peer) {
        match self {
            Self::Tcp(socket) => {
                let (stream, address) = listener::accept(socket, descriptors).await;
                (stream, Peer::tcp(address))
            }
            Self::Unix(socket) => {
                let attempt = async || {
                    let (stream, _) = socket.accept().await?;
                    // The calls for reading, writing and closing are the same for both kinds. So
                    // all that serves connections has one type of them.
                    let stream = OwnedFd::from(stream.into_std()?);
                    TcpStream::from_std(stream.into())
                };
                let stream = listener::accept_with(attempt, descriptors).await;
                (stream, Peer::unix())
            }
        }
    }
}

/// Binds a Unix socket. The file of a server that was killed is replaced, one of a server that
/// runs is not.
pub(crate) fn bind_unix(path: &Path, mode: u32) -> io::Result<StdUnix> {
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            let reason = "there is a file that is no socket";
            return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
        }
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            _ => return Err(ErrorKind::AddrInUse.into()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // No client can connect before it listens.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    Ok(OwnedFd::from(socket).into())
}
