//! The write side of clients' sockets, as the shard uses it.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
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

/// The write side of a client's socket.
pub trait Socket {
    /// Writes as much as possible without waiting. Returns the number of bytes, or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Lets the socket take more than usual, for the close frame of a client that does not read.
    fn make_room(&self) {}
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
}

impl<'a, S> Write<'a, S> {
    /// The first frames, up to the limit of one system call.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, S> {
        self.frames.iter().take(SLICES_MAX).map(|frame| &frame[..])
    }
}
