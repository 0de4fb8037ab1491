//! The outlets that a shard writes to: sockets of clients, and bodies of HTTP answers.

use std::{
    io::{self, ErrorKind, IoSlice},
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::{KernelBound, Socket};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::{
    pipe::Pipe,
    unsent::{self, send_apart},
};

/// A TCP connection that the shard writes to and its session reads from.
///
/// It does not use tokio's halves: dropping their write half shuts the connection down in order,
/// even one that must be cut off.
#[derive(Debug, Clone)]
pub(super) struct Stream(Rc<TcpStream>);

impl Stream {
    /// Wraps a connection whose options are set.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Rc::new(stream))
    }

    /// Its file descriptor.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The destination of a shard's writes.
#[derive(Debug, Clone)]
pub(super) enum Outlet {
    /// A TCP connection.
    Tcp(Stream),
    /// The body of an HTTP answer.
    Events(Pipe),
}

impl Socket for Outlet {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Tcp(stream), [slice]) => stream.0.try_write(slice),
            (Self::Tcp(stream), _) => stream.0.try_write_vectored(slices),
            (Self::Events(pipe), _) => pipe.try_write(slices, false),
        }
    }

    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => send_apart(&stream.0, slices),
            Self::Events(pipe) => pipe.try_write(slices, true),
        }
    }

    fn bound(&self, bound: KernelBound) {
        match self {
            Self::Tcp(stream) => unsent::bound(&stream.0, bound),
            Self::Events(pipe) => pipe.bound(bound),
        }
    }

    fn round_trip(&self) -> Option<Duration> {
        match self {
            Self::Tcp(stream) => unsent::round_trip(&stream.0),
            Self::Events(pipe) => pipe.round_trip(),
        }
    }
}

impl Outlet {
    /// Waits until the outlet may accept bytes, which only a write can show. Returns `false` if it
    /// never will.
    pub(crate) async fn writable(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.0.writable().await.is_ok(),
            Self::Events(pipe) => {
                pipe.writable().await;
                true
            }
        }
    }

    /// The address of the client. It is read from the kernel, because it is not worth the memory in
    /// every connection.
    pub(crate) fn client(&self) -> String {
        match self {
            Self::Tcp(stream) => match stream.0.peer_addr() {
                Ok(address) => address.to_string(),
                Err(_) => "gone".to_owned(),
            },
            Self::Events(_) => "an event stream".to_owned(),
        }
    }

    /// Drops the bytes that the client has not read. Otherwise the kernel would retry them for
    /// minutes.
    pub(crate) fn break_off(&self) {
        match self {
            Self::Tcp(stream) => {
                let socket = SockRef::from(&*stream.0);
                if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
                    tracing::debug!(%error, "SO_LINGER");
                }
            }
            Self::Events(pipe) => pipe.end(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}
