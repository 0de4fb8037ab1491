//! The outlets that a shard writes to: connections of clients, event streams, and polls.

use std::io::{self, IoSlice};

use tickcast_core::shard::{KernelBound, Path, Socket};

use super::{event_chunks::EventChunks, socket_io::Switch, stream::Stream};

/// The destination of a shard's writes.
#[derive(Debug, Clone)]
pub(super) enum Outlet {
    /// A connection, with or without TLS.
    Tcp(Stream),
    /// An event stream on one.
    Events(EventChunks),
    /// Polls of a client of Socket.IO, until it upgrades to a WebSocket.
    SocketIo(Switch),
}

impl Outlet {
    /// The connection that is written to, if nothing has to be added to what is written.
    pub(super) fn stream(&self) -> Option<&Stream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Events(_) => None,
            Self::SocketIo(switch) => switch.stream(),
        }
    }

    /// The client's connection, if it has only one.
    fn connection(&self) -> Option<&Stream> {
        match self {
            Self::Events(events) => Some(events.stream()),
            _ => self.stream(),
        }
    }
}

impl Socket for Outlet {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.try_write(slices),
            (Self::Events(events), _) => events.try_write(slices, false),
            (Self::SocketIo(switch), _) => switch.try_write(slices),
        }
    }

    fn try_flush(&self) -> io::Result<()> {
        match self {
            Self::Events(events) => events.try_flush(),
            _ => self.stream().map_or(Ok(()), Stream::try_flush),
        }
    }

    fn is_holding(&self) -> bool {
        match self {
            Self::Events(events) => events.is_holding(),
            _ => self.stream().is_some_and(Stream::is_holding),
        }
    }

    fn make_room(&self) {
        if let Some(stream) = self.stream() {
            stream.make_room();
        }
    }

    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.try_write_apart(slices),
            (Self::Events(events), _) => events.try_write(slices, true),
            (Self::SocketIo(switch), _) => switch.try_write(slices),
        }
    }

    fn bound(&self, bound: KernelBound) {
        // Polls have a bound of their own, that of the exchange.
        if let Some(stream) = self.connection() {
            stream.bound(bound);
        }
    }

    fn path(&self) -> Option<Path> {
        self.connection().and_then(Stream::path)
    }
}

impl Outlet {
    /// Waits until the outlet may accept bytes, which only a write can show. Returns `false` if it
    /// never will.
    pub(crate) async fn writable(&self) -> bool {
        if let Some(stream) = self.connection() {
            return stream.writable().await.is_ok();
        }
        if let Self::SocketIo(switch) = self {
            switch.writable().await;
        }
        true
    }

    /// The address of the client. It is read from the kernel, because it is not worth the memory in
    /// every connection.
    pub(crate) fn client(&self) -> String {
        match self.connection().map(Stream::peer_addr) {
            Some(Ok(address)) => address.to_string(),
            Some(Err(_)) => "gone".to_owned(),
            None => "polls of Socket.IO".to_owned(),
        }
    }

    /// Ends a connection whose client does not answer. `is_unread` tells whether it does not read
    /// either.
    pub(crate) fn break_off(&self, is_unread: bool) {
        match (self, self.stream()) {
            (_, Some(stream)) | (Self::Tcp(stream), _) if is_unread => stream.reset_on_drop(),
            (_, Some(stream)) | (Self::Tcp(stream), _) => stream.end_writing(),
            // Its session ends the connection. A client that has not got everything must not take
            // the answer for complete.
            (Self::Events(_), _) if is_unread => {}
            (Self::Events(events), _) => events.complete(),
            (Self::SocketIo(switch), _) => switch.end(),
        }
    }
}
