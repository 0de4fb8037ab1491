//! A TCP connection as hyper reads and writes it.
//!
//! hyper owns it until the connection becomes a WebSocket. The shard must still be able to bound
//! the unsent bytes of an event stream, and does so through an [`HttpLink`]. Both are on one
//! thread; hyper requires `Send` all the same.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use socket2::SockRef;
use tickcast_core::shard::{KernelBound, Path};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::unsent::{self, send_apart};

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// Maximum bytes of one write; 0 if there is no limit.
    write_max: AtomicUsize,
    /// Whether hyper holds bytes that the kernel has not accepted.
    is_unflushed: AtomicBool,
    /// Waits until hyper holds none.
    waiting: Mutex<Option<Waker>>,
}

/// The connection; see the module.
#[derive(Debug)]
pub(super) struct HttpStream(Arc<Connection>);

/// A handle to the connection that does not keep it open.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpLink(Weak<Connection>);

impl HttpStream {
    /// Wraps a connection whose options are set.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Connection {
            stream,
            write_max: AtomicUsize::new(0),
            is_unflushed: AtomicBool::new(false),
            waiting: Mutex::default(),
        }))
    }

    /// The handle.
    pub(super) fn link(&self) -> HttpLink {
        HttpLink(Arc::downgrade(&self.0))
    }

    /// The connection without the wrapper.
    pub(super) fn into_inner(self) -> Option<TcpStream> {
        Arc::into_inner(self.0).map(|connection| connection.stream)
    }
}

impl HttpLink {
    /// Bounds the bytes that the kernel holds.
    pub(super) fn bound(&self, bound: KernelBound) {
        if let Some(connection) = self.0.upgrade() {
            unsent::bound(&connection.stream, bound);
        }
    }

    /// What the kernel knows about the way to the client.
    pub(super) fn path(&self) -> Option<Path> {
        let connection = self.0.upgrade()?;
        unsent::path(&connection.stream)
    }

    /// Whether the kernel has accepted all bytes that hyper had. Then hyper may get the next ones.
    /// Otherwise the context is woken when it has.
    pub(super) fn take_flushed(&self, context: &Context<'_>) -> bool {
        let Some(connection) = self.0.upgrade() else {
            return true;
        };
        if connection.is_unflushed.swap(true, Relaxed) {
            connection.wait(Some(context.waker().clone()));
            return false;
        }
        true
    }

    /// Bounds each write (0 removes the bound), and keeps it apart from the next one, so that the
    /// kernel holds no more than its maximum.
    pub(super) fn set_write_max(&self, bytes: usize) {
        if let Some(connection) = self.0.upgrade() {
            connection.write_max.store(bytes, Relaxed);
        }
    }
}

impl Connection {
    /// Replaces the waker that waits until hyper holds no bytes.
    fn wait(&self, waker: Option<Waker>) -> Option<Waker> {
        let waiting = self.waiting.lock();
        std::mem::replace(&mut *waiting.unwrap_or_else(PoisonError::into_inner), waker)
    }

    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let max = self.write_max.load(Relaxed);
        if max == 0 {
            return self.stream.try_write_vectored(slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        let first = first.map_or(&[][..], |slice| &slice[..slice.len().min(max)]);
        send_apart(&self.stream, &[IoSlice::new(first)])
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
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
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.is_unflushed.store(false, Relaxed);
        if let Some(waiting) = self.0.wait(None) {
            waiting.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}
