//! The options of a client's socket: what the kernel does with its bytes, and for how long.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::{KernelBound, Path};

use super::Stream;
use crate::net::{listener, unsent};

/// Once a connection has ended, the kernel drops what the client has not acknowledged after this
/// time without progress (RFC 5482).
const UNREAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Send buffer for the close frame of a client that does not read: the rest of a frame fits beside
/// the bytes that are unsent already. Linux doubles it.
const LAST_ROOM_BYTES: usize = 208 * 1024;

impl Stream {
    fn socket(&self) -> SockRef<'_> {
        SockRef::from(self.tcp())
    }

    /// The server's address of the connection.
    pub(in crate::net) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => Ok(socket.local_addr()),
            stream => stream.tcp().local_addr(),
        }
    }

    /// The client's address of the connection.
    pub(in crate::net) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => Ok(socket.peer_addr()),
            stream => stream.tcp().peer_addr(),
        }
    }

    /// Sets the options that every client's socket needs.
    pub(in crate::net) fn set_options(&self, write_timeout: Duration) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Simulated(_) => {
                self.set_unread_timeout(Some(write_timeout * listener::UNREAD_TIMEOUTS))
            }
            stream => listener::set_options(stream.tcp(), write_timeout),
        }
    }

    /// Sets after which time without progress the kernel drops what the client has not
    /// acknowledged (RFC 5482). Without one it tries for many minutes.
    pub(in crate::net) fn set_unread_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => {
                socket.set_unread_timeout(timeout);
                Ok(())
            }
            stream => stream.socket().set_tcp_user_timeout(timeout),
        }
    }

    /// Bounds the bytes that the kernel holds.
    pub(in crate::net) fn bound(&self, bound: KernelBound) {
        match self {
            #[cfg(test)]
            Self::Simulated(socket) => socket.bound(bound.unsent),
            stream => unsent::bound(stream.tcp(), bound),
        }
    }

    /// What the kernel knows about the way to the client.
    pub(in crate::net) fn path(&self) -> Option<Path> {
        match self {
            #[cfg(test)]
            Self::Simulated(_) => None,
            stream => unsent::path(stream.tcp()),
        }
    }

    /// Ends the server's direction of the connection. The kernel sends what it holds, then the end
    /// of the stream (FIN), and drops both if the client acknowledges nothing for
    /// [`UNREAD_TIMEOUT`].
    pub(in crate::net) fn end_writing(&self) {
        if let Self::Secure(stream) = self {
            stream.close();
        }
        // A Unix socket has no such timeout.
        if let Err(error) = self.set_unread_timeout(Some(UNREAD_TIMEOUT)) {
            tracing::trace!(%error, "TCP_USER_TIMEOUT");
        }
        let ended = match self {
            #[cfg(test)]
            Self::Simulated(socket) => {
                socket.end_writing();
                Ok(())
            }
            stream => stream.socket().shutdown(Shutdown::Write),
        };
        if let Err(error) = ended {
            // The client was faster.
            tracing::trace!(%error, "cannot end the writing direction");
        }
    }

    /// Makes the kernel drop what the client has not read. Otherwise it would retry for minutes.
    pub(in crate::net) fn reset_on_drop(&self) {
        let result = match self {
            #[cfg(test)]
            Self::Simulated(socket) => {
                socket.reset_on_drop();
                Ok(())
            }
            stream => stream.socket().set_linger(Some(Duration::ZERO)),
        };
        if let Err(error) = result {
            tracing::debug!(%error, "SO_LINGER");
        }
    }

    /// Lets the kernel hold more unsent bytes than usual, for the last frame.
    pub(in crate::net) fn make_room(&self) {
        #[cfg(test)]
        if let Self::Simulated(socket) = self {
            return socket.make_room(LAST_ROOM_BYTES);
        }
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
}
