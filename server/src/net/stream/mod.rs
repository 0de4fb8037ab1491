//! A client's connection: TCP, with or without TLS on it, or a simulated one in tests.
//!
//! * this file: [`Stream`], which hides the difference
//! * `options`: the options of a socket
//! * `secure`: a connection with TLS

mod options;
mod secure;

#[cfg(test)]
use std::future::poll_fn;
use std::{
    io::{self, ErrorKind, IoSlice},
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

pub(super) use secure::{Sealed, SecureStream};

use super::unsent::send_apart;
#[cfg(test)]
use crate::simulation::Socket;

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
    /// A connection of the simulated network.
    #[cfg(test)]
    Simulated(Rc<Socket>),
}

impl Stream {
    /// Wraps a connection whose options are set.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self::Plain(Rc::new(stream))
    }

    /// The connection below TLS.
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(stream) => stream.tcp(),
            #[cfg(test)]
            Self::Simulated(_) => panic!("a simulated connection has no socket"),
        }
    }

    /// Waits until bytes may be written.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => poll_fn(|cx| socket.poll_write_ready(cx)).await,
            stream => stream.tcp().writable().await,
        }
    }

    /// Waits until bytes may be written. Only the last task that waits is woken.
    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => socket.poll_write_ready(cx),
            stream => stream.tcp().poll_write_ready(cx),
        }
    }

    /// Writes as much as possible without waiting.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Plain(stream), [slice]) => stream.try_write(slice),
            (Self::Plain(stream), _) => stream.try_write_vectored(slices),
            (Self::Secure(stream), _) => stream.try_write(slices, false),
            #[cfg(test)]
            (Self::Simulated(socket), _) => socket.try_write(slices),
        }
    }

    /// Writes in the same way. The kernel appends no later bytes to these.
    pub(super) fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => send_apart(stream, slices),
            Self::Secure(stream) => stream.try_write(slices, true),
            #[cfg(test)]
            Self::Simulated(socket) => socket.try_write(slices),
        }
    }

    /// Hands the kernel what was written but is still here.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        match self {
            Self::Secure(stream) => stream.try_flush(),
            _ => Ok(()),
        }
    }

    /// Whether something that was written is still here.
    pub(super) fn is_holding(&self) -> bool {
        match self {
            Self::Secure(stream) => stream.is_holding(),
            _ => false,
        }
    }

    /// Waits until the kernel has all that was written.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.poll_write_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
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
            #[cfg(test)]
            Self::Simulated(socket) => return socket.poll_read(cx, buffer),
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
