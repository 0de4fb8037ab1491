//! A connection as hyper reads and writes it.
//!
//! hyper owns it until the connection becomes a WebSocket or an event stream. Bodies that are
//! written little by little must know what hyper still holds, and know it through an [`HttpLink`]
//! on the same thread.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

#[derive(Debug)]
struct Connection {
    stream: Stream,
    /// Whether hyper holds bytes that the kernel has not accepted.
    is_unflushed: Cell<bool>,
    /// Whether hyper writes the head of the last answer, and nothing after it.
    is_head_last: Cell<bool>,
    /// Waits until hyper holds none.
    waiting: RefCell<Option<Waker>>,
}

/// The connection; see the module.
#[derive(Debug)]
pub(super) struct HttpStream(Rc<Connection>);

/// A handle to the connection that does not keep it open.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpLink(Weak<Connection>);

/// The body of an answer of which hyper writes the head alone. The connection is taken from it
/// [after that](HttpLink::is_head_sent).
#[derive(Debug)]
pub(super) struct HeadAlone(HttpLink);

impl HttpStream {
    /// Wraps a connection whose options are set.
    pub(super) fn new(stream: Stream) -> Self {
        Self(Rc::new(Connection {
            stream,
            is_unflushed: Cell::new(false),
            is_head_last: Cell::new(false),
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

    /// A body for the answer that is the last one of which hyper writes anything.
    pub(super) fn head_alone(&self) -> HeadAlone {
        HeadAlone(self.clone())
    }

    /// Whether the head of this answer was sent.
    pub(super) fn is_head_sent(&self) -> bool {
        let connection = self.0.upgrade();
        connection.is_some_and(|connection| {
            connection.is_head_last.get() && !connection.is_unflushed.get()
        })
    }
}

impl Connection {
    /// Replaces the waker that waits until hyper holds no bytes.
    fn wait(&self, waker: Option<Waker>) -> Option<Waker> {
        self.waiting.replace(waker)
    }
}

impl Body for HeadAlone {
    type Data = Bytes;
    type Error = Infallible;

    /// hyper asks for it after it has encoded the head.
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(connection) = self.0.0.upgrade()
            && !connection.is_head_last.replace(true)
        {
            connection.is_unflushed.set(true);
        }
        Poll::Pending
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
            match self.0.stream.try_write(slices) {
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
