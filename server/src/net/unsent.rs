//! Bounds what the kernel holds for a TCP connection.

use std::{
    io::{self, IoSlice},
    os::fd::AsFd,
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::KernelBound;
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

/// The round trip without the queues of the network, if the kernel knows it.
pub(super) fn round_trip(stream: &TcpStream) -> Option<Duration> {
    tickcast_uring::shortest_round_trip(stream.as_fd()).ok()
}
