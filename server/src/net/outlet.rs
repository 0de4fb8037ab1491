//! The outlets that a shard writes to: sockets of clients, bodies of HTTP answers, and polls.

use std::io::{self, IoSlice};

use tickcast_core::shard::{KernelBound, Path, Socket};

use super::{pipe::Pipe, socket_io::Switch, stream::Stream};

/// The destination of a shard's writes.
#[derive(Debug, Clone)]
pub(super) enum Outlet {
    /// A connection, with or without TLS.
    Tcp(Stream),
    /// The body of an HTTP answer.
    Events(Pipe),
    /// Polls of a client of Socket.IO, until it upgrades to a WebSocket.
    SocketIo(Switch),
}

impl Outlet {
    /// The connection that is written to, if it is written to directly.
    pub(super) fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Events(_) => None,
            Self::SocketIo(switch) => switch.stream(),
        }
    }
}

impl Socket for Outlet {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.try_write(slices),
            (Self::Events(pipe), _) => pipe.try_write(slices, false),
            (Self::SocketIo(switch), _) => switch.try_write(slices),
        }
    }

    fn try_flush(&self) -> io::Result<()> {
        self.stream().map_or(Ok(()), Stream::try_flush)
    }

    fn is_holding(&self) -> bool {
        self.stream().is_some_and(Stream::is_holding)
    }

    fn make_room(&self) {
        if let Some(stream) = self.stream() {
            stream.make_room();
        }
    }

    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.try_write_apart(slices),
            (Self::Events(pipe), _) => pipe.try_write(slices, true),
            (Self::SocketIo(switch), _) => switch.try_write(slices),
        }
    }

    fn bound(&self, bound: KernelBound) {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.bound(bound),
            (Self::Events(pipe), _) => pipe.bound(bound),
            // The exchange has a bound of its own.
            (Self::SocketIo(_), _) => {}
        }
    }

    fn path(&self) -> Option<Path> {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.path(),
            (Self::Events(pipe), _) => pipe.path(),
            (Self::SocketIo(_), _) => None,
        }
    }
}

impl Outlet {
    /// Waits until the outlet may accept bytes, which only a write can show. Returns `false` if it
    /// never will.
    pub(crate) async fn writable(&self) -> bool {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.writable().await.is_ok(),
            (Self::Events(pipe), _) => {
                pipe.writable().await;
                true
            }
            (Self::SocketIo(switch), _) => {
                switch.writable().await;
                true
            }
        }
    }

    /// The address of the client. It is read from the kernel, because it is not worth the memory in
    /// every connection.
    pub(crate) fn client(&self) -> String {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => match stream.peer_addr() {
                Ok(address) => address.to_string(),
                Err(_) => "gone".to_owned(),
            },
            (Self::Events(_), _) => "an event stream".to_owned(),
            (Self::SocketIo(_), _) => "polls of Socket.IO".to_owned(),
        }
    }

    /// Ends a connection whose client does not answer. `is_unread` tells whether it does not read
    /// either.
    pub(crate) fn break_off(&self, is_unread: bool) {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) if is_unread => stream.reset_on_drop(),
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.end_writing(),
            (Self::Events(pipe), _) => pipe.end(),
            (Self::SocketIo(switch), _) => switch.end(),
        }
    }
}
