//! A client's connection: TCP, with or without TLS on it.
//!
//! * this file: [`Stream`], which hides the difference
//! * `secure`: a connection with TLS

mod secure;

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
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

pub(super) use secure::{Sealed, SecureStream};

use super::unsent::send_apart;

/// Once a connection has ended, the kernel drops what the client has not acknowledged after this
/// time without progress (RFC 5482).
const UNREAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Send buffer for the close frame of a client that does not read: the rest of a frame fits beside
/// the bytes that are unsent already. Linux doubles it.
const LAST_ROOM_BYTES: usize = 208 * 1024;

/// A connection that the shard writes to and its session reads from.
///
/// It does not use tokio's halves: dropping their write half shuts the connection down in order,
/// even one that must be cut off.
#[derive(Debug, Clone)]
pub(super) enum Stream {
    /// TCP, or a Unix socket.
    Plain(Rc<TcpStream>),
    /// TLS on it.
    Secure(Rc<SecureStream>),
}

impl Stream {
    /// Wraps a connection whose options are set.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self::Plain(Rc::new(stream))
    }

    /// The connection below TLS.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.tcp(),
        }
    }

    /// Waits until bytes may be written.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.tcp().writable().await
    }

    /// Writes as much as possible without waiting.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(stream), [slice]) => stream.try_write(slice),
            (Self::Plain(stream), _) => stream.try_write_vectored(slices),
            (Self::Secure(stream), _) => stream.try_write(slices, false),
        }
    }

    /// Writes in the same way. The kernel appends no later bytes to these.
    pub(super) fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => send_apart(stream, slices),
            Self::Secure(stream) => stream.try_write(slices, true),
        }
    }

    /// Hands the kernel what was written but is still here.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Secure(stream) => stream.try_flush(),
        }
    }

    /// Whether something that was written is still here.
    pub(super) fn is_holding(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secure(stream) => stream.is_holding(),
        }
    }

    /// Waits until the kernel has all that was written.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.tcp().poll_write_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ends the server's direction of the connection. The kernel sends what it holds, then the end
    /// of the stream (FIN), and drops both if the client acknowledges nothing for
    /// [`UNREAD_TIMEOUT`].
    pub(super) fn end_writing(&self) {
        if let Self::Secure(stream) = self {
            stream.close();
        }
        let socket = self.socket();
        // A Unix socket has no such timeout.
        if let Err(error) = socket.set_tcp_user_timeout(Some(UNREAD_TIMEOUT)) {
            tracing::trace!(%error, "TCP_USER_TIMEOUT");
        }
        if let Err(error) = socket.shutdown(Shutdown::Write) {
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
    pub(super) fn make_room(&self) {
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
        SockRef::from(self.tcp())
    }

    /// Its file descriptor.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }

    /// Reads like [`AsyncRead::poll_read`].
    pub(super) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => return stream.poll_read(cx, buffer),
        };
        loop {
            ready!(stream.poll_read_ready(cx))?;
            match stream.try_read(buffer.initialize_unfilled()) {
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

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_from(cx, buffer)
    }
}
