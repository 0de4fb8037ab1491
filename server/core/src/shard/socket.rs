//! The writing side of clients' sockets, as the shard sees it.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IoSlice},
};

use bytes::Bytes;
use smallvec::SmallVec;

/// Buffers handed to the kernel in one system call, at most. Linux takes 1,024 (`IOV_MAX`); more
/// than this brings nothing, and the array lives on the stack.
pub(super) const SLICES_MAX: usize = 64;

/// Connections that are written to in one call of [`WriteMany`], at most: more would save nothing.
pub const WRITE_MANY_MAX: usize = 64;

/// Bytes that each of several sockets took.
pub type Written = SmallVec<[usize; WRITE_MANY_MAX]>;

/// The writing side of a client's socket.
pub trait Socket {
    /// Writes what can be written without waiting: the number of bytes, or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// Writes to several connections at once, in one system call where the kernel has one for it.
pub trait WriteMany<S>: fmt::Debug {
    /// Writes what can be written without waiting, and adds to `written` how many bytes each
    /// socket took. A socket that took less than it was given is tried alone afterwards, which
    /// tells the reason. So 0 is right for any error, and for a socket that this cannot write to.
    fn write_many(&mut self, writes: &[Write<'_, S>], written: &mut Written);
}

/// The frames that wait for one socket.
#[derive(Debug)]
pub struct Write<'a, S> {
    /// Where they go.
    pub socket: &'a S,
    pub(super) frames: &'a VecDeque<Bytes>,
}

impl<'a, S> Write<'a, S> {
    /// The first of them, as many as one system call is given.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, S> {
        self.frames.iter().take(SLICES_MAX).map(|frame| &frame[..])
    }
}
