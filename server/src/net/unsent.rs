//! Bounds what the kernel holds for a TCP connection.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
};

use socket2::SockRef;
use tickcast_core::shard::{KernelBound, Path};
use tokio::{io::Interest, net::TcpStream};

/// Writes without waiting. The kernel appends no later bytes to these, so that it decides anew at
/// each write whether the unsent bytes leave room.
pub(super) fn send_apart(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    stream.try_io(Interest::WRITABLE, || {
        SockRef::from(stream).send_vectored_with_flags(slices, libc::MSG_EOR | libc::MSG_NOSIGNAL)
    })
}

/// The kernel doubles the size of a send buffer that it is given (socket(7)).
const SEND_BUFFER_FACTOR: u32 = 2;

/// Bounds the bytes that the kernel holds.
pub(super) fn bound(stream: &TcpStream, bound: KernelBound) {
    let socket = SockRef::from(stream);
    if let Err(error) = socket.set_tcp_notsent_lowat(bound.unsent) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT");
    }
    if let Some(all) = bound.all
        && let Err(error) = socket.set_send_buffer_size((all / SEND_BUFFER_FACTOR) as usize)
    {
        tracing::debug!(%error, "SO_SNDBUF");
    }
}

/// What the kernel knows about the way to the client.
pub(super) fn path(stream: &TcpStream) -> Option<Path> {
    let path = tickcast_uring::tcp_path(stream.as_fd()).ok()?;
    Some(Path {
        shortest_round_trip: path.shortest_round_trip,
        round_trip: path.round_trip,
        acknowledged_bytes: path.acknowledged_bytes,
    })
}
