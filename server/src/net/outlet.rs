//! The outlets that a shard writes to: sockets of clients, and bodies of HTTP answers.

use std::io::{self, IoSlice};

use tickcast_core::shard::{KernelBound, Path, Socket};

use super::{pipe::Pipe, stream::Stream};

/// The destination of a shard's writes.
#[derive(Debug, Clone)]
pub(super) enum Outlet {
    /// A connection, with or without TLS.
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

    fn try_flush(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.try_flush(),
            Self::Events(_) => Ok(()),
        }
    }

    fn is_holding(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_holding(),
            Self::Events(_) => false,
        }
    }

    fn make_room(&self) {
        if let Self::Tcp(stream) = self {
            stream.make_room();
        }
    }

    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_apart(slices),
            Self::Events(pipe) => pipe.try_write(slices, true),
        }
    }

    fn bound(&self, bound: KernelBound) {
        match self {
            Self::Tcp(stream) => stream.bound(bound),
            Self::Events(pipe) => pipe.bound(bound),
        }
    }

    fn path(&self) -> Option<Path> {
        match self {
            Self::Tcp(stream) => stream.path(),
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
            Self::Tcp(stream) => match stream.peer_addr() {
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
