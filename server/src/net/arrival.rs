//! A connection that has arrived, before HTTP begins.

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    rc::Rc,
    sync::Arc,
};

use super::{
    descriptors::RefusalPlace,
    peer::Peer,
    permits::Permit,
    stream::{SecureStream, Stream},
};
#[cfg(test)]
use crate::simulation::Socket;
use crate::{
    settings::listen::{ListenSettings, OffPath},
    tls::TlsSession,
};

/// What is special about a listener.
#[derive(Debug)]
pub(crate) struct ListenerInfo {
    off: Vec<OffPath>,
    /// Whether clients use TLS.
    pub(super) is_tls: bool,
    /// Whether it is a Unix socket.
    pub(super) is_unix: bool,
    /// Whether sockets do not tell their client's address.
    pub(super) hides_peers: bool,
}

impl ListenerInfo {
    /// `is_unix` is whether it is a Unix socket.
    pub(crate) fn new(settings: &ListenSettings, is_unix: bool) -> Arc<Self> {
        Arc::new(Self {
            off: settings.off.clone(),
            is_tls: settings.tls.is_some(),
            is_unix,
            hides_peers: is_unix || settings.proxy_protocol,
        })
    }

    /// Whether a path exists here.
    pub(super) fn has(&self, path: OffPath) -> bool {
        !self.off.contains(&path)
    }
}

/// What becomes of a connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// It is served, with the permit of its address.
    Granted(Permit),
    /// It is told that there are too many from its address.
    TooMany,
    /// It is told that file descriptors are short.
    Short(RefusalPlace),
}

/// A connection that no runtime has yet.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "few wait for their shard, and a box would be one more for each connection"
)]
pub(super) enum Arrived {
    Plain(TcpStream),
    Secure(TcpStream, TlsSession),
    /// A connection of the simulated network.
    #[cfg(test)]
    Simulated(Socket),
}

impl Arrived {
    /// Takes a connection, which has no other user, away from this thread's runtime.
    pub(super) fn of(stream: Stream) -> io::Result<Self> {
        let is_used = || io::Error::new(ErrorKind::ResourceBusy, "the connection has other users");
        Ok(match stream {
            Stream::Plain(stream) => {
                Self::Plain(Rc::into_inner(stream).ok_or_else(is_used)?.into_std()?)
            }
            Stream::Secure(stream) => {
                let stream = Rc::into_inner(stream).ok_or_else(is_used)?;
                let (stream, session) = stream.into_parts()?;
                Self::Secure(stream.into_std()?, session)
            }
            #[cfg(test)]
            Stream::Simulated(socket) => {
                Self::Simulated(Rc::into_inner(socket).ok_or_else(is_used)?)
            }
        })
    }

    /// Gives the connection to this thread's runtime.
    pub(super) fn into_stream(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Plain(stream) => Stream::new(tokio::net::TcpStream::from_std(stream)?),
            Self::Secure(stream, session) => {
                let stream = tokio::net::TcpStream::from_std(stream)?;
                Stream::Secure(Rc::new(SecureStream::new(stream, session)))
            }
            #[cfg(test)]
            Self::Simulated(socket) => Stream::Simulated(Rc::new(socket)),
        })
    }
}

/// A connection on its way from an acceptor to a shard.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(super) stream: Arrived,
    pub(super) peer: Peer,
    pub(super) admission: Admission,
    pub(super) info: Arc<ListenerInfo>,
}
