//! A connection as hyper reads and writes it.
//!
//! hyper owns it until the connection becomes a WebSocket. The shard must still be able to bound
//! the unsent bytes of an event stream, and does so through an [`HttpLink`] on the same thread.

use std::{
    cell::{Cell, RefCell},
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker, ready},
};

use tickcast_core::shard::{KernelBound, Path};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

#[derive(Debug)]
struct Connection {
    stream: Stream,
    /// Maximum bytes of one write; 0 if there is no limit.
    write_max: Cell<usize>,
    /// Whether hyper holds bytes that the kernel has not accepted.
    is_unflushed: Cell<bool>,
    /// Waits until hyper holds none.
    waiting: RefCell<Option<Waker>>,
}

/// The connection; see the module.
#[derive(Debug)]
pub(super) struct HttpStream(Rc<Connection>);

/// A handle to the connection that does not keep it open.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpLink(Weak<Connection>);

impl HttpStream {
    /// Wraps a connection whose options are set.
    pub(super) fn new(stream: Stream) -> Self {
        Self(Rc::new(Connection {
            stream,
            write_max: Cell::new(0),
            is_unflushed: Cell::new(false),
            waiting: RefCell::default(),
        }))
    }

    /// The handle.
    pub(super) fn link(&self) -> HttpLink {
        HttpLink(Rc::downgrade(&self.0))
    }

    /// The connection without the wrapper.
    pub(super) fn into_inner(self) -> Option<Stream> {
        Rc::into_inner(self.0).map(|connection| connection.stream)
    }
}

impl HttpLink {
    /// Bounds the bytes that the kernel holds.
    pub(super) fn bound(&self, bound: KernelBound) {
        if let Some(connection) = self.0.upgrade() {
            connection.stream.bound(bound);
        }
    }

    /// What the kernel knows about the way to the client.
    pub(super) fn path(&self) -> Option<Path> {
        self.0.upgrade()?.stream.path()
    }

    /// Whether the kernel has accepted all bytes that hyper had. Then hyper may get the next ones.
    /// Otherwise the context is woken when it has.
    pub(super) fn take_flushed(&self, context: &Context<'_>) -> bool {
        let Some(connection) = self.0.upgrade() else {
            return true;
        };
        if connection.is_unflushed.replace(true) {
            connection.wait(Some(context.waker().clone()));
            return false;
        }
        true
    }

    /// Bounds each write (0 removes the bound), and keeps it apart from the next one, so that the
    /// kernel holds no more than its maximum.
    pub(super) fn set_write_max(&self, bytes: usize) {
        if let Some(connection) = self.0.upgrade() {
            connection.write_max.set(bytes);
        }
    }
}

impl Connection {
    /// Replaces the waker that waits until hyper holds no bytes.
    fn wait(&self, waker: Option<Waker>) -> Option<Waker> {
        self.waiting.replace(waker)
    }

    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let max = self.write_max.get();
        if max == 0 {
            return self.stream.try_write(slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        let first = first.map_or(&[][..], |slice| &slice[..slice.len().min(max)]);
        self.stream.try_write_apart(&[IoSlice::new(first)])
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.stream.poll_read_from(cx, buffer)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.try_write(slices) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper calls it when all its bytes are written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.stream.poll_flush(cx))?;
        self.0.is_unflushed.set(false);
        if let Some(waiting) = self.0.wait(None) {
            waiting.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.stream.end_writing();
        Poll::Ready(Ok(()))
    }
}
