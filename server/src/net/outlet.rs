//! The outlets that a shard writes to: sockets of clients, and bodies of HTTP answers.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::{KernelBound, Path, Socket};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::{
    pipe::Pipe,
    unsent::{self, send_apart},
};

/// Once a connection has ended, the kernel drops what the client has not acknowledged after this
/// time without progress (RFC 5482).
const UNREAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Send buffer for the close frame of a client that does not read: the rest of a frame fits beside
/// the bytes that are unsent already. Linux doubles it.
const LAST_ROOM_BYTES: usize = 208 * 1024;

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

    /// Waits until bytes may be written.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Writes as much as possible without waiting.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [slice] => self.0.try_write(slice),
            _ => self.0.try_write_vectored(slices),
        }
    }

    /// Ends the server's direction of the connection. The kernel sends what it holds, then the end
    /// of the stream (FIN), and drops both if the client acknowledges nothing for
    /// [`UNREAD_TIMEOUT`].
    pub(super) fn end_writing(&self) {
        let socket = self.socket();
        let ended = socket
            .set_tcp_user_timeout(Some(UNREAD_TIMEOUT))
            .and_then(|()| socket.shutdown(Shutdown::Write));
        if let Err(error) = ended {
            // The client was faster.
            tracing::trace!(%error, "cannot end the writing direction");
        }
    }

    /// Makes the kernel drop what the client has not read. Otherwise it would retry for minutes.
    pub(super) fn reset_on_drop(&self) {
        if let Err(error) = self.socket().set_linger(Some(Duration::ZERO)) {
            tracing::debug!(%error, "SO_LINGER");
        }
    }

    /// Lets the kernel hold more unsent bytes than usual, for the last frame.
    fn make_room(&self) {
        let socket = self.socket();
        let raised = socket.set_tcp_notsent_lowat(u32::MAX).and_then(|()| {
            match socket.send_buffer_size()? < LAST_ROOM_BYTES {
                true => socket.set_send_buffer_size(LAST_ROOM_BYTES),
                false => Ok(()),
            }
        });
        if let Err(error) = raised {
            tracing::debug!(%error, "cannot make room for a close frame");
        }
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&*self.0)
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
        match self {
            Self::Tcp(stream) => stream.try_write(slices),
            Self::Events(pipe) => pipe.try_write(slices, false),
        }
    }

    fn make_room(&self) {
        if let Self::Tcp(stream) = self {
            stream.make_room();
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

    fn path(&self) -> Option<Path> {
        match self {
            Self::Tcp(stream) => unsent::path(&stream.0),
            Self::Events(pipe) => pipe.path(),
        }
    }
}

impl Outlet {
    /// Waits until the outlet may accept bytes, which only a write can show. Returns `false` if it
    /// never will.
    pub(crate) async fn writable(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.writable().await.is_ok(),
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

    /// Ends a connection whose client does not answer. `is_unread` tells whether it does not read
    /// either.
    pub(crate) fn break_off(&self, is_unread: bool) {
        match self {
            Self::Tcp(stream) if is_unread => stream.reset_on_drop(),
            Self::Tcp(stream) => stream.end_writing(),
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
