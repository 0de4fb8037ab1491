//! The stream of a connection, with or without TLS.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use mio::net::TcpStream;
use rustls::ClientConnection as Session;
use tickcast_protocol::tls::TlsClient;

/// See the module. It never waits.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<SecureStream>),
}

/// A stream with TLS.
pub(super) struct SecureStream {
    socket: Socket,
    session: Session,
    client: Arc<TlsClient>,
}

/// A socket that remembers whether it is empty, which saves one system call for each record.
#[derive(Debug)]
struct Socket {
    stream: TcpStream,
    is_empty: bool,
}

impl Stream {
    /// With TLS if there is a client of it.
    pub(super) fn new(stream: TcpStream, tls: Option<&Arc<TlsClient>>) -> io::Result<Self> {
        let Some(client) = tls else {
            return Ok(Self::Plain(stream));
        };
        let session = client.session().map_err(io::Error::other)?;
        let socket = Socket {
            stream,
            is_empty: false,
        };
        Ok(Self::Secure(Box::new(SecureStream {
            socket,
            session,
            client: Arc::clone(client),
        })))
    }

    /// The connection below TLS.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(secure) => &secure.socket.stream,
        }
    }

    /// Whether there may be more to read after `len` bytes were read into a buffer of `room` bytes.
    pub(super) fn may_have_more(&self, len: usize, room: usize) -> bool {
        match self {
            // A read that leaves room in the buffer has emptied the socket.
            Self::Plain(_) => len == room,
            Self::Secure(_) => len > 0,
        }
    }

    /// Writes what the session still holds. Returns whether the socket has taken everything.
    pub(super) fn send(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Secure(secure) => secure.send(),
        }
    }

    /// Ends the session of TLS, if the socket takes it.
    pub(super) fn end(&mut self) {
        if let Self::Secure(secure) = self {
            secure.session.send_close_notify();
            // The run is over, so it makes no difference whether it arrives.
            let _ = secure.send();
        }
    }

    /// What an error means, if it is about TLS.
    pub(super) fn explain(&self, error: &io::Error) -> Option<String> {
        match self {
            Self::Plain(_) => None,
            Self::Secure(secure) => secure.client.explain(error),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Secure(secure) => secure.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secure(secure) => secure.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SecureStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            if self.session.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            let processed = self.session.process_new_packets();
            // The end of the handshake, or an alert.
            let sent = self.send();
            processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            sent?;
        }
    }

    /// Takes bytes only if the socket has taken all earlier ones, so that what the session holds
    /// has a bound: 64 KiB.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.send()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        match self.session.writer().write(bytes)? {
            // During the handshake the session holds this much, and no more.
            0 if !bytes.is_empty() => Err(ErrorKind::WouldBlock.into()),
            len => {
                self.send()?;
                Ok(len)
            }
        }
    }

    fn send(&mut self) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for SecureStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureStream")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.is_empty) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let len = self.stream.read(buffer)?;
        self.is_empty = len < buffer.len();
        Ok(len)
    }
}
