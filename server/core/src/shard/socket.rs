//! The write side of clients' sockets, as the shard uses it.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;

/// Maximum number of buffers per system call. Linux accepts 1,024 (`IOV_MAX`). More than this would
/// gain nothing, and the array is on the stack.
pub(super) const SLICES_MAX: usize = 64;

/// Maximum number of connections per call of [`WriteMany`]; more would save nothing.
pub const WRITE_MANY_MAX: usize = 64;

/// Number of bytes that each of several sockets accepted.
pub type Written = SmallVec<[usize; WRITE_MANY_MAX]>;

/// Bounds of the bytes that the kernel holds for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelBound {
    /// Maximum bytes that have not been sent.
    pub unsent: u32,
    /// Maximum bytes that have not been acknowledged, those that have not been sent included.
    /// `None` leaves it to the kernel.
    pub all: Option<u32>,
}

/// What the kernel knows about the way to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The shortest round trip: the way without its queues.
    pub shortest_round_trip: Duration,
    /// The round trip now, smoothed.
    pub round_trip: Duration,
    /// Bytes that the client has acknowledged so far.
    pub acknowledged_bytes: u64,
}

/// The write side of a client's socket.
pub trait Socket {
    /// Writes as much as possible without waiting. Returns the number of bytes, or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Hands the kernel what the socket has accepted and still holds, or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the kernel does not take all of it. Only a
    /// socket that transforms the bytes holds some, such as one with TLS.
    fn try_flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Whether the socket holds something that [`try_flush`](Self::try_flush) has to hand over.
    fn is_holding(&self) -> bool {
        false
    }

    /// Lets the socket take more than usual, for the close frame of a client that does not read.
    fn make_room(&self) {}

    /// Writes in the same way, and asks the kernel to keep these bytes apart from later ones. So it
    /// decides anew for each write whether there is room.
    fn try_write_apart(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(slices)
    }

    /// Bounds the bytes that the kernel holds.
    fn bound(&self, bound: KernelBound) {
        let _ = bound;
    }

    /// The way to the client, if it is known.
    fn path(&self) -> Option<Path> {
        None
    }
}

/// Writes to several connections at once, with one system call where the kernel offers one.
pub trait WriteMany<S>: fmt::Debug {
    /// Writes as much as possible without waiting, and appends to `written` the number of bytes
    /// that each socket accepted.
    ///
    /// The caller then tries a socket that accepted less than it was given on its own, which shows
    /// the reason. So 0 is correct for any error, and for a socket that this cannot write to.
    fn write_many(&mut self, writes: &[Write<'_, S>], written: &mut Written);
}

/// The unsent frames of one socket.
#[derive(Debug)]
pub struct Write<'a, S> {
    /// The socket they go to.
    pub socket: &'a S,
    pub(super) frames: &'a VecDeque<Bytes>,
    /// Maximum bytes of one write.
    pub(super) bytes_max: usize,
    /// See [`Socket::try_write_apart`].
    pub is_apart: bool,
}

impl<'a, S> Write<'a, S> {
    /// The first frames, up to the limits of one write.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, S> {
        let mut left = self.bytes_max;
        self.frames.iter().take(SLICES_MAX).map_while(move |frame| {
            let part = &frame[..frame.len().min(left)];
            left -= part.len();
            (!part.is_empty()).then_some(part)
        })
    }
}
